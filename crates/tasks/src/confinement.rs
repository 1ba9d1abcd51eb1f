//! Where a command may run.

use serde::{Deserialize, Serialize};

/// Whether a command may run in Claude Code's sandbox. The report of a sandboxed runner counts only for such a call:
/// every sandboxed command can write where that runner does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confinement {
    #[default]
    Outside,
    Sandboxed,
}
