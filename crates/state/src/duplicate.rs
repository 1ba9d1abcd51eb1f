//! Finds a live command with the text and the folder of another one.

use std::path::Path;

use chrono::{DateTime, Utc};
use sisyphus_base::id::Ticket;
use sisyphus_tasks::call::is_whole;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Kind, Task};

use crate::store::Active;

/// The oldest command with this text in this folder that was called before `ticket` and runs, or is queued. A text of
/// which records hold no more than the beginning has no equal.
pub fn duplicate<'a>(
    active: &'a Active,
    command: &str,
    cwd: &Path,
    ticket: Ticket,
    now: DateTime<Utc>,
) -> Option<&'a Task> {
    if !is_whole(command) {
        return None;
    }
    let is_equal = |task: &&Task| {
        matches!(task.kind, Kind::Command | Kind::Service)
            && task.command.trim() == command.trim()
            && task.cwd == cwd
            && task.ticket < ticket
    };
    active.live().filter(is_equal).find(|task| is_under_way(task, now))
}

/// Whether Claude Code calls it a background task, and nothing says that it has ended or is about to.
fn is_under_way(task: &Task, now: DateTime<Utc>) -> bool {
    let is_in_status = match task.status() {
        Status::Queued { .. } | Status::Running { .. } => true,
        Status::Pending { .. } | Status::Finished(_) => false,
    };
    is_in_status
        && task.is_confirmed()
        && task.unlisted == 0
        && task.stop_requested_by(now).is_none()
}

#[cfg(test)]
mod tests {
    use sisyphus_tasks::outcome::{Canceller, Outcome};
    use sisyphus_tasks::status::Watch;
    use sisyphus_tasks::task::StopRequest;
    use sisyphus_tasks::task::samples::{confirmed, finished, in_status, pending};

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn running(task: Task, watch: Watch) -> Task {
        in_status(task, Status::Running { started_at: at(0), watch })
    }

    fn live() -> Task {
        running(confirmed("t1", 1), Watch::Supervised)
    }

    fn with(change: impl FnOnce(&mut Task)) -> Task {
        let mut task = live();
        change(&mut task);
        task
    }

    fn found(task: Task, command: &str, cwd: &str, ticket: u64) -> bool {
        let mut active = Active::default();
        active.insert(task);
        duplicate(&active, command, Path::new(cwd), Ticket(ticket), at(90)).is_some()
    }

    #[test]
    fn text_and_folder_are_the_same() {
        let cases = [
            ("npm test", "/home/dev/proj", 2, true),
            (" npm test\n", "/home/dev/proj", 2, true),
            ("npm  test", "/home/dev/proj", 2, false),
            ("npm test", "/home/dev/other", 2, false),
            ("npm test", "/home/dev/proj", 1, false),
        ];
        for (command, cwd, ticket, expected) in cases {
            assert_eq!(found(live(), command, cwd, ticket), expected, "{command} {cwd} {ticket}");
        }
        let long = format!("echo {}", "x".repeat(1_990));
        let task = with(|task| task.command = long.clone());
        assert!(!found(task.clone(), &long[..1_990], "/home/dev/proj", 2));
        assert!(found(task.clone(), &long, "/home/dev/proj", 2));
        let longer = format!("{long}{}", "x".repeat(20));
        assert!(!found(task, &longer, "/home/dev/proj", 2));
    }

    #[test]
    fn only_what_is_under_way_counts() {
        let stopped = StopRequest::new(Canceller::Model, at(90));
        let queued = Status::Queued { queued_at: at(0) };
        let cases = [
            (live(), true),
            (running(confirmed("t1", 1), Watch::Observed), true),
            (in_status(confirmed("t1", 1), queued), true),
            (with(|task| task.kind = Kind::Service), true),
            (confirmed("t1", 1), false),
            (running(pending("t1", 1), Watch::Supervised), false),
            (finished("t1", Outcome::Completed), false),
            (with(|task| task.kind = Kind::Agent), false),
            (with(|task| task.unlisted = 1), false),
            (with(|task| task.stop_request = Some(stopped)), false),
        ];
        for (number, (task, expected)) in cases.into_iter().enumerate() {
            assert_eq!(found(task, "npm test", "/home/dev/proj", 2), expected, "case {number}");
        }
    }
}
