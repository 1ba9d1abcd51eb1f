//! SessionEnd: marks what runs, so that a stop that follows is known for what it is, and closes what nobody will see
//! end. Within the 1.5 s that all hooks share.

use anyhow::Result;
use chrono::{DateTime, Duration, Utc};
use sisyphus_core::announce::{Unclaimed, forget_unclaimed, is_left_to_client};
use sisyphus_core::fold::advance;
use sisyphus_core::hand_over::leave;
use sisyphus_core::id::SessionId;
use sisyphus_core::judge::unseen_end;
use sisyphus_core::notify::Notes;
use sisyphus_core::outcome::{Canceller, LostReason, Outcome};
use sisyphus_core::status::Status;
use sisyphus_core::store::LOCK_WAIT_IN_HOOK;
use sisyphus_core::task::{StopAsked, Task};
use sisyphus_core::transition::Event;
use sisyphus_hook::{Context, EndReason, Reply, SessionEnd};
use sisyphus_process::client;

use crate::agent;

/// How long before this event the client stops what runs, at most: it stops first and tells us then (measured on
/// 2.1.329), and its KILL comes 2 s after its TERM.
const STOPPED_BEFORE: Duration = Duration::seconds(5);
/// The signals that it stops with.
const STOPPING: [i32; 2] = [9, 15];

/// Handles the event.
pub fn handle(context: &Context, event: SessionEnd) -> Result<Reply> {
    let session = &event.session_id;
    context.fold();
    forget_unclaimed(&context.store, session, Unclaimed::WholeSession)?;
    if event.reason == EndReason::Clear {
        agent::leave(context, session);
        if let Some(client) = client() {
            leave(&context.store, &client, session, context.now)?;
        }
        return Ok(Reply::Silent);
    }
    end_all(context, session)?;
    // Last: the slots of what has ended are free now.
    agent::leave(context, session);
    Ok(Reply::Silent)
}

/// Marks what runs, or closes it. The client is about to stop it.
fn end_all(context: &Context, session: &SessionId) -> Result<()> {
    let runs = context.store.read_active()?.tasks.iter().any(|task| &task.session == session);
    let stopped = |task: &Task| is_stopped_by_end(task, context.now);
    if !runs && !context.store.read_outbox(session)?.owed.iter().any(stopped) {
        return Ok(());
    }
    context.store.update(LOCK_WAIT_IN_HOOK, |transaction| {
        let outbox = transaction.outbox(session)?;
        outbox.forget_series();
        let owed = &mut outbox.owed;
        let corrected: Vec<Task> =
            owed.iter_mut().filter(|task| stopped(task)).map(blame_the_end).collect();
        for task in corrected {
            transaction.finish(task);
        }
        let (theirs, others) = std::mem::take(&mut transaction.active.tasks)
            .into_iter()
            .partition(|task| &task.session == session);
        transaction.active.tasks = others;
        for mut task in theirs {
            if is_left_to_client(&task) {
                let ending = unseen_end(&task, LostReason::SessionEnded, context.now);
                advance(transaction, task, Event::Ended(ending))?;
            } else {
                if task.stopper(context.now).is_none() {
                    let asked = StopAsked::new(Canceller::SessionEnd, context.now);
                    task.stop_asked = Some(asked);
                }
                transaction.active.insert(task);
            }
        }
        Ok(())
    })?;
    // What was stopped just now was the last to end: that is no sum that anybody waits for.
    if context.store.dir().notify().exists() {
        let sums = |notes: &mut Notes| notes.over.retain(|it| &it.session != session);
        context.store.take_notes(LOCK_WAIT_IN_HOOK, sums)?;
    }
    Ok(())
}

/// Whether a task ended, just now, by what only looks like a stranger's signal.
fn is_stopped_by_end(task: &Task, now: DateTime<Utc>) -> bool {
    let Status::Finished(ending) = &task.status else { return false };
    let by_signal = match ending.outcome {
        Outcome::Killed { signal } => STOPPING.contains(&signal),
        Outcome::Cancelled { by } => by == Canceller::Unknown,
        Outcome::Completed
        | Outcome::Failed { .. }
        | Outcome::TimedOut { .. }
        | Outcome::Lost { .. }
        | Outcome::AgentFailed { .. }
        | Outcome::Unknown => false,
    };
    by_signal && now - ending.ended_at <= STOPPED_BEFORE
}

/// Corrects the record in place, and returns it for the history.
fn blame_the_end(task: &mut Task) -> Task {
    if let Status::Finished(ending) = &mut task.status {
        ending.outcome = Outcome::Cancelled { by: Canceller::SessionEnd };
    }
    task.clone()
}
