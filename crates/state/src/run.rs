//! `runs/SESSION/CLIENT_ID/`: what a runner records about the command whose shell it replaced.
//!
//! ```text
//! call.json      the call that this run belongs to, as soon as Claude Code has named both
//! lock           held by the runner for its life
//! lock.holder    on Windows, which process that is
//! attached.json  the announcement whose text made the runner attach, and Claude Code's output file
//! queued.json, started.json, result.json  written once each by the runner
//! result.json.*.tmp  the room that the runner has reserved for the result
//! memory.json    whether the user's memory limit is in force, if there is one
//! output.log     the kept output
//! stop.json      a request to stop the command
//! next.json      a request to move it to the front of its queue
//! ```
//!
//! The run of a delegated session is `runs/SESSION/TASK/`, with these files more:
//!
//! ```text
//! request.json   what the session is to do, written before its runner starts; then there is no call.json
//! report.json    the session's progress, rewritten by the runner
//! stream.jsonl   what the session's Claude Code printed
//! errors.log     what it printed on its standard error
//! output.log     its last answer
//! ```
//!
//! The run of a command that a person ran in a terminal is `runs/SESSION/TASK/` too, with `request.json`. A session of
//! its own makes the name unique. If its output is kept, the command writes it to `output.log` itself.
//!
//! The folder is in the state folder. A runner in Claude Code's sandbox can't write there. Its run is below Claude
//! Code's temporary folder, where every sandboxed command can write. Such a run counts only for calls that may be
//! sandboxed, and only if the state folder contains no run of that name. It is bounded and validated.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sisyphus_base::atomic::{self, read_json};
use sisyphus_base::id::{ClientTaskId, SessionId, TaskId};
use sisyphus_base::json;
use sisyphus_base::lock::is_held;
use sisyphus_base::paths::StateDir;
use sisyphus_base::sys;
use sisyphus_tasks::call::{Confinement, Join};
use sisyphus_tasks::memory_limit::{Force, Lack, MemoryLimit};
use sisyphus_tasks::run::{Attached, RunState, Since};
use sisyphus_tasks::session::SessionReport;
use sisyphus_tasks::status::{Status, Watch};
use sisyphus_tasks::task::Task;

use crate::run_root::RunRoot;

/// Largest file of a run that is read, in bytes, except the call.
const REPORT_MAX: u64 = 64 * 1024;
/// Largest call, in bytes: see the announcement.
const CALL_MAX: u64 = 1024 * 1024;

/// The folder of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    dir: PathBuf,
    confinement: Confinement,
    /// The file that a runner writes as soon as it holds the lock.
    attached: &'static str,
}

const ATTACHED: &str = "attached.json";

impl Run {
    /// The run of Claude Code's task `id` of `session`, in the state folder.
    pub fn outside(state: &StateDir, session: &SessionId, id: &ClientTaskId) -> Self {
        let dir = name(&state.runs_dir(), session, id.as_str());
        Self { dir, confinement: Confinement::Outside, attached: ATTACHED }
    }

    /// The run of a task that a process of ours starts: of a session that `session` delegated, or of a person's command.
    pub fn started_by_us(state: &StateDir, session: &SessionId, task: &TaskId) -> Self {
        let dir = name(&state.runs_dir(), session, task.as_str());
        Self { dir, confinement: Confinement::Outside, attached: ATTACHED }
    }

    /// The run of a sandboxed command.
    pub fn sandboxed(root: &RunRoot, session: &SessionId, id: &ClientTaskId) -> Self {
        let dir = name(&root.runs_dir(), session, id.as_str());
        Self { dir, confinement: Confinement::Sandboxed, attached: ATTACHED }
    }

    /// The run of a task with a runner of 0.1.0. Every sandboxed command can write there.
    fn of_0_1(root: &RunRoot, name: &TaskId) -> Self {
        let dir = root.path().join(name.as_str());
        Self { dir, confinement: Confinement::Sandboxed, attached: "claimed.json" }
    }

