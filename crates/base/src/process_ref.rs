//! A process as state files name it.

use serde::{Deserialize, Serialize};

/// A process that can't be mistaken for a later one with the same number. The number means something only in its
/// process namespace; see `sisyphus_process` for what can be said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRef {
    pub pid: i32,
    /// The kernel's start time, in its own unit. `None` where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// The process namespace that the number belongs to, by its inode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<u64>,
}
