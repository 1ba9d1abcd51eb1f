//! What ends with the process that started it: the kernel sees to that.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use super::super::parent;

/// Has the kernel send TERM to this process when its [`parent`] dies, for whatever reason. It is an error if another
/// process is the parent already.
pub fn end_with_parent(expected: i32) -> Result<()> {
    set_pdeathsig(Signal::SIGTERM).context("could not ask to end with the parent")?;
    ensure!(parent() == expected, "the parent is gone");
    Ok(())
}

/// Whether the kernel kills a command whose runner was killed.
pub const KILLED_WITH_RUNNER: bool = true;

/// A process that kills the runner means the shell in whose place it runs. SIGKILL can't be forwarded, so the kernel
/// kills the command when the runner dies.
pub(in super::super) fn die_with_parent(command: &mut Command) {
    let set = || set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from);
    // SAFETY: between fork and exec only this one system call is made; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(set) };
}
