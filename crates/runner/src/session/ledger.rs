//! What the runner records about a session: a held lock while it lives, its progress, then its result.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::Utc;
use sisyphus_base::atomic::{self, Replacement};
use sisyphus_base::clock::Tick;
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::{StateDir, client_config_dir, create_private_dir};
use sisyphus_process::is_gone;
use sisyphus_state::agents::Limits;
use sisyphus_state::event::Event;
use sisyphus_state::reconcile::{Scope, World};
use sisyphus_state::request::read_request;
use sisyphus_state::run::Run;
use sisyphus_state::sessions::{Conversation, SessionRequest};
use sisyphus_state::store::{LOCK_WAIT_IN_RUNNER, Lock, Store};
use sisyphus_tasks::run::{OutputSize, RunResult};
use sisyphus_tasks::session::{AskedBy, Changes, Delegated, PermissionMode, SessionReport};
use sisyphus_tasks::status::Survivors;
use sisyphus_tasks::task::Task;

use super::client_tmp;
use super::own_worktree::OwnWorktree;
use super::report::{Heard, problem_of_errors};
use super::worktree::inspect;
use crate::confirmation::Confirmation;
use crate::live_settings::LiveSettings;
use crate::own_run::OwnRun;
use crate::record::{OWN_LOCK_WAIT, write};
use crate::supervise::{End, Start};
use crate::turn::Waiter;

/// How much of the session's standard error is read, in bytes.
const ERRORS_MAX: u64 = 64 * 1024;
/// Longest answer that is kept, in bytes.
const ANSWER_MAX: usize = 10 * 1024 * 1024;
/// What the end of a worktree adds to a report at most, in bytes: its path, above all.
const WORKTREE_ROOM: usize = 8 * 1024;

/// The record of one session.
pub(super) struct Ledger {
    own: OwnRun,
    request: SessionRequest,
    session: Box<Delegated>,
    report: SessionReport,
    answer: Option<String>,
    /// Where its Claude Code says it works.
    works_in: Option<PathBuf>,
    /// Held by the runner whose session has the conversation: no second one continues it at the same time.
    _conversation: Lock,
    worktree: Option<OwnWorktree>,
}

