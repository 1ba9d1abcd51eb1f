//! How a shell of Claude Code becomes a runner: the snippet that SessionStart puts in front of every command, and the
//! string that Claude Code then starts its shell with.

pub mod execution_string;
pub mod snippet;
