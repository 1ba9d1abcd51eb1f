//! What Windows does not have, or what the runner of Claude Code's own commands would need, which are observed there.

use std::fs::File;
use std::path::PathBuf;
use std::process::Child;

use anyhow::Result;
use sisyphus_base::id::TaskId;
use sisyphus_tasks::memory_limit::Lack;
use sisyphus_tasks::oom_kill::OomKill;

use super::super::{Caller, Plan, Side};

const UNSUPPORTED: &str = "Claude Code's commands are not supervised on Windows";

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
