//! What a runner is asked to start: `request.json` in its run folder. It may hold a whole prompt, so the file is private
//! and goes with the run folder.

use std::ffi::OsString;

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sisyphus_base::atomic;
use sisyphus_base::json;
use sisyphus_tasks::task::Task;

use crate::run::Run;

/// Longest request, in bytes: a prompt of a megabyte, each byte of which JSON may write as six.
const REQUEST_MAX: u64 = 8 * 1024 * 1024;

/// A command that a person runs in a terminal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandRequest {
    /// The record that the runner makes of it.
    pub task: Task,
    /// The program and its arguments.
    pub words: Vec<OsString>,
    #[serde(default)]
    pub slot: Slot,
}

/// The slot that a command runs in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// One that its runner waits for, unless the runner is inside a command itself.
    #[default]
    Own,
    /// That of the command around the process that asked and that waits for the end. The runner of a background command is
    /// an orphan, so it does not see that one.
    OfAsker,
}

/// Writes a request into the folder of its run, which this creates.
pub fn write_request<T: Serialize>(run: &Run, request: &T) -> Result<()> {
    run.create().with_context(|| format!("could not create `{}`", run.dir().display()))?;
    let bytes = json::line(request).context("could not encode a request")?;
    let size = bytes.len() as u64;
    anyhow::ensure!(size <= REQUEST_MAX, "could not hand over a request of {size} bytes");
    atomic::write(&run.request(), &bytes)
}

/// Reads the request of a run.
pub fn read_request<T: DeserializeOwned>(run: &Run) -> Result<T> {
    let path = run.request();
    let bytes = atomic::read(&path, REQUEST_MAX)?
        .with_context(|| format!("found no request at `{}`", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("`{}` is malformed", path.display()))
}

/// The record that the request of a run names, whatever the request is.
pub fn requested_task(run: &Run) -> Result<Task> {
    #[derive(Deserialize)]
    struct Requested {
        task: Task,
    }
    read_request::<Requested>(run).map(|it| it.task)
}
