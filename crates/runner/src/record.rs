//! What the runner leaves of its task: a held lock while it lives, then its result. None of it may stop the command,
//! so nothing here returns an error; what fails is logged, or is seen by the next who folds.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::Utc;
use sisyphus_core::atomic;
use sisyphus_core::fold::fold;
use sisyphus_core::hook_log;
use sisyphus_core::id::{ClientTaskId, TaskId};
use sisyphus_core::output::{KeptOutput, keep};
use sisyphus_core::paths::StateDir;
use sisyphus_core::run_folder::{OutputSize, RunFolder, RunResult, RunRoot, Started};
use sisyphus_core::store::{LOCK_WAIT_IN_HOOK, LOCK_WAIT_IN_RUNNER, Lock, Store};
use sisyphus_process::own_output_file;

use crate::supervise::{End, Start};

/// The record of one run.
pub(crate) struct Record<'a> {
    task: &'a TaskId,
    root: &'a RunRoot,
    folder: RunFolder,
    state: &'a StateDir,
    output: Option<(PathBuf, File)>,
    /// Held for as long as the runner lives: the proof that the task runs.
    _alive: Option<Lock>,
}

impl<'a> Record<'a> {
    /// Records that the command runs.
    pub(crate) fn start(
        task: &'a TaskId,
        root: &'a RunRoot,
        state: &'a StateDir,
        start: Start,
    ) -> Self {
        let folder = root.folder(task);
        // Whoever looks whether it is held holds it for a moment.
        let alive = Lock::acquire(&folder.lock(), Duration::from_secs(1));
        let alive = alive
            .map_err(|error| hook_log::append(state, "sisyphus-run", &format!("{error:#}")))
            .ok();
        let record =
            Self { task, root, folder, state, output: own_output_file().ok(), _alive: alive };
        let started = Started { at: start.at, client_id: record.client_id() };
        record.log(write(&record.folder.started(), &started));
        // Short: the command may end meanwhile.
        record.fold(LOCK_WAIT_IN_HOOK);
        record
    }

    /// Keeps the output, records the end, and makes it known.
    pub(crate) fn end(mut self, end: &End) {
        let kept = self.keep_output();
        let result = RunResult {
            exit: end.exit,
            stop: end.stop,
            started_at: end.start.at,
            ended_at: end.ended_at,
            duration_ms: u64::try_from(end.duration.as_millis()).unwrap_or(u64::MAX),
            client_id: self.client_id(),
            client_file: self.output.as_ref().map(|(path, _)| path.clone()),
            output: kept.map(|kept| OutputSize { bytes: kept.bytes, dropped: kept.dropped }),
        };
        self.log(write(&self.folder.result(), &result));
        self.fold(LOCK_WAIT_IN_RUNNER);
    }

    /// The client names its output file after its task.
    fn client_id(&self) -> Option<ClientTaskId> {
        let (path, _) = self.output.as_ref()?;
        let is_output = path.extension().is_some_and(|extension| extension == "output")
            && path.parent().is_some_and(|parent| parent.ends_with("tasks"));
        ClientTaskId::new(path.file_stem().filter(|_| is_output)?.to_str()?).ok()
    }

    /// Into the state folder; inside the client's sandbox, where that is read-only, into the run folder.
    fn keep_output(&mut self) -> Option<KeptOutput> {
        let (_, file) = self.output.as_mut()?;
        let kept = self
            .state
            .create_output_dir()
            .and_then(|()| keep(file, &self.state.output(self.task)))
            .or_else(|_| keep(file, &self.folder.output()));
        match kept {
            Ok(kept) => Some(kept),
            Err(error) => {
                self.log(Err(error));
                None
            }
        }
    }

    fn fold(&self, wait: Duration) {
        let store = Store::new(self.state.clone());
        // In the sandbox this fails, as it should: the next hook does it.
        if let Err(error) = fold(&store, Some(self.root), wait, Utc::now()) {
            self.log(Err(error));
        }
    }

    fn log(&self, outcome: Result<()>) {
        if let Err(error) = outcome {
            hook_log::append(self.state, "sisyphus-run", &format!("{error:#}"));
        }
    }
}

fn write<T: serde::Serialize>(path: &Path, value: &T) -> Result<()> {
    let bytes = serde_json::to_vec(value).context("could not encode a record")?;
    atomic::write(path, &bytes)
}
