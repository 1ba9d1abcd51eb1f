//! The processes that a command has started.

use std::collections::BTreeSet;

use crate::identity::ProcessId;
use crate::sys;

/// Every living descendant of these processes, found by parent number, children of their own sessions included. A
/// daemon that gave itself another parent is not among them, with or without us. Empty where the system does not tell.
pub fn descendants(pids: &[i32]) -> Vec<ProcessId> {
    let all = sys::processes();
    let mut found: BTreeSet<i32> = BTreeSet::new();
    let mut parents = pids.to_vec();
    while let Some(parent) = parents.pop() {
        for (child, stat) in &all {
            if stat.parent == parent && found.insert(*child) {
                parents.push(*child);
            }
        }
    }
    let descendants = all.iter().filter(|(pid, _)| found.contains(pid));
    descendants.map(|(pid, stat)| ProcessId { pid: *pid, start: stat.start }).collect()
}

/// Sends `signal` to each that is still the process it was.
pub fn signal_all(processes: &[ProcessId], signal: i32) {
    for process in processes {
        if process.is_alive() {
            sys::signal(process.pid, signal);
        }
    }
}

/// Those that still run.
pub fn alive(processes: &[ProcessId]) -> Vec<ProcessId> {
    processes.iter().copied().filter(|process| process.is_alive()).collect()
}
