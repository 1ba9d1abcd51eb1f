//! What the end of its session does to a command.

use serde::{Deserialize, Serialize};

/// Whether a command goes on when its session ends. Only the user's own settings say so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Survival {
    /// Claude Code stops it, as it stops all its commands.
    #[default]
    EndsWithSession,
    /// Its runner is outside of Claude Code's process tree, so it goes on.
    Kept,
}