impl Ledger {
    /// Takes the locks, then records the session. An open lock of a recorded session means that it is over.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let mut own = OwnRun::open(dir, "sisyphus-run session")?;
        let request: SessionRequest = read_request(own.run())?;
        let session = request.task.delegated.clone().context("the request names no session")?;
        let state = own.state().clone();
        create_private_dir(&state.conversations_dir())?;
        let conversation = Lock::acquire(&state.conversation(&session.conversation), OWN_LOCK_WAIT)
            .context("its conversation is in use by another session; wait until that is over")?;
        let worktree = OwnWorktree::take(&state, &session)?;
        own.record(&request.task)?;
        let ledger = Self {
            own,
            request,
            session,
            report: SessionReport::default(),
            answer: None,
            works_in: None,
            _conversation: conversation,
            worktree,
        };
        Ok(ledger)
    }

    pub(super) fn state(&self) -> &StateDir {
        self.own.state()
    }

    pub(super) fn request(&self) -> &SessionRequest {
        &self.request
    }

    pub(super) fn task(&self) -> &Task {
        &self.request.task
    }

    pub(super) fn delegated(&self) -> &Delegated {
        &self.session
    }

    /// What the conversation had cost before this task, in millionths of a dollar.
    pub(super) fn cost_before(&self) -> u64 {
        match self.request.conversation {
            Conversation::New => 0,
            Conversation::Continued { cost_micro_usd } => cost_micro_usd,
        }
    }

    /// The permission mode to start with: what the caller had at the call, or less if it has less now.
    pub(super) fn mode(&self) -> Option<PermissionMode> {
        let AskedBy::Model { mode: at_call } = self.session.asked_by else { return None };
        let (store, tmp) = (Store::new(self.state().clone()), client_tmp());
        // What a hook saw of the caller may still be in the inbox.
        let world = World { is_gone, client_tmp: &tmp, scope: Scope::Ended };
        self.log(store.update(&world, LOCK_WAIT_IN_RUNNER, |_, _| ()));
        let active = store.read_active().ok();
        let recorded = active.as_ref().and_then(|it| it.task(&self.task().id)?.delegated.as_ref());
        let now = match recorded.map(|session| session.asked_by) {
            Some(AskedBy::Model { mode }) => mode,
            Some(AskedBy::Person) | None => at_call,
        };
        Some(at_call.min(now))
    }

    /// The prompt as a file to read from. Its name is gone at once.
    pub(super) fn write_prompt(&self) -> Result<File> {
        let path = self.run().dir().join("prompt");
        let context = || format!("could not write `{}`", path.display());
        let mut file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .with_context(context)?;
        let _ = std::fs::remove_file(&path);
        file.write_all(self.request.prompt.as_bytes()).with_context(context)?;
        file.rewind().with_context(context)?;
        Ok(file)
    }

    /// Makes sure that the session can start in its worktree.
    pub(super) fn prepare_worktree(&mut self) -> Result<()> {
        self.worktree.as_mut().map_or(Ok(()), |worktree| worktree.prepare(&self.request))
    }

    /// Records that its Claude Code runs.
    pub(super) fn started(&self, start: Start) {
        self.own.started(start);
    }

    /// Records why its Claude Code could not be started.
    pub(super) fn fail(&mut self, problem: &str) {
        self.report.problem = problem_of_errors(problem);
    }

    /// Lowers the limit of its model, so that the sessions behind it wait.
    pub(super) fn rate_limited(&self, heard: &Heard) {
        let (store, tmp) = (Store::new(self.state().clone()), client_tmp());
        let world = World { is_gone, client_tmp: &tmp, scope: Scope::Ended };
        let mut settings = LiveSettings::at(client_config_dir(&Environment::read()).ok());
        let event = Event::SessionRateLimited {
            task: self.task().id.clone(),
            model: heard.report.model.clone(),
            limits: Limits::of(settings.now()),
            at: Utc::now(),
        };
        // If the lock is busy, the process that holds it applies the event.
        self.log(store.commit(None, &[event], &world, LOCK_WAIT_IN_RUNNER, |_, _| ()));
    }

    /// Takes what its Claude Code said, and what it printed on its standard error if it said nothing.
    pub(super) fn take(&mut self, heard: Heard) {
        self.report = heard.report;
        self.answer = heard.answer;
        if self.report.end.is_none() {
            let errors = atomic::read_linked_start(&self.run().errors(), ERRORS_MAX).ok().flatten();
            let errors = errors.unwrap_or_default();
            self.report.problem = problem_of_errors(&String::from_utf8_lossy(&errors));
        }
        self.works_in = heard.cwd;
    }

    /// Says what became of its worktree, and removes an unchanged one. What the session left running may still use it.
    fn end_worktree(&mut self, survivors: &Survivors) {
        let Some(own) = &self.worktree else { return };
        // It may have ended before it said where it works.
        let Some(path) = self.works_in.take().or_else(|| own.prepared()) else { return };
        let mut seen = inspect(&self.session.project, path);
        if seen.path == own.path()
            && survivors.count == 0
            && let Some(commit) = own.remove_unchanged(self.request.conversation)
        {
            seen.changes = Some(Changes { files: 0, commits: 0 });
            seen.removed_at = Some(commit);
        }
        self.report.worktree = Some(seen);
    }

    /// Keeps the answer, records the result, and publishes it.
    pub(super) fn end(&mut self, waited: Duration, end: End, survivors: Survivors) {
        if self.state().is_purged() {
            return;
        }
        self.own.record_again(&self.request.task);
        let output = self.keep_answer();
        // With a result and without the report, readers would call a session failed that has answered. A worktree that is
        // removed without it could not be made again.
        if let Err(error) = self.end_worktree_and_report(&survivors) {
            return self.log(Err(error));
        }
        let result = RunResult { output, ..end.result(waited, Tick::now(), survivors) };
        self.own.end(&result);
    }

    fn end_worktree_and_report(&mut self, survivors: &Survivors) -> Result<()> {
        let context = "could not write the report of a session";
        let room = serde_json::to_vec(&self.report).context(context)?.len() + WORKTREE_ROOM;
        let room = Replacement::reserve(&self.run().report(), room).context(context)?;
        self.end_worktree(survivors);
        room.write(&serde_json::to_vec(&self.report)?).context(context)
    }

    fn keep_answer(&self) -> Option<OutputSize> {
        let kept = keep_answer(self.run(), self.answer.as_deref().unwrap_or_default());
        kept.map_err(|error| self.log(Err(error))).ok()
    }

    pub(super) fn log(&self, outcome: Result<()>) {
        self.own.log(outcome);
    }
}

impl Waiter for Ledger {
    fn run(&self) -> &Run {
        self.own.run()
    }

    fn queued(&self) {
        self.own.queued();
    }

    /// A session is never in the foreground, and its request names its limit.
    fn confirmation_of(&self) -> Confirmation {
        if self.run().stop().exists() {
            return Confirmation::AskedToStop;
        }
        Confirmation::Background { limit_ms: self.request.task.limit_ms }
    }
}

/// Writes the answer of a session, as far as it is kept.
pub(super) fn keep_answer(run: &Run, answer: &str) -> Result<OutputSize> {
    let answer = answer.as_bytes();
    let kept = &answer[..answer.len().min(ANSWER_MAX)];
    atomic::write(&run.output(), kept)?;
    let (bytes, dropped) = (answer.len() as u64, (answer.len() - kept.len()) as u64);
    Ok(OutputSize { bytes, dropped })
}

/// Writes the progress of a session.
pub(super) fn write_report(run: &Run, report: &SessionReport) -> Result<()> {
    write(&run.report(), report)
}
