//! The sources of an ending, by rank.

use serde::{Deserialize, Serialize};

/// What reported an ending. A higher source corrects a lower one, never the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// No process saw it: it follows from what is missing.
    #[default]
    Concluded,
    /// Claude Code's notice, which names no exit code.
    Client,
    /// A runner in the sandbox, where a hostile command may have written in its place.
    SandboxedRunner,
    /// Claude Code's notice with an exit code.
    ClientExitCode,
    /// A runner outside the sandbox, which waited for the process.
    Runner,
}
