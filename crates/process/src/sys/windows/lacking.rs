//! What Windows does not have, or what the runner of Claude Code's own commands would need, which are observed there.

use std::fs::File;
use std::path::PathBuf;
use std::process::Child;

use anyhow::Result;

use super::super::no_memory_group::MemoryGroup;
use super::super::{Caller, Plan, Side};

const UNSUPPORTED: &str = "Claude Code's commands are not supervised on Windows";

/// Whether a signal means what a running program makes of it. No event of Windows does.
pub fn is_message(_: i32) -> bool {
    false
}

pub fn split_apart(_: &File) -> Result<Side> {
    anyhow::bail!(UNSUPPORTED)
}

pub fn caller() -> Result<Caller> {
    anyhow::bail!(UNSUPPORTED)
}

pub fn own_key() -> Result<String> {
    anyhow::bail!(UNSUPPORTED)
}

pub fn caller_key() -> Result<String> {
    anyhow::bail!(UNSUPPORTED)
}

pub fn own_output_file() -> Result<(PathBuf, File)> {
    anyhow::bail!(UNSUPPORTED)
}

pub fn spawn(_: &Plan, _: Option<&mut MemoryGroup>) -> Result<Child> {
    anyhow::bail!(UNSUPPORTED)
}

pub fn survive_file_size_limit() {}

/// They need nothing.
pub fn prepare_streams() -> Result<()> {
    Ok(())
}

pub fn parent() -> i32 {
    0
}

/// Windows names no parent.
pub fn can_end_with_parent() -> bool {
    false
}

pub fn end_with_parent(_: i32) -> Result<()> {
    anyhow::bail!(UNSUPPORTED)
}
