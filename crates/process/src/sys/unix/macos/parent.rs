//! What ends with the process that started it.

use std::process::Command;
use std::thread;

use anyhow::{Context as _, Result, ensure};
use nix::errno::Errno;
use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};
use nix::sys::signal::Signal;

use super::super::{parent, signal_self};

/// Sends TERM to this process when its [`parent`] dies, for whatever reason: a thread waits until the kernel reports that.
/// It is an error if another process is the parent already.
pub fn end_with_parent(expected: i32) -> Result<()> {
    let context = || "could not ask to end with the parent";
    let kernel = Kqueue::new().context(context())?;
    let number = usize::try_from(expected).context(context())?;
    let exit =
        KEvent::new(number, EventFilter::EVFILT_PROC, EvFlags::EV_ADD, FilterFlag::NOTE_EXIT, 0, 0);
    // The kernel refuses a process that is gone.
    kernel.kevent(&[exit], &mut [], None).context(context())?;
    // Another process may have had the number.
    ensure!(parent() == expected, "the parent is gone");
    let wait = move || {
        while kernel.kevent(&[], &mut [exit], None) == Err(Errno::EINTR) {}
        signal_self(Signal::SIGTERM as i32);
    };
    thread::Builder::new().spawn(wait).context("could not start a thread")?;
    Ok(())
}

/// Whether the kernel kills a command whose runner was killed.
pub const KILLED_WITH_RUNNER: bool = false;

/// Nothing does that here: the command outlives a runner that was killed. Claude Code kills the processes below the runner
/// too.
pub(in super::super) fn die_with_parent(_: &mut Command) {}
