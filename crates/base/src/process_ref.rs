//! A process as state files name it.

use serde::{Deserialize, Serialize};

/// A process that can't be mistaken for a later one with the same number. The number is valid only in its process
/// namespace; see `sisyphus_process` for what can be known about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRef {
    pub pid: i32,
    /// The kernel's start time, in its own unit. `None` if the system does not provide it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// The process namespace that the number belongs to, by its inode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<u64>,
}
