//! Windows: commands are not supervised there yet. Every function reports that, and tasks are observed instead.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::windows::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use sisyphus_base::id::TaskId;
use sisyphus_tasks::memory_limit::Lack;
use sisyphus_tasks::oom_kill::OomKill;
use sisyphus_tasks::run::Exit;
use sisyphus_tasks::usage::Usage;

use super::{Caller, Changes, Notice, Plan, Side, Stage, Stat};
use crate::holder::Holder;

const UNSUPPORTED: &str = "commands are not supervised on Windows";

/// Starts a program that no process waits for, without a window.
pub fn spawn_detached(program: &Path, name: &str, value: &Path) -> io::Result<Child> {
    /// `CREATE_NO_WINDOW` and `CREATE_NEW_PROCESS_GROUP`.
    const APART: u32 = 0x0800_0000 | 0x0000_0200;
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).env(name, value);
    command.creation_flags(APART).spawn()
}

/// Delegated sessions are not supervised on Windows yet.
pub(crate) fn orphan(_: &mut Command) -> io::Result<ChildStdout> {
    Err(io::Error::other(UNSUPPORTED))
}

/// Starts this command without a window.
pub(crate) fn apart(command: &mut Command) -> io::Result<Child> {
    command.creation_flags(0x0800_0000).spawn()
}

/// Delegated sessions are not supervised on Windows yet.
pub(crate) fn bound(_: &mut Command) -> io::Result<Child> {
    Err(io::Error::other(UNSUPPORTED))
}

/// What the system knows about a process: nothing.
pub(crate) fn stat(_: i32) -> Option<Stat> {
    None
}

/// Every process: none.
pub(crate) fn processes() -> Vec<Stat> {
    Vec::new()
}

/// Windows does not list working folders.
pub(crate) fn working_folders() -> Option<Vec<PathBuf>> {
    None
}

/// There are no process groups.
pub(crate) fn group_exists(_: i32) -> bool {
    false
}

/// Windows does not list the holders of locks.
pub fn holder(lock: &Path) -> Result<Option<Holder>> {
    anyhow::ensure!(!lock.exists(), UNSUPPORTED);
    Ok(None)
}

/// Windows does not provide this.
pub(crate) fn program(_: i32) -> Option<PathBuf> {
    None
}

/// Windows does not provide this.
pub(crate) fn arguments(_: i32) -> Vec<OsString> {
    Vec::new()
}

/// Sends nothing.
pub(crate) fn signal(_: i32, _: i32) {}

/// Does nothing.
pub(crate) fn ring(_: i32) {}

/// Does nothing.
pub(crate) fn resume(_: i32) {}

/// Sends nothing.
pub fn signal_self(_: i32) {}

pub fn split_apart(_: &File) -> Result<Side> {
    anyhow::bail!(UNSUPPORTED)
}

/// Does nothing.
pub(crate) fn wake_runner(_: i32) {}

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

pub fn spawn(_: &Plan, _: Option<&mut MemoryGroup>) -> Result<Child> {
    anyhow::bail!(UNSUPPORTED)
}

pub fn spawn_on(_: Stage, _: &Plan, _: Option<&mut MemoryGroup>) -> io::Result<Child> {
    Err(io::Error::other(UNSUPPORTED))
}

pub fn exit_of(status: ExitStatus) -> Exit {
    status.code().map_or(Exit::Unseen, Exit::Code)
}

/// Windows counts otherwise.
pub fn try_wait(child: &mut Child) -> io::Result<Option<(ExitStatus, Option<Usage>)>> {
    Ok(child.try_wait()?.map(|status| (status, None)))
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

/// Whether another thread of this process has rung since the last wait.
static RUNG: Mutex<bool> = Mutex::new(false);
static BELL: Condvar = Condvar::new();

/// There are none: no folder can be watched yet.
#[derive(Debug)]
pub enum Folders {}

impl Folders {
    pub fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn end(self) {
        match self {}
    }

    pub fn add(&mut self, _: &Path, _: Changes) -> io::Result<()> {
        match *self {}
    }
}

/// There are no signals: only another thread and the deadline end a wait.
#[derive(Debug)]
pub struct Signals;

impl Signals {
    pub fn collect() -> Result<Self> {
        Ok(Self)
    }

    pub fn pending(&mut self) -> Result<Option<i32>> {
        Ok(None)
    }

    pub fn wait(&mut self, deadline: Option<Instant>) -> Result<Notice> {
        self.wait_beside(None, deadline)
    }

    pub fn wait_beside(
        &mut self,
        _: Option<&Folders>,
        deadline: Option<Instant>,
    ) -> Result<Notice> {
        let mut rung = RUNG.lock().unwrap_or_else(PoisonError::into_inner);
        while !*rung {
            let left = deadline.map(|it| it.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(Notice::Deadline);
            }
            rung = match left {
                Some(left) => {
                    BELL.wait_timeout(rung, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => BELL.wait(rung).unwrap_or_else(PoisonError::into_inner),
            };
        }
        *rung = false;
        Ok(Notice::Woken)
    }
}

/// Ends a wait.
pub(crate) fn wake() {
    *RUNG.lock().unwrap_or_else(PoisonError::into_inner) = true;
    BELL.notify_all();
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

/// There are none.
#[derive(Debug)]
pub enum MemoryGroup {}

impl MemoryGroup {
    pub fn is_possible() -> Result<(), Lack> {
        Err(Lack::NoGroups)
    }

    pub fn make(_: &TaskId) -> Result<Self, Lack> {
        Err(Lack::NoGroups)
    }

    pub fn is_entered(&mut self) -> bool {
        match *self {}
    }

    pub fn limit(&self, _: u64) -> Result<(), Lack> {
        match *self {}
    }

    pub fn remove(self) {
        match self {}
    }
}

/// Windows ends no process for want of memory.
#[derive(Debug)]
pub struct OomCounters;

impl OomCounters {
    pub fn now() -> Self {
        Self
    }

    pub fn of(group: &MemoryGroup) -> Self {
        match *group {}
    }

    pub fn group_has_risen(&self) -> Option<OomKill> {
        None
    }

    pub fn machine_has_risen(&self) -> Option<OomKill> {
        None
    }
}
