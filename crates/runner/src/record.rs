//! What the runner leaves of its task: a held lock while it lives, then its result. None of it may stop the command,
//! so nothing here returns an error; what fails is logged, or is seen by the next who folds.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::Utc;
use sisyphus_core::atomic;
use sisyphus_core::hook_log;
use sisyphus_core::id::{ClientTaskId, TaskId};
use sisyphus_core::outcome::Canceller;
use sisyphus_core::output::{KeptOutput, keep};
use sisyphus_core::paths::StateDir;
use sisyphus_core::run_folder::{OutputSize, Queued, RunFolder, RunResult, RunRoot, Started};
use sisyphus_core::status::Survivors;
use sisyphus_core::store::{Lock, Store};
use sisyphus_process::own_output_file;

use crate::make_known::make_known;
use crate::supervise::{End, Start};

/// How long the runner tries for the lock of its own task. Whoever looks whether it is held holds it for a moment.
const OWN_LOCK_WAIT: Duration = Duration::from_millis(200);

/// What the state says of the shell in whose place the runner stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The client calls this very shell a background command.
    Background,
    /// It does, and a person asked for it to be stopped.
    AskedToStop,
    /// It has not said so: this may be a foreground command with the same words, which nothing of ours may delay or
    /// stop.
    Unknown,
}

/// The record of one run.
pub(crate) struct Record<'a> {
    task: &'a TaskId,
    folder: RunFolder,
    state: &'a StateDir,
    output: Option<(PathBuf, File)>,
    /// Held for as long as the runner lives: the proof that the task is live.
    alive: Option<Lock>,
}

impl<'a> Record<'a> {
    /// Takes the task's lock.
    pub(crate) fn open(task: &'a TaskId, root: &RunRoot, state: &'a StateDir) -> Self {
        let folder = root.folder(task);
        let mut record = Self { task, folder, state, output: own_output_file().ok(), alive: None };
        match Lock::acquire(&record.folder.lock(), OWN_LOCK_WAIT) {
            Ok(lock) => record.alive = Some(lock),
            Err(error) => record.log(Err(error)),
        }
        record
    }

    /// Records that the command waits for its turn.
    pub(crate) fn queued(&self) {
        let queued = Queued { at: Utc::now(), client_id: self.client_id() };
        self.log(write(&self.folder.queued(), &queued));
    }

    /// Records that the command runs. Whoever comes by makes it known; the command may have ended by then.
    pub(crate) fn started(&self, start: Start) {
        let started = Started { at: start.at, client_id: self.client_id() };
        self.log(write(&self.folder.started(), &started));
    }

    /// Gives the task up: the command runs unsupervised, or not at all. It then counts as one that nobody claimed.
    pub(crate) fn give_up(self) {
        let _ = std::fs::remove_file(self.folder.claimed());
    }

    /// Keeps the output, records the end, and makes it known.
    pub(crate) fn end(mut self, waited: Duration, end: End, survivors: Survivors) {
        let kept = self.keep_output();
        let (started_at, duration) = match end.ran {
            Some((start, duration)) => (Some(start.at), duration),
            None => (None, Duration::ZERO),
        };
        let result = RunResult {
            exit: end.exit,
            stop: end.stop,
            started_at,
            ended_at: end.ended_at,
            duration_ms: millis(duration),
            waited_ms: millis(waited),
            survivors,
            client_id: self.client_id(),
            client_file: self.output.as_ref().map(|(path, _)| path.clone()),
            output: kept.map(|kept| OutputSize { bytes: kept.bytes, dropped: kept.dropped }),
        };
        self.log(write(&self.folder.result(), &result));
        // A result is believed once the lock is open: while it is held, somebody else may have planted one.
        self.alive = None;
        self.clear_lock();
        // In the sandbox this fails, as it should: the next hook does it.
        let store = Store::new(self.state.clone());
        self.log(make_known(&store));
    }

    /// What the state says of this shell now.
    pub(crate) fn standing(&self) -> Standing {
        let Some(own) = self.client_id() else { return Standing::Unknown };
        match Store::new(self.state.clone()).read_active_task(self.task).unwrap_or_default() {
            Some(task) if task.is_bound_to(&own) => match task.stopper(Utc::now()) {
                Some(Canceller::User) => Standing::AskedToStop,
                Some(Canceller::Model | Canceller::SessionEnd | Canceller::Unknown) | None => {
                    Standing::Background
                }
            },
            Some(_) | None => Standing::Unknown,
        }
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

    /// Something else in place of the lock, which whoever shares the folder may have put there, would count as held.
    fn clear_lock(&self) {
        let lock = self.folder.lock();
        if lock.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
            let _ = std::fs::remove_file(&lock).or_else(|_| std::fs::remove_dir_all(&lock));
        }
    }

    fn log(&self, outcome: Result<()>) {
        if let Err(error) = outcome {
            hook_log::append(self.state, "sisyphus-run", &format!("{error:#}"));
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn write<T: serde::Serialize>(path: &Path, value: &T) -> Result<()> {
    let bytes = serde_json::to_vec(value).context("could not encode a record")?;
    atomic::write(path, &bytes)
}