    /// The run of a task, which may not exist; `None` if Claude Code has given the task no id.
    pub fn of(task: &Task, state: &StateDir) -> Option<Self> {
        if let Some(name) = &task.old_run {
            let root = RunRoot::of(task).ok().flatten();
            return root.map(|root| Self::of_0_1(&root, name));
        }
        if task.is_started_by_us() {
            return Some(Self::started_by_us(state, task.started_in(), &task.id));
        }
        let id = task.client_id()?;
        let outside = Self::outside(state, task.started_in(), id);
        if task.confinement == Confinement::Outside || outside.is_attached() {
            return Some(outside);
        }
        let sandboxed = RunRoot::of(task).ok().flatten();
        let sandboxed = sandboxed.map(|root| Self::sandboxed(&root, task.started_in(), id));
        Some(sandboxed.filter(Self::is_ours).unwrap_or(outside))
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn confinement(&self) -> Confinement {
        self.confinement
    }

    /// Whether it is a folder of this user and not a link.
    pub fn is_ours(&self) -> bool {
        sys::is_private_dir(&self.dir).unwrap_or(false)
    }

    /// Whether a runner attached.
    pub fn is_attached(&self) -> bool {
        self.attached().exists()
    }

    /// Whether its runner has joined the queue or started.
    pub fn is_in_line(&self) -> bool {
        self.queued().exists() || self.started().exists()
    }

    /// Creates the folder if it is missing.
    pub fn create(&self) -> io::Result<()> {
        sys::create_private_dir_all(&self.dir)
    }

    /// Removes the folder and what is in it. Best effort.
    pub fn remove(&self) {
        let _ = fs::remove_dir_all(&self.dir);
        // Remove the session's folder with its last run.
        if let Some(session) = self.dir.parent() {
            let _ = fs::remove_dir(session);
        }
    }

    pub fn call(&self) -> PathBuf {
        self.dir.join("call.json")
    }

    pub fn lock(&self) -> PathBuf {
        self.dir.join("lock")
    }

    pub fn attached(&self) -> PathBuf {
        self.dir.join(self.attached)
    }

    pub fn queued(&self) -> PathBuf {
        self.dir.join("queued.json")
    }

    pub fn started(&self) -> PathBuf {
        self.dir.join("started.json")
    }

    pub fn memory(&self) -> PathBuf {
        self.dir.join("memory.json")
    }

    /// Whether the user's memory limit is in force. A sandboxed command can write what it likes, and is under none.
    fn read_memory(&self) -> Option<Force> {
        match self.confinement {
            Confinement::Outside => read_json(&self.memory(), REPORT_MAX),
            Confinement::Sandboxed => Some(Force::Not(Lack::Sandbox)),
        }
    }

    pub fn result(&self) -> PathBuf {
        self.dir.join("result.json")
    }

    pub fn output(&self) -> PathBuf {
        self.dir.join("output.log")
    }

    pub fn request(&self) -> PathBuf {
        self.dir.join("request.json")
    }

    pub fn report(&self) -> PathBuf {
        self.dir.join("report.json")
    }

    pub fn stream(&self) -> PathBuf {
        self.dir.join("stream.jsonl")
    }

    pub fn errors(&self) -> PathBuf {
        self.dir.join("errors.log")
    }

    /// What a session has reported so far.
    pub fn read_report(&self) -> Option<SessionReport> {
        read_json(&self.report(), REPORT_MAX)
    }

    pub fn stop(&self) -> PathBuf {
        self.dir.join("stop.json")
    }

    pub fn next(&self) -> PathBuf {
        self.dir.join("next.json")
    }

    /// When its task was last asked to be the next one in its queue.
    pub fn asked_to_be_next(&self) -> Option<SystemTime> {
        self.next().symlink_metadata().and_then(|file| file.modified()).ok()
    }

    /// Writes for the runner which call its run belongs to.
    pub fn join(&self, join: &Join) -> anyhow::Result<()> {
        use anyhow::Context as _;
        self.create().with_context(|| format!("could not create `{}`", self.dir.display()))?;
        atomic::write(&self.call(), &json::line(join).context("could not encode a call")?)
    }

    /// The call that it belongs to; `None` until Claude Code has named it.
    pub fn joined(&self) -> Option<Join> {
        read_json(&self.call(), CALL_MAX)
    }

    /// The announcement that made its runner attach.
    pub fn attachment(&self) -> Option<Attached> {
        read_json(&self.attached(), CALL_MAX)
    }

    /// Whether its runner is alive. An error counts as alive: only a free lock proves that nothing holds it.
    pub fn is_alive(&self) -> bool {
        is_held(&self.lock()).unwrap_or(true)
    }

    /// When its command started; `None` if it has not.
    pub fn read_started(&self) -> Option<Since> {
        read_json(&self.started(), REPORT_MAX)
    }

    /// Reads the state of the run and changes nothing.
    pub fn probe(&self) -> RunState {
        if !self.is_attached() || !self.is_ours() {
            return RunState::Missing;
        }
        if self.is_alive() {
            // Trust a result only once the lock is free: until then, another process may have planted it.
            let queued = || read_json(&self.queued(), REPORT_MAX).map(RunState::Queued);
            let started = self.read_started().map(RunState::Started);
            return started.or_else(queued).unwrap_or(RunState::Attached);
        }
        match read_json(&self.result(), REPORT_MAX) {
            Some(result) => RunState::Ended(Box::new(result)),
            None => RunState::Gone,
        }
    }
}

/// The user's memory limit on a task, with what its runner has said of it so far.
pub fn memory_limit(task: &Task, state: &StateDir) -> Option<MemoryLimit> {
    let limit = task.memory_limit?;
    let said = || match task.status() {
        Status::Running { watch: Watch::Observed, .. } => Some(Force::Not(Lack::NoRunner)),
        Status::Pending { .. }
        | Status::Queued { .. }
        | Status::Running { .. }
        | Status::Finished(_) => Run::of(task, state).filter(Run::is_attached)?.read_memory(),
    };
    Some(MemoryLimit { force: limit.force.or_else(said), ..limit })
}

/// Every run of a session in the state folder, with Claude Code's id of each.
pub fn runs_of(state: &StateDir, session: &SessionId) -> Vec<(ClientTaskId, Run)> {
    let Ok(entries) = fs::read_dir(state.runs_dir().join(session.as_str())) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let ids = names.filter_map(|name| ClientTaskId::new(name).ok());
    ids.map(|id| (id.clone(), Run::outside(state, session, &id))).collect()
}

fn name(runs: &Path, session: &SessionId, id: &str) -> PathBuf {
    runs.join(session.as_str()).join(id)
}
