//! What a runner is asked to start. The process that asks writes it into the run folder, and starts the runner there.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use sisyphus_base::atomic;

use crate::run::Run;
use sisyphus_tasks::task::Task;

/// Longest request, in bytes: a prompt of a megabyte, each byte of which JSON may write as six.
const REQUEST_MAX: u64 = 8 * 1024 * 1024;

/// What a session is to do. It holds the whole prompt, so its file is private and goes with the run folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionRequest {
    /// The record that the runner makes of it.
    pub task: Task,
    pub prompt: String,
    pub conversation: Conversation,
    /// The calling Claude Code: the program that it executes, and its arguments up to the script if that program is an
    /// interpreter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client: Vec<PathBuf>,
    /// Arguments of the calling Claude Code that narrow what it may do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narrowing: Vec<String>,
    /// The commit from which the runner makes the worktree again: an earlier task of the conversation left it unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_from: Option<String>,
    /// What the session may cost, in dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_budget_usd: Option<f64>,
}

/// Whether a session begins a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conversation {
    New,
    /// It continues one that has cost so much, in millionths of a dollar. Claude Code reports a conversation's total.
    Continued {
        cost_micro_usd: u64,
    },
}

impl SessionRequest {
    /// Writes the request into the folder of its run, which it creates.
    pub fn write(&self, run: &Run) -> Result<()> {
        run.create().with_context(|| format!("could not create `{}`", run.dir().display()))?;
        let bytes = serde_json::to_vec(self).context("could not encode a request")?;
        let size = bytes.len() as u64;
        anyhow::ensure!(size <= REQUEST_MAX, "could not hand over a request of {size} bytes");
        atomic::write(&run.request(), &bytes)
    }

    /// Reads the request of a run.
    pub fn read(run: &Run) -> Result<Self> {
        let path = run.request();
        let bytes = atomic::read(&path, REQUEST_MAX)?
            .with_context(|| format!("found no request at `{}`", path.display()))?;
        serde_json::from_slice(&bytes).with_context(|| format!("`{}` is malformed", path.display()))
    }
}
