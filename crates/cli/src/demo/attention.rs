//! Waits that a signal interrupts, because the demonstration has to clean up before it ends.

use std::fmt;
use std::time::Instant;

use anyhow::Result;
use sisyphus_process::{Notice, Signals};

/// A signal asked the demonstration to end.
#[derive(Debug)]
pub(super) struct Interrupted(pub(super) i32);

impl fmt::Display for Interrupted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "interrupted by signal {}", self.0)
    }
}

impl std::error::Error for Interrupted {}

/// Waits until a child may have ended, until `deadline` at most.
pub(super) fn pause_until(signals: &mut Signals, deadline: Instant) -> Result<()> {
    match signals.wait(Some(deadline))? {
        Notice::Signal { number, .. } => Err(Interrupted(number).into()),
        Notice::Child | Notice::Deadline | Notice::Woken => Ok(()),
    }
}
