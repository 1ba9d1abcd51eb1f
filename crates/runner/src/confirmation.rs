//! Whether Claude Code calls this shell a background command, and how long and how often the runner checks that.

use std::time::{Duration, Instant};

/// How long a shell may wait without Claude Code's confirmation, while a call with the same text is announced. The
/// confirmation comes within milliseconds of the shell's start, or within seconds on a machine with hundreds of calls
/// at once. A foreground command with the same text must not wait longer than this.
const PATIENCE: Duration = Duration::from_secs(30);
/// The first of the growing pauses between two checks.
const CHECK: Duration = Duration::from_millis(10);

/// What is known about the shell that the runner replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirmation {
    /// Claude Code calls this very shell a background command, with this time limit in milliseconds.
    Background { limit_ms: Option<u64> },
    /// It does, and the user asked to stop it.
    AskedToStop,
    /// It has not done so yet.
    Unknown,
    /// Every announced call with the same text belongs to another shell. So this is a foreground command, which we must
    /// neither delay nor stop.
    Foreground,
}

/// When to check next, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConfirmationPoll {
    until: Instant,
    pause: Duration,
    next: Instant,
}

impl ConfirmationPoll {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self { until: now + PATIENCE, pause: CHECK, next: now + CHECK }
    }

    /// When to check next.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// Schedules the next check after an unsuccessful one; `None` if the time limit has passed.
    pub(crate) fn goes_on(self) -> Option<Self> {
        let now = Instant::now();
        let next = (now + self.pause).min(self.until);
        (now < self.until).then_some(Self { pause: self.pause * 2, next, ..self })
    }
}
