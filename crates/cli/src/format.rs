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
    use crate::style::Hue;

    pub(crate) const RUNS: &str = "▶";
    pub(crate) const WAITS: &str = "⏳";
    pub(crate) const GOOD: &str = "✔";
    pub(crate) const BAD: &str = "✖";
    const OTHER: &str = "–";

    /// The sign that goes with a colour.
    pub(crate) fn of(hue: Hue) -> &'static str {
        match hue {
            Hue::Live => RUNS,
            Hue::Waiting => WAITS,
            Hue::Good => GOOD,
            Hue::Bad => BAD,
            Hue::None | Hue::Dim | Hue::Title => OTHER,
        }
    }
}

/// The sentence about the state or the outcome of a task.
pub(crate) fn how_it_ended(task: &Task) -> String {
    format!("{} {}.\n", task.heading(), predicate(task))
}

/// The sentence about a task without its subject.
pub(crate) fn predicate(task: &Task) -> String {
    match task.status() {
        Status::Finished(ending) => ending.sentence(task.kind),
        Status::Pending { .. } | Status::Queued { .. } | Status::Running { .. } => {
            match place_out_of_reach(task) {
                Some(place) => format!("is out of reach, on {}", one_line(place, PLACE_MAX)),
                None => format!("is {}", task.word()),
            }
        }
    }
}
