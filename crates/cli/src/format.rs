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

/// Whether it waits for its turn, whatever it waits for. A call that may still be denied does not.
pub(crate) fn is_queued(task: &Task) -> bool {
    match task.status() {
        Status::Queued { .. } => true,
        Status::Pending { .. } => task.is_confirmed(),
        Status::Running { .. } | Status::Finished(_) => false,
    }
}

/// The word for the status, for people. They need one for all that waits for its turn.
pub(crate) fn word(task: &Task) -> &'static str {
    if is_queued(task) { "queued" } else { task.status().word() }
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
                None if is_queued(task) => "is queued".to_owned(),
                None => format!("is {}", status.word()),
            }
        }
    }
}
