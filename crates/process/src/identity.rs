//! A process that can't be mistaken for a later one with the same number.

use std::process::Child;

use crate::sys;

/// A process number with the time when that process started. The system may give the number alone to another process
/// before a signal is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessId {
    pub pid: i32,
    /// The kernel's start time, in its own unit. `None` if the system does not provide it.
    pub start: Option<u64>,
}

impl ProcessId {
    /// The process that has this number now; `None` if there is none, or only a zombie.
    pub fn now(pid: i32) -> Option<Self> {
        sys::identity(pid)
    }

    /// This process.
    pub fn own() -> Self {
        let pid = signed(std::process::id());
        Self::now(pid).unwrap_or(Self { pid, start: None })
    }

    /// Whether it belongs to the process group `group`.
    pub fn is_in_group(self, group: i32) -> bool {
        sys::stat(self.pid).is_some_and(|stat| stat.group == group)
    }

    /// Whether this very process still runs.
    pub fn is_alive(self) -> bool {
        Self::now(self.pid) == Some(self)
    }
}

/// The number of a child.
pub fn pid_of(child: &Child) -> i32 {
    signed(child.id())
}

fn signed(pid: u32) -> i32 {
    i32::try_from(pid).unwrap_or(i32::MAX)
}
