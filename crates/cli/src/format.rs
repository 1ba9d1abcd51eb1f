//! One-line descriptions of a task.

use sisyphus_base::text::one_line;
use sisyphus_state::reach::place_out_of_reach;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;

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

/// A size for people: `12 bytes`, `3.4 kB`, `1.2 MB`.
pub(crate) fn size(bytes: u64) -> String {
    let in_units = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        1 => "1 byte".to_owned(),
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", in_units(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", in_units(1_000_000)),
        _ => format!("{} GB", in_units(1_000_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_like_speech() {
        let cases = [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (123_456, "123.4 kB"),
            (9_999_999, "9.9 MB"),
            (u64::MAX, "18446744073.7 GB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(size(bytes), expected);
        }
    }
}
