//! What a command used, as the system counted it.

use serde::{Deserialize, Serialize};

use crate::outcome::duration;

/// Longer than any command has computed, in milliseconds: a thousand years.
const CPU_MAX_MS: u64 = 1_000 * 365 * 24 * 60 * 60 * 1_000;
/// More than a process can address, in bytes.
const PROCESS_MAX: u64 = 1 << 57;

/// What the shell used and every process that it waited for, and that those waited for. The system counts no process
/// that its parent did not wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time of all of them, in the program and in the kernel, in milliseconds.
    pub cpu_ms: u64,
    /// The most resident memory that a single one of them had. The sum is not known.
    pub largest_process_bytes: u64,
}

impl Usage {
    /// Drops figures that no system can have counted. A sandboxed command can write what it likes.
    pub fn if_possible(self) -> Option<Self> {
        let is_possible = self.cpu_ms <= CPU_MAX_MS && self.largest_process_bytes <= PROCESS_MAX;
        is_possible.then_some(self)
    }

    /// For people: "3 min 12 s of processor time, 1.2 GB in its largest process".
    pub fn sentence(self) -> String {
        let time = duration(self.cpu_ms);
        format!(
            "{time} of processor time, {} in its largest process",
            size(self.largest_process_bytes)
        )
    }
}

/// A size for people: `12 bytes`, `3.4 kB`, `1.2 MB`.
pub fn size(bytes: u64) -> String {
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

    #[test]
    fn a_sentence_claims_no_sum_of_memory() {
        let usage = Usage { cpu_ms: 192_400, largest_process_bytes: 1_200_000_000 };
        let expected = "3 min 12 s of processor time, 1.2 GB in its largest process";
        assert_eq!(usage.sentence(), expected);
    }

    #[test]
    fn impossible_figures_are_dropped() {
        let cases = [
            (0, 0, true),
            (CPU_MAX_MS, PROCESS_MAX, true),
            (CPU_MAX_MS + 1, 0, false),
            (0, PROCESS_MAX + 1, false),
            (u64::MAX, u64::MAX, false),
        ];
        for (cpu_ms, largest_process_bytes, is_kept) in cases {
            let usage = Usage { cpu_ms, largest_process_bytes };
            assert_eq!(usage.if_possible().is_some(), is_kept, "{usage:?}");
        }
    }
}
