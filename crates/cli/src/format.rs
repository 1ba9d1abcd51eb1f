//! One-line descriptions of a task.

use sisyphus_base::text::one_line;
use sisyphus_state::reach::place_out_of_reach;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;

pub(crate) use sisyphus_tasks::usage::size;

/// Longest name of a host, in characters.
const PLACE_MAX: usize = 100;

/// One character for the state or the outcome of a task.
pub(crate) mod sign {
    pub(crate) const RUNS: &str = "▶";
    pub(crate) const WAITS: &str = "⏳";
    pub(crate) const GOOD: &str = "✔";
    pub(crate) const BAD: &str = "✖";
}

/// The sentence about the state or the outcome of a task.
pub(crate) fn how_it_ended(task: &Task) -> String {
    format!("{} {}.\n", task.heading(), predicate(task))
}

/// The sentence about a task without its subject.
pub(crate) fn predicate(task: &Task) -> String {
    match task.status() {
        Status::Finished(ending) => ending.sentence(task.kind),
        status @ (Status::Pending { .. } | Status::Queued { .. } | Status::Running { .. }) => {
            match place_out_of_reach(task) {
                Some(place) => format!("is out of reach, on {}", one_line(place, PLACE_MAX)),
                None => format!("is {}", status.word()),
            }
        }
    }
}
