//! Linux and macOS.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub(crate) fn suspend(process: u32) {
    send(process, Signal::SIGSTOP);
}

pub(crate) fn resume(process: u32) {
    send(process, Signal::SIGCONT);
}

pub(crate) fn terminate(process: u32) {
    send(process, Signal::SIGTERM);
}

/// The signal that ended a process, if one did.
pub(crate) fn signal_of(status: ExitStatus) -> Option<i32> {
    status.signal()
}

/// Creates a folder that no other user can enter.
pub(crate) fn create_private_dir(folder: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)
}

fn send(process: u32, signal: Signal) {
    // Gone is as good as signalled. 0 would mean our own group.
    if let Some(process) = i32::try_from(process).ok().filter(|number| *number > 0) {
        let _ = kill(Pid::from_raw(process), signal);
    }
}
