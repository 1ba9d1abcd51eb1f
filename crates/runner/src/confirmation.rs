//! As long as it is not known that the client calls this shell a background command.

use std::time::{Duration, Instant};

/// How long a shell may wait that the client has not called a background command, while a call of its words is announced.
/// The answer comes within milliseconds of the shell's start, on a machine with hundreds of calls at once within seconds;
/// a foreground command with the same words must not be delayed for longer than this.
const PATIENCE: Duration = Duration::from_secs(30);
/// The first of the growing pauses in which that is looked at.
const CHECK: Duration = Duration::from_millis(10);

/// When to look, and for how long.
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

    /// When to look.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// The look was in vain: the doubt until the next one, `None` if it has lasted long enough.
    pub(crate) fn goes_on(self) -> Option<Self> {
        let now = Instant::now();
        let next = (now + self.pause).min(self.until);
        (now < self.until).then_some(Self { pause: self.pause * 2, next, ..self })
    }
}
