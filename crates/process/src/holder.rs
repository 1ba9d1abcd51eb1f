//! Who holds a lock, and what that process has started: asked of the kernel, because what stands in a file may be
//! anybody's word.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::identity::ProcessId;
use crate::sys;
use crate::tree::descendants;

/// A process that holds a lock. Whether it is the one that should is for the caller to judge: a lock file that others
/// can write to may have been exchanged for one that a stranger holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub process: ProcessId,
    /// The file that it executes.
    pub program: PathBuf,
    /// The file behind its standard output.
    pub output: PathBuf,
    pub numbers: PidNamespace,
}

/// In which numbers a process knows processes, and so by which number it knows who signals it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PidNamespace {
    /// In those of this process.
    Ours,
    /// In those of a namespace of its own: it can't tell who of us signals it.
    ItsOwn,
}

/// Who holds the exclusive lock of the file `lock`; `None` if no process does that we may look at. An error where the
/// system does not tell.
pub fn holder(lock: &Path) -> Result<Option<Holder>> {
    let Some(file) = sys::lock_file(lock)? else { return Ok(None) };
    for pid in sys::lock_holders()? {
        let Some(process) = ProcessId::now(pid) else { continue };
        if !sys::holds(pid, &file) {
            continue;
        }
        let (Some(program), Some(output)) = (sys::program(pid), sys::standard_output(pid)) else {
            continue;
        };
        let numbers =
            if sys::counts_as_we_do(pid) { PidNamespace::Ours } else { PidNamespace::ItsOwn };
        // All of that was said of whoever had the number.
        if process.is_alive() {
            return Ok(Some(Holder { process, program, output, numbers }));
        }
    }
    Ok(None)
}

/// Everything that a process has started, as far as it can be told: its descendants, and who left them but not the
/// process group that a child of it leads.
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
    // Of a number that meanwhile belongs to somebody else nothing is ours.
    if process.is_alive() { found } else { Vec::new() }
}

/// Lets a process go on that somebody suspended. That it was not, or is gone, is no error.
pub fn resume(process: ProcessId) {
    if process.is_alive() {
        sys::resume(process.pid);
    }
}
