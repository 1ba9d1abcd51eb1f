//! The process that holds a lock, and what it has started. On Unix the answers come from the kernel, because any process
//! may have written what is in a file: a command in Claude Code's sandbox, too. Windows has no sandbox, and asks a file.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::identity::ProcessId;
use crate::sys;
use crate::tree::{descendants, members};

/// A process that holds a lock. The caller judges whether it is the right one: if others can write to a lock file, they
/// may have replaced it with one that their own process holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub process: ProcessId,
    /// The file that it executes.
    pub program: PathBuf,
    /// The file behind its standard output.
    pub output: PathBuf,
    pub numbers: PidNamespace,
}

/// The namespace that a process numbers other processes in, and so by which number it knows the sender of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PidNamespace {
    /// The namespace of this process.
    Ours,
    /// A namespace of its own: it can't identify which of our processes signals it.
    ItsOwn,
}

/// Everything that a process has started, as far as it can be known: its descendants, and the members of each process
/// group that a child of it leads, even if their parent has changed.
pub fn started_by(process: ProcessId) -> Vec<ProcessId> {
    let all = sys::processes();
    let leaders = all
        .iter()
        .filter(|stat| stat.parent == process.pid && stat.group == stat.id.pid && stat.id.pid > 1);
    let groups: Vec<i32> = leaders.map(|stat| stat.id.pid).collect();
    let members = members(&groups);
    let roots: Vec<i32> = members.iter().chain([&process]).map(|root| root.pid).collect();
    let found: BTreeSet<ProcessId> = members.into_iter().chain(descendants(&roots)).collect();
    // If another process has the number now, none of these belong to `process`.
    if process.is_alive() { found.into_iter().collect() } else { Vec::new() }
}

/// Resumes a suspended process. It is no error if the process is not suspended, or is gone.
pub fn resume(process: ProcessId) {
    if process.is_alive() {
        sys::resume(process.pid);
    }
}

/// Makes a runner look at its run folder again.
pub fn wake_runner(process: ProcessId) {
    if process.is_alive() {
        sys::wake_runner(process.pid);
    }
}
