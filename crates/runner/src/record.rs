//! What the runner records about its task: a held lock while it lives, then its result. Nothing here may stop the
//! command, so the runner logs an error, or the next commit repairs it.

use std::cell::OnceCell;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::Utc;
use sisyphus_base::atomic;
use sisyphus_base::clock::Tick;
use sisyphus_base::environment::Environment;
use sisyphus_base::hook_log;
use sisyphus_base::paths::StateDir;
use sisyphus_process::hold;
use sisyphus_state::announced::Announced;
use sisyphus_state::output::{Extent, keep};
use sisyphus_state::run::Run;
use sisyphus_state::run_root::RunRoot;
use sisyphus_state::store::{Lock, Store};
use sisyphus_tasks::call::{Announcement, Confinement};
use sisyphus_tasks::code_zero::Options;
use sisyphus_tasks::run::{Attached, OutputSize, RunResult, Since};
use sisyphus_tasks::status::Survivors;

use crate::confirmation::Confirmation;
use crate::handoff::Handoff;
use crate::identity::Identity;
use crate::publish::publish;
use crate::result_file::ResultFile;
use crate::shell_options::shell_options;
use crate::supervise::{End, Start};
use crate::turn::Waiter;

/// How long the runner waits for the lock of its own run. A process that probes the lock holds it for a moment.
pub(crate) const OWN_LOCK_WAIT: Duration = Duration::from_millis(200);

/// The record of one run.
pub(crate) struct Record<'a> {
    state: &'a StateDir,
    identity: Identity,
    run: Run,
    /// The call whose text made the runner attach.
    announcement: Announcement,
    /// The confirmation, once Claude Code has named the call.
    joined: OnceCell<Confirmation>,
    /// Held as long as the runner lives: the proof that the task is live.
    alive: Option<Lock>,
    result: ResultFile,
    /// What the command's shell was set up with.
    options: Options,
}

impl<'a> Record<'a> {
    /// Creates the run folder and takes its lock.
    pub(crate) fn open(handoff: &Handoff, identity: Identity, state: &'a StateDir) -> Result<Self> {
        let (session, id) = (&handoff.announcement.call.session, &identity.client_id);
        let run = match handoff.confinement {
            Confinement::Outside => Run::outside(state, session, id),
            Confinement::Sandboxed => {
                let root = RunRoot::below(&identity.client_tmp)?;
                Run::sandboxed(&root.context("there are no run folders")?, session, id)
            }
        };
        run.create().with_context(|| format!("could not create `{}`", run.dir().display()))?;
        let announcement = handoff.announcement.clone();
        let mut record = Self {
            state,
            identity,
            run,
            announcement,
            joined: OnceCell::new(),
            alive: None,
            result: ResultFile::default(),
            options: Options::Unknown,
        };
        let alive = hold(&record.run.lock(), OWN_LOCK_WAIT);
        record.alive = alive.map_err(|error| record.log(Err(error))).ok();
        record.attach();
        record.result = ResultFile::reserve(&record.run);
        // A runner in the sandbox can't remove it: the next hook does.
        Announced::of(state, &record.announcement.call.session).forget(&record.identity.client_id);
        Ok(record)
    }

    fn attach(&self) {
        let client_file = Some(self.identity.output.0.clone());
        let attached = Attached { client_file, announcement: self.announcement.clone() };
        self.log(write(&self.run.attached(), &attached));
    }

    /// Records that the command runs. The next commit publishes it; the command may have finished before.
    pub(crate) fn started(&self, start: Start) {
        self.log(write(&self.run.started(), &Since { at: start.at }));
    }

    /// Looks at the options of the shell, if they matter for this command.
    pub(crate) fn look_at_options(&mut self, string: &OsStr) {
        let call = &self.announcement.call;
        if call.code_zero.is_some() {
            let inherited = Environment::read().shell_options;
            self.options = shell_options(string, &call.command, inherited.as_deref());
        }
    }

    /// Gives the run up: the command runs unsupervised, or not at all.
    pub(crate) fn give_up(self) {
        let _ = std::fs::remove_file(self.run.attached());
        self.result.discard();
    }

    /// Keeps the output, records the result, and publishes it.
    pub(crate) fn end(mut self, waited: Duration, end: End, survivors: Survivors) {
        if self.state.is_purged() {
            return;
        }
        let ended = Tick::now();
        // The command may have removed the folder. Hooks find no result in a run folder without `attached.json`.
        let _ = self.run.create();
        if !self.run.is_attached() {
            self.attach();
        }
        let size = self.keep_output(end).map_err(|error| self.log(Err(error))).ok();
        let result = RunResult {
            options: self.options,
            client_file: Some(self.identity.output.0.clone()),
            output: size,
            ..end.result(waited, ended, survivors)
        };
        let written = self.result.write(&self.run, &result);
        self.log(written);
        // Readers believe a result only once the lock is open: while it is held, another process may have planted one.
        self.alive = None;
        self.clear_lock();
        // A runner in the sandbox can't write to the state: the next hook does.
        if self.run.confinement() == Confinement::Outside {
            let store = Store::new(self.state.clone());
            self.log(publish(&store, &self.identity.client_tmp));
        }
    }

    /// What Claude Code's answer says; `None` as long as there is none.
    fn background(&self, named: &Run) -> Option<Confirmation> {
        if let Some(background) = self.joined.get() {
            return Some(*background);
        }
        let limit_ms = named.joined()?.announcement.call.limit_ms;
        Some(*self.joined.get_or_init(|| Confirmation::Background { limit_ms }))
    }

    /// What can't be kept, as on a full disk, counts as dropped: a report reads Claude Code's own file then.
    fn keep_output(&mut self, end: End) -> Result<OutputSize> {
        let output = &mut self.identity.output.1;
        // Claude Code may have added its line to the file of a command that it stopped.
        let extent = if end.may_be_the_clients() {
            Extent::of_stopped(output)
        } else {
            output.metadata().map(|metadata| Extent::whole(metadata.len()))
        };
        let extent = extent.context("could not read the output")?;
        let dropped = match keep(output, &extent, &self.run.output()) {
            Ok(kept) => kept.dropped,
            Err(error) => {
                self.log(Err(error));
                extent.bytes
            }
        };
        Ok(OutputSize { bytes: extent.bytes, dropped })
    }

    /// Removes anything but a file in place of the lock. A command that shares the folder may have put it there, and
    /// readers would take the lock for held.
    fn clear_lock(&self) {
        let lock = self.run.lock();
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

impl Waiter for Record<'_> {
    fn run(&self) -> &Run {
        &self.run
    }

    fn queued(&self) {
        self.log(write(&self.run.queued(), &Since { at: Utc::now() }));
    }

    /// What is known about this shell now. A sandboxed runner reads it from the state folder too.
    fn confirmation_of(&self) -> Confirmation {
        let named =
            Run::outside(self.state, &self.announcement.call.session, &self.identity.client_id);
        if let Some(background) = self.background(&named) {
            return if named.stop().exists() { Confirmation::AskedToStop } else { background };
        }
        let announced = Announced::of(self.state, &self.announcement.call.session);
        let calls = announced.list().unwrap_or_default();
        if calls.iter().any(|it| it.call.command == self.announcement.call.command) {
            return Confirmation::Unknown;
        }
        // The hook writes the call before it removes the announcement, perhaps between the two reads.
        self.background(&named).unwrap_or(Confirmation::Foreground)
    }
}

pub(crate) fn write<T: serde::Serialize>(path: &Path, value: &T) -> Result<()> {
    let bytes = serde_json::to_vec(value).context("could not encode a record")?;
    atomic::write(path, &bytes)
}
