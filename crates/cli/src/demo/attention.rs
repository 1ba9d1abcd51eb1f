//! Waits that a signal interrupts, because the demonstration has to clean up before it ends.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;
use sisyphus_process::{Notice, Signals};

/// The signals of this process.
#[derive(Debug)]
pub(super) struct Attention {
    signals: Signals,
}

/// A signal asked the demonstration to end.
#[derive(Debug)]
pub(super) struct Interrupted(pub(super) i32);

impl fmt::Display for Interrupted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "interrupted by signal {}", self.0)
    }
}

impl std::error::Error for Interrupted {}

impl Attention {
    pub(super) fn pay() -> Result<Self> {
        Ok(Self { signals: Signals::collect()? })
    }

    /// The signal that has already arrived, if any. A hook that fails then was interrupted by it too.
    pub(super) fn interruption(&mut self) -> Option<i32> {
        self.signals.pending().ok().flatten()
    }

    /// Waits until a child may have ended, for at most this long.
    pub(super) fn pause(&mut self, at_most: Duration) -> Result<()> {
        self.pause_until(Instant::now() + at_most)
    }

    /// Waits until a child may have ended, until `deadline` at most.
    pub(super) fn pause_until(&mut self, deadline: Instant) -> Result<()> {
        match self.signals.wait(Some(deadline))? {
            Notice::Signal { number, .. } => Err(Interrupted(number).into()),
            Notice::Child | Notice::Deadline | Notice::Woken => Ok(()),
        }
    }
}
