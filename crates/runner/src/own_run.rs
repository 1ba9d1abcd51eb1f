//! The run of a task that a process of ours started, with the files that every such runner writes: a held lock while it
//! lives, its progress, then its result.

use std::path::Path;

use anyhow::{Context as _, Result};
use chrono::Utc;
use sisyphus_base::atomic;
use sisyphus_base::environment::Environment;
use sisyphus_base::hook_log;
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_base::paths::{StateDir, client_tmp_dir};
use sisyphus_process::{find_notifier, hold, is_gone};
use sisyphus_state::event::Event;
use sisyphus_state::reconcile::{Scope, World};
use sisyphus_state::run::Run;
use sisyphus_state::store::{LOCK_WAIT_IN_RUNNER, Lock, Store};
use sisyphus_tasks::run::{RunResult, Since};
use sisyphus_tasks::task::Task;

use crate::publish::publish;
use crate::record::{OWN_LOCK_WAIT, write};
use crate::result_file::ResultFile;
use crate::supervise::Start;

/// The run, its state folder and its lock.
pub(crate) struct OwnRun {
    state: StateDir,
    run: Run,
    /// The name of the runner in the log.
    name: &'static str,
    /// Held as long as the runner lives: the proof that the task is live.
    alive: Option<Lock>,
    result: ResultFile,
}

impl OwnRun {
    /// Takes the lock of the run `STATE/runs/SESSION/TASK`. An open lock of a recorded run means that it is over.
    pub(crate) fn open(dir: &Path, name: &'static str) -> Result<Self> {
        let (state, run) = place(dir)?;
        let notifier = find_notifier(&state);
        let state = state.of_plugin(notifier);
        let alive =
            hold(&run.lock(), OWN_LOCK_WAIT).context("another runner has this task already")?;
        anyhow::ensure!(!run.is_attached(), "this task was started before");
        Ok(Self { state, run, name, alive: Some(alive), result: ResultFile::default() })
    }

    /// Records the task.
    pub(crate) fn record(&mut self, task: &Task) -> Result<()> {
        // Hooks only look whether the file is there.
        atomic::write(&self.run.attached(), b"{}")?;
        self.result = ResultFile::reserve(&self.run);
        Store::new(self.state.clone()).post(&Event::Taken(Box::new(task.clone())))
    }

    pub(crate) fn state(&self) -> &StateDir {
        &self.state
    }

    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    /// Records that the task waits in the queue.
    pub(crate) fn queued(&self) {
        self.log(write(&self.run.queued(), &Since { at: Utc::now() }));
    }

    /// Records that the task runs.
    pub(crate) fn started(&self, start: Start) {
        self.log(write(&self.run.started(), &Since { at: start.at }));
    }

    /// Records the result and publishes it.
    pub(crate) fn end(&mut self, result: &RunResult) {
        let written = self.result.write(&self.run, result);
        self.log(written);
        // Readers believe a result only once the lock is open.
        self.alive = None;
        let store = Store::new(self.state.clone());
        self.log(publish(&store, &client_tmp_dir(&Environment::read())));
    }

    /// Makes the record again if a person has removed the list, and what marks the run if the folder was removed: before
    /// anything of the end is written there.
    pub(crate) fn record_again(&self, task: &Task) {
        self.log(self.try_record_again(task));
    }

    fn try_record_again(&self, task: &Task) -> Result<()> {
        if !self.run.is_attached() {
            let _ = self.run.create();
            atomic::write(&self.run.attached(), b"{}")?;
        }
        let store = Store::new(self.state.clone());
        let tmp = client_tmp_dir(&Environment::read());
        let world = World { is_gone, client_tmp: &tmp, scope: Scope::Ended };
        // The first event may still be in the inbox. A second one would be applied after the record has retired.
        let is_known = store
            .update(&world, LOCK_WAIT_IN_RUNNER, |active, _| active.task(&task.id).is_some())?;
        if is_known {
            return Ok(());
        }
        store.post(&Event::Taken(Box::new(task.clone()))).map(drop)
    }

    pub(crate) fn log(&self, outcome: Result<()>) {
        if let Err(error) = outcome {
            hook_log::append(&self.state, self.name, &format!("{error:#}"));
        }
    }
}

/// The state folder and the run of `STATE/runs/SESSION/TASK`.
pub(crate) fn place(dir: &Path) -> Result<(StateDir, Run)> {
    let name = |path: Option<&Path>| path?.file_name()?.to_str().map(str::to_owned);
    let root = dir.ancestors().nth(3).context("this is no run folder")?;
    let state = StateDir::at(root);
    let session = SessionId::new(name(dir.parent()).unwrap_or_default())?;
    let task = TaskId::new(name(Some(dir)).unwrap_or_default())?;
    let run = Run::started_by_us(&state, &session, &task);
    anyhow::ensure!(run.dir() == dir && run.is_ours(), "this is no run folder of this user");
    Ok((state, run))
}
