//! The process that holds a lock, and what it has started. The answers come from the kernel, because any process may
//! have written what is in a file.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::identity::ProcessId;
use crate::sys;
use crate::tree::descendants;

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
    let leads =
        |pid: i32, stat: &sys::Stat| stat.parent == process.pid && stat.group == pid && pid > 1;
    let groups: BTreeSet<i32> =
        all.iter().filter(|(pid, stat)| leads(*pid, stat)).map(|(pid, _)| *pid).collect();
    let members = all.iter().filter(|(_, stat)| groups.contains(&stat.group));
    let mut found: Vec<ProcessId> =
        members.map(|(pid, stat)| ProcessId { pid: *pid, start: stat.start }).collect();
    let roots: Vec<i32> = found.iter().map(|member| member.pid).chain([process.pid]).collect();
    let more = descendants(&roots);
    let known: BTreeSet<i32> = found.iter().map(|member| member.pid).collect();
    found.extend(more.into_iter().filter(|other| !known.contains(&other.pid)));
    // If another process has the number now, none of these belong to `process`.
    if process.is_alive() { found } else { Vec::new() }
}

/// Resumes a suspended process. It is no error if the process is not suspended, or is gone.
pub fn resume(process: ProcessId) {
    if process.is_alive() {
        sys::resume(process.pid);
    }
}
