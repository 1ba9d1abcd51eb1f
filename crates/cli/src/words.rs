//! What is said of a task on one line.

use sisyphus_core::notice::heading;
use sisyphus_core::status::Status;
use sisyphus_core::task::Task;

/// Says how a task ended, or what it does.
pub(crate) fn how_it_ended(task: &Task) -> String {
    format!("{} {}.\n", heading(task), predicate(task))
}

/// The sentence about a task without its subject.
pub(crate) fn predicate(task: &Task) -> String {
    match &task.status {
        Status::Finished(ending) => ending.outcome.sentence(ending.duration_ms),
        status @ (Status::Pending { .. } | Status::Queued { .. } | Status::Running { .. }) => {
            format!("is {}", status.word())
        }
    }
}
