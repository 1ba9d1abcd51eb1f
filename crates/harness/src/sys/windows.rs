//! On Windows the harness compiles, so that the workspace checks there, but it can't run Claude Code yet.

use std::io;
use std::path::Path;
use std::process::Command;

pub fn is_root() -> bool {
    false
}

pub fn user_id() -> u32 {
    0
}

pub fn own_group(_command: &mut Command) {}

pub fn terminate_group(_leader: u32) {}

pub fn kill_group(_leader: u32) {}

pub fn is_in_group(_id: u32, _leader: u32) -> bool {
    false
}

pub fn kill_process(_id: u32) {}

pub fn is_alive(_id: u32) -> bool {
    false
}

pub fn started_with(_variable: &str) -> Vec<u32> {
    Vec::new()
}

pub fn make_executable(_file: &Path) -> io::Result<()> {
    Ok(())
}

/// There are no pipes with a place among the files.
pub fn make_pipe(_path: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
