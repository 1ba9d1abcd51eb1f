//! Windows: commands are not supervised there yet. Every function reports that, and tasks are observed instead.

use std::fs::{File, Metadata};
use std::io;
use std::os::windows::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::Result;
use sisyphus_tasks::run::Exit;

use super::{Caller, Notice, Plan, Stat};

const UNSUPPORTED: &str = "commands are not supervised on Windows";

/// Starts a program that no process waits for, without a window.
pub fn spawn_detached(program: &Path, name: &str, value: &Path) -> io::Result<Child> {
    /// `CREATE_NO_WINDOW` and `CREATE_NEW_PROCESS_GROUP`.
    const APART: u32 = 0x0800_0000 | 0x0000_0200;
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).env(name, value);
    command.creation_flags(APART).spawn()
}

/// What the system knows about a process: nothing.
pub(crate) fn stat(_: i32) -> Option<Stat> {
    None
}

/// Every process: none.
pub(crate) fn processes() -> Vec<(i32, Stat)> {
    Vec::new()
}

/// There are no process groups.
pub(crate) fn group_exists(_: i32) -> bool {
    false
}

/// Windows does not list the holders of locks.
pub(crate) fn lock_holders() -> Result<Vec<i32>> {
    anyhow::bail!(UNSUPPORTED)
}

/// Windows does not show which files a process holds open.
pub(crate) fn holds(_: i32, _: &Metadata) -> bool {
    false
}

/// The metadata of a lock file; `None` if there is none.
pub(crate) fn lock_file(path: &Path) -> Result<Option<Metadata>> {
    Ok(path.symlink_metadata().ok())
}

/// Windows does not provide this.
pub(crate) fn program(_: i32) -> Option<PathBuf> {
    None
}

/// Windows does not provide this.
pub(crate) fn standard_output(_: i32) -> Option<PathBuf> {
    None
}

/// Windows does not provide this.
pub(crate) fn process_namespace() -> Option<u64> {
    None
}

/// There are no namespaces.
pub(crate) fn counts_as_we_do(_: i32) -> bool {
    true
}

/// Sends nothing.
pub(crate) fn signal(_: i32, _: i32) {}

/// Does nothing.
pub(crate) fn resume(_: i32) {}

/// Sends nothing.
pub fn signal_group(_: i32, _: i32) {}

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

/// A command that can't be started.
#[derive(Debug)]
pub struct CommandChild;

impl CommandChild {
    pub fn pid(&self) -> i32 {
        0
    }

    pub fn try_wait(&mut self) -> io::Result<Option<Exit>> {
        Err(io::Error::new(io::ErrorKind::Unsupported, UNSUPPORTED))
    }
}

pub fn spawn(_: &Plan) -> Result<CommandChild> {
    anyhow::bail!(UNSUPPORTED)
}

pub fn exec(_: &Plan) -> anyhow::Error {
    anyhow::anyhow!(UNSUPPORTED)
}

pub fn exit_as(exit: Exit) -> u8 {
    match exit {
        Exit::Code(code) => u8::try_from(code).unwrap_or(1),
        Exit::Signal(_) | Exit::Unseen | Exit::NotStarted => 1,
    }
}

/// Signals that never come.
#[derive(Debug)]
pub struct Signals;

impl Signals {
    pub fn collect() -> Result<Self> {
        anyhow::bail!(UNSUPPORTED)
    }

    pub fn pending(&mut self) -> Result<Option<i32>> {
        anyhow::bail!(UNSUPPORTED)
    }

    pub fn wait(&mut self, _: Option<Instant>) -> Result<Notice> {
        anyhow::bail!(UNSUPPORTED)
    }
}

/// Wakes nothing.
pub(crate) fn wake() {}

pub fn survive_file_size_limit() {}

pub fn parent() -> i32 {
    0
}

pub fn end_with_parent(_: i32) -> Result<()> {
    anyhow::bail!(UNSUPPORTED)
}
