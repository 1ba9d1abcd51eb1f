//! What the fixtures do with signals: there are none.

use std::io::{Error, ErrorKind, Result};
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

/// There are no sessions.
pub fn spawn_in_session(_: &mut Command) -> Result<Child> {
    Err(Error::from(ErrorKind::Unsupported))
}
