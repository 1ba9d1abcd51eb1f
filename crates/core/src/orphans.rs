//! What only a client watched that is gone: killed, crashed, or down with the machine. Nobody will ever tell of its end.

use anyhow::Result;
use chrono::{DateTime, Utc};

use crate::fold::advance;
use crate::id::TaskId;
use crate::judge::unseen_end;
use crate::outcome::LostReason;
use crate::status::{Status, Watch};
use crate::store::{Active, Claimer, Transaction};
use crate::sys;
use crate::task::Task;
use crate::transition::Event;

/// Whether there is anything of a client that is gone.
pub fn has_orphans(active: &Active, is_alive: impl Fn(&Claimer) -> bool) -> bool {
    let is_gone = is_gone(is_alive);
    active.tasks.iter().any(|task| is_gone(only_watcher(task), task.host.as_ref()))
        || active
            .agents
            .waiting
            .iter()
            .any(|it| is_gone(it.call.process.as_ref(), it.host.as_ref()))
}

/// Ends what only clients watched that are gone, and forgets what stands in line for them. A command of theirs may run
/// on, which nobody can know: it is told as lost.
pub fn bury(
    transaction: &mut Transaction<'_>,
    is_alive: impl Fn(&Claimer) -> bool,
    now: DateTime<Utc>,
) -> Result<()> {
    let is_gone = is_gone(is_alive);
    let active = &mut transaction.active;
    active.agents.waiting.retain(|it| !is_gone(it.call.process.as_ref(), it.host.as_ref()));
    let orphans: Vec<TaskId> = active
        .tasks
        .iter()
        .filter(|task| is_gone(only_watcher(task), task.host.as_ref()))
        .map(|task| task.id.clone())
        .collect();
    for id in orphans {
        let Some(task) = transaction.take(&id) else { continue };
        // A call that was never answered leaves no trace.
        if task.client.is_some() {
            let ending = unseen_end(&task, LostReason::SessionEnded, now);
            advance(transaction, task, Event::Ended(ending))?;
        }
    }
    Ok(())
}

/// The client without which nobody hears of the task's end. A supervised command has its runner.
fn only_watcher(task: &Task) -> Option<&Claimer> {
    match (&task.launched, &task.status) {
        (Some(call), _) => call.process.as_ref(),
        (None, Status::Running { watch: Watch::Observed, .. }) => {
            task.client.as_ref()?.process.as_ref()
        }
        (
            None,
            Status::Pending { .. }
            | Status::Queued { .. }
            | Status::Running { watch: Watch::Supervised, .. }
            | Status::Finished(_),
        ) => None,
    }
}

/// Tells of a client, by its process and machine, whether it is gone.
fn is_gone(
    is_alive: impl Fn(&Claimer) -> bool,
) -> impl Fn(Option<&Claimer>, Option<&String>) -> bool {
    let here = sys::host();
    // The process numbers of another machine, or of another container, mean nothing here.
    move |process, host| host == here.as_ref() && process.is_some_and(|process| !is_alive(process))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ClientTaskId;
    use crate::task::tests::pending;
    use crate::task::{Client, Witness};

    #[test]
    fn only_what_nobody_else_watches_is_an_orphan() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let running = |watch| Status::Running { started_at: now, watch };
        let cases = [
            (running(Watch::Observed), 1, sys::host(), true),
            // Its client lives.
            (running(Watch::Observed), 2, sys::host(), false),
            (running(Watch::Observed), 1, Some("elsewhere".to_owned()), false),
            (running(Watch::Supervised), 1, sys::host(), false),
            // Its shell may still be claimed by a runner.
            (Status::Pending { announced_at: now }, 1, sys::host(), false),
            (Status::Queued { queued_at: now }, 1, sys::host(), false),
        ];
        for (status, pid, host, expected) in cases {
            let id = ClientTaskId::new("b1").unwrap();
            let process = Some(Claimer { pid, start: None });
            let client = Some(Client { process, ..Client::new(id, Witness::Client) });
            let name = format!("{status:?} {pid} {host:?}");
            let mut active = Active::default();
            active.tasks.push(Task { client, host, status, ..pending("t1", 1) });
            assert_eq!(has_orphans(&active, |process| process.pid == 2), expected, "{name}");
        }
    }
}
