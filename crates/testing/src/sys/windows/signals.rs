//! What the fixtures do with signals: there are none.

use std::io::{Error, ErrorKind, Result};
use std::os::windows::process::CommandExt as _;
use std::process::{Child, Command};

/// Signals that never come.
#[derive(Debug)]
pub struct Terms;

impl Terms {
    pub fn collect() -> Result<Self> {
        Err(Error::from(ErrorKind::Unsupported))
    }

    pub fn wait(&self) -> Result<()> {
        Err(Error::from(ErrorKind::Unsupported))
    }
}

/// Does nothing.
pub fn end_by(_: i32) {}

/// There are no sessions: the child leads a process group.
pub fn spawn_in_session(command: &mut Command) -> Result<Child> {
    /// `CREATE_NEW_PROCESS_GROUP`.
    const APART: u32 = 0x200;
    command.creation_flags(APART).spawn()
}
