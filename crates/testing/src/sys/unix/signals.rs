//! What the fixtures do with signals.

use std::io::{Error, Result};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

use nix::sys::signal::{SigHandler, SigSet, Signal, raise, signal};

/// Signals of the kind TERM, which end this process no longer.
#[derive(Debug)]
pub struct Terms(SigSet);

impl Terms {
    pub fn collect() -> Result<Self> {
        let mut term = SigSet::empty();
        term.add(Signal::SIGTERM);
        term.thread_block()?;
        Ok(Self(term))
    }

    /// Waits for the next one.
    pub fn wait(&self) -> Result<()> {
        self.0.wait()?;
        Ok(())
    }
}

/// Ends this process by the signal with this number. Returns if that does not end it.
pub fn end_by(number: i32) {
    let Ok(number) = Signal::try_from(number) else { return };
    // The standard library has a handler of its own for SEGV.
    // SAFETY: the default action runs no code of ours.
    let _ = unsafe { signal(number, SigHandler::SigDfl) };
    let _ = raise(number);
}

/// Starts a child in a session of its own.
pub fn spawn_in_session(command: &mut Command) -> Result<Child> {
    let detach = || nix::unistd::setsid().map(drop).map_err(Error::from);
    // SAFETY: between fork and exec only this one system call is made.
    unsafe { command.pre_exec(detach) };
    command.spawn()
}
