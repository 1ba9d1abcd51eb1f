//! Processes as state files name them, for processes that read those files later or in another container.

use sisyphus_base::process_ref::ProcessRef;
use sisyphus_base::sys::pid_namespace;

use crate::identity::ProcessId;
use crate::sys;

/// The parent of this process, which for a hook is Claude Code; `None` if the system does not provide it.
pub fn client() -> Option<ProcessRef> {
    ProcessId::now(sys::parent()).map(named)
}

/// This process.
pub fn this_process() -> ProcessRef {
    named(ProcessId::own())
}

fn named(process: ProcessId) -> ProcessRef {
    ProcessRef { pid: process.pid, start: process.start, namespace: pid_namespace() }
}

/// Whether a process of our namespace still runs. A process of another namespace seems not to run.
pub fn is_alive(process: &ProcessRef) -> bool {
    ProcessId { pid: process.pid, start: process.start }.is_alive()
}

/// Whether a process is known to be gone. Nothing is known about a process that was numbered in another namespace, as
/// in a container or in Claude Code's sandbox.
pub fn is_gone(process: &ProcessRef) -> bool {
    let counts_as_we_do = process.namespace.is_some() && process.namespace == pid_namespace();
    counts_as_we_do && !is_alive(process)
}

// On Windows no process is known to be gone.
#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::process::Command;

    /// `is_gone` calls a process gone only if its namespace is known to be ours.
    #[test]
    fn only_our_namespace_knows_what_is_gone() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let dead = ProcessRef { pid, ..this_process() };
        child.wait().unwrap();
        assert!(!is_gone(&this_process()) && is_alive(&this_process()));
        assert!(is_gone(&dead) && !is_alive(&dead));
        for namespace in [None, Some(1)] {
            assert!(!is_gone(&ProcessRef { namespace, ..dead.clone() }));
        }
    }
}
