//! How much of a task's output is kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What is known about a task's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptOutput {
    /// Everything that the command wrote to stdout and stderr.
    pub bytes: u64,
    /// How many bytes of it were not kept.
    #[serde(default)]
    pub dropped: u64,
    /// Claude Code's own file. It disappears with the temporary folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_file: Option<PathBuf>,
}
