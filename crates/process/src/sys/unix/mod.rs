//! Linux and macOS.

mod apart;
mod child;
#[cfg(any(target_os = "macos", test))]
mod command_line;
mod lock_file;
mod output_file;
mod signals;
mod streams;
mod usage;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use self::linux as system;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use self::macos as system;

pub use apart::split_apart;
pub(crate) use child::{apart, orphan};
pub use child::{
    can_end_with_parent, exec, exit_as, exit_of, parent, spawn, spawn_bound, spawn_detached,
    spawn_on,
};
pub use output_file::own_output_file;
pub(crate) use signals::wake;
pub use signals::{Signals, is_message, survive_file_size_limit};
pub use streams::prepare_streams;
pub use system::{
    Folders, KILLED_WITH_RUNNER, MemoryGroup, OomCounters, caller, caller_key, end_with_parent,
    holder, own_key,
};
pub(crate) use system::{arguments, processes, program, stat, working_folders};
pub use usage::try_wait;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use sisyphus_base::lock::Lock;

use crate::identity::ProcessId;

/// The process that has this number; `None` if there is none, or only a zombie.
pub(crate) fn identity(pid: i32) -> Option<ProcessId> {
    stat(pid).map(|stat| stat.id)
}

/// Takes a lock by which others find this process: the kernel tells them.
pub fn hold(lock: &Path, wait: Duration) -> Result<Lock> {
    Lock::acquire(lock, wait)
}

/// What Claude Code's program is called.
pub const CLIENT_NAMES: [&str; 1] = ["claude"];

/// Sends a signal to one process. It is no error if the process is gone.
pub(crate) fn signal(pid: i32, number: i32) {
    if let Ok(signal) = Signal::try_from(number) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Sends a signal to this process.
pub fn signal_self(number: i32) {
    signal(nix::unistd::getpid().as_raw(), number);
}

/// Sends a signal that ends no process: by default it is ignored.
pub(crate) fn ring(pid: i32) {
    signal(pid, Signal::SIGCHLD as i32);
}

/// Resumes a suspended process.
pub(crate) fn resume(pid: i32) {
    signal(pid, Signal::SIGCONT as i32);
}

/// Makes a runner look at its run folder again.
pub(crate) fn wake_runner(pid: i32) {
    signal(pid, signals::WAKING as i32);
}

/// Whether a process group of that number has a member.
pub(crate) fn group_exists(group: i32) -> bool {
    group > 1 && killpg(Pid::from_raw(group), None).is_ok()
}

/// Sends a signal to a process group. It is no error if the group is gone.
pub fn signal_group(group: i32, number: i32) {
    // Group 0 would mean our own group, and group 1 every process.
    if let (true, Ok(signal)) = (group > 1, Signal::try_from(number)) {
        let _ = killpg(Pid::from_raw(group), signal);
    }
}
