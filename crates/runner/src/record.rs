//! What the runner leaves of its task: a held lock while it lives, then its result. None of it may stop the command,
//! so what fails is logged, or is seen by the next commit.

use std::cell::OnceCell;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::Utc;
use sisyphus_base::atomic;
use sisyphus_base::clock::Tick;
use sisyphus_base::hook_log;
use sisyphus_base::paths::StateDir;
use sisyphus_state::announced::Announced;
use sisyphus_state::output::{keep, keep_stopped};
use sisyphus_state::run::Run;
use sisyphus_state::run_root::RunRoot;
use sisyphus_state::store::{Lock, Store};
use sisyphus_tasks::call::{Announcement, Confinement};
use sisyphus_tasks::kept_output::KeptOutput;
use sisyphus_tasks::run::{Attached, OutputSize, Queued, RunResult, Started};
use sisyphus_tasks::status::Survivors;

use crate::handoff::Handoff;
use crate::identity::Identity;
use crate::publish::publish;
use crate::supervise::{End, Start};

/// How long the runner tries for the lock of its own run. A process that looks whether it is held holds it for a moment.
const OWN_LOCK_WAIT: Duration = Duration::from_millis(200);

/// What is known of the shell in whose place the runner stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirmation {
    /// The client calls this very shell a background command, with this time limit in milliseconds.
    Background { limit_ms: Option<u64> },
    /// It does, and a person asked for it to be stopped.
    AskedToStop,
    /// It has not said so yet.
    Unknown,
    /// Every announced call of the same words turned out to be another shell: this is a foreground command, which nothing
    /// of ours may delay or stop.
    Foreground,
}

/// The record of one run.
pub(crate) struct Record<'a> {
    state: &'a StateDir,
    identity: Identity,
    run: Run,
    /// The call whose text made the runner attach.
    announcement: Announcement,
    /// That it is a background command, once the client has named the call.
    joined: OnceCell<Confirmation>,
    /// Held for as long as the runner lives: the proof that the task is live.
    alive: Option<Lock>,
}

impl<'a> Record<'a> {
    /// Makes the run's folder and takes its lock.
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
        let mut record =
            Self { state, identity, run, announcement, joined: OnceCell::new(), alive: None };
        match Lock::acquire(&record.run.lock(), OWN_LOCK_WAIT) {
            Ok(lock) => record.alive = Some(lock),
            Err(error) => record.log(Err(error)),
        }
        record.attach();
        // In the sandbox it can't be taken away: the next hook does it.
        Announced::of(state, &record.announcement.call.session).forget(&record.identity.client_id);
        Ok(record)
    }

    fn attach(&self) {
        let client_file = Some(self.identity.output.0.clone());
        let attached = Attached { client_file, announcement: self.announcement.clone() };
        self.log(write(&self.run.attached(), &attached));
    }

    /// Records that the command waits for its turn.
    pub(crate) fn queued(&self) {
        self.log(write(&self.run.queued(), &Queued { at: Utc::now() }));
    }

    /// Records that the command runs. The next commit makes it known; the command may have ended by then.
    pub(crate) fn started(&self, start: Start) {
        self.log(write(&self.run.started(), &Started { at: start.at }));
    }

    /// Gives the run up: the command runs unsupervised, or not at all.
    pub(crate) fn give_up(self) {
        let _ = std::fs::remove_file(self.run.attached());
    }

    /// Keeps the output, records the end, and makes it known.
    pub(crate) fn end(mut self, waited: Duration, end: End, survivors: Survivors) {
        if self.state.is_purged() {
            return;
        }
        let ended = Tick::now();
        // A command may have removed it: without the file that a run begins with no hook finds its result.
        let _ = self.run.create();
        if !self.run.is_attached() {
            self.attach();
        }
        let kept = self.keep_output(end);
        let (started_at, duration) = match end.ran {
            Some((start, duration)) => (Some(start.at), duration),
            None => (None, Duration::ZERO),
        };
        let result = RunResult {
            exit: end.exit,
            stop: end.stop,
            started_at,
            ended_at: end.ended_at,
            ended: Some(ended),
            duration_ms: millis(duration),
            waited_ms: millis(waited),
            survivors,
            client_file: Some(self.identity.output.0.clone()),
            output: kept.map(|kept| OutputSize { bytes: kept.bytes, dropped: kept.dropped }),
        };
        self.log(write(&self.run.result(), &result));
        // A result is believed once the lock is open: while it is held, another process may have planted one.
        self.alive = None;
        self.clear_lock();
        // In the sandbox the state can't be written to: the next hook does it.
        if self.run.confinement() == Confinement::Outside {
            let store = Store::new(self.state.clone());
            self.log(publish(&store, &self.identity.client_tmp));
        }
    }

    /// What is known of this shell now. What matters is read from the state folder, also by a sandboxed runner.
    pub(crate) fn confirmation_of(&self) -> Confirmation {
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
        // The hook writes the call before it takes the announcement back: in between both looks it may have done so.
        self.background(&named).unwrap_or(Confirmation::Foreground)
    }

    /// What the client's answer says; `None` as long as there is none.
    fn background(&self, named: &Run) -> Option<Confirmation> {
        if let Some(background) = self.joined.get() {
            return Some(*background);
        }
        let limit_ms = named.joined()?.announcement.call.limit_ms;
        Some(*self.joined.get_or_init(|| Confirmation::Background { limit_ms }))
    }

    fn keep_output(&mut self, end: End) -> Option<KeptOutput> {
        let keep = if end.may_be_the_clients() { keep_stopped } else { keep };
        let kept = keep(&mut self.identity.output.1, &self.run.output());
        match kept {
            Ok(kept) => Some(kept),
            Err(error) => {
                self.log(Err(error));
                None
            }
        }
    }

    /// Something else in place of the lock, which a command that shares the folder may have put there, would count as
    /// held.
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

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn write<T: serde::Serialize>(path: &Path, value: &T) -> Result<()> {
    let bytes = serde_json::to_vec(value).context("could not encode a record")?;
    atomic::write(path, &bytes)
}
