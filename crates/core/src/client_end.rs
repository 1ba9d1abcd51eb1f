//! The end of a task as the client tells it: the only witness for observed tasks, a second one for the others.

use std::path::{Component, Path, PathBuf};

use anyhow::Result;
use chrono::{DateTime, Utc};

use crate::announce::Call;
use crate::bind::tasks_of;
use crate::fold::advance;
use crate::id::{ClientTaskId, SessionId, TaskId, ToolUseId};
use crate::outcome::{Canceller, Outcome};
use crate::output::{KeptOutput, keep_observed};
use crate::paths::StateDir;
use crate::run_folder::RunRoot;
use crate::status::{Ending, Status, Watch};
use crate::store::{Store, Transaction};
use crate::sys;
use crate::task::{AgentLife, Client, Kind, Task, Witness};
use crate::transition::Event;

/// How the client says that a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientEnd {
    ExitCode(i32),
    /// Stopped by the client, for whatever reason.
    Killed,
    /// Stopped by the client at its time limit.
    TimeLimit,
    /// It ended, and the client's words say no more, or not in words that we know.
    Unclear,
}

/// One notice of the client about one background command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientNotice {
    pub session: SessionId,
    pub client_id: ClientTaskId,
    pub tool_use_id: Option<ToolUseId>,
    pub description: String,
    pub output_file: Option<PathBuf>,
    pub cwd: PathBuf,
    pub end: ClientEnd,
}

/// A notice, made ready outside of the lock: to copy an output is slow.
#[derive(Debug)]
pub struct Heard {
    notice: ClientNotice,
    /// The task that seemed to be meant, or the id that a new one would get.
    task: TaskId,
    output: Option<KeptOutput>,
}

impl ClientNotice {
    fn means(&self, task: &Task) -> bool {
        task.client_id() == Some(&self.client_id)
            || (task.client.is_none()
                && self.tool_use_id.is_some()
                && task.tool_use_id == self.tool_use_id)
    }

    /// Finds out which task is meant and, if nobody else keeps its output, keeps it. `client_tmp` is the client's own
    /// temporary folder.
    pub fn prepare(self, store: &Store, client_tmp: &Path) -> Heard {
        let told = store.read_outbox(&self.session).is_ok_and(|outbox| {
            outbox.has_told(&self.client_id, |_| true) || outbox.held().any(|it| self.means(it))
        });
        let active = store.read_active().map(|active| active.tasks).unwrap_or_default();
        let meant = active.iter().find(|task| task.session == self.session && self.means(task));
        let task = meant.map_or_else(TaskId::random, |task| task.id.clone());
        let output = if told || meant.is_some_and(is_supervised) {
            None
        } else {
            let started_in = meant.map_or(&self.session, |task| task.started_in());
            observed_output(&self, started_in, &task, client_tmp, store.dir())
        };
        Heard { notice: self, task, output }
    }
}

/// Takes the client's word for the end of a task that nobody else saw end.
pub fn hear(transaction: &mut Transaction<'_>, heard: Heard, now: DateTime<Utc>) -> Result<()> {
    let notice = &heard.notice;
    let found = tasks_of(transaction, &notice.session)?
        .into_iter()
        .find(|task| notice.means(task))
        .map(|task| {
            task.client = Some(Client::new(notice.client_id.clone(), Witness::Client));
            // The client tells it to the main conversation, so that is where it belongs now.
            if task.agent.is_some() {
                task.agent_life = AgentLife::Stopped;
            }
            refine(task, notice.end);
            task.id.clone()
        });
    let active = found.as_ref().and_then(|id| transaction.take(id));
    let task = match (active, found) {
        (Some(task), _) => task,
        // It has ended already and its result is owed.
        (None, Some(_)) => return Ok(()),
        (None, None)
            if transaction.outbox(&notice.session)?.has_told(&notice.client_id, |_| true) =>
        {
            return Ok(());
        }
        (None, None) => first_heard_of(transaction, &heard, now),
    };
    if is_supervised(&task) {
        // Its runner lives and will say more than the client does.
        transaction.active.insert(task);
        return Ok(());
    }
    finish_observed(transaction, task, heard, now)
}

fn is_supervised(task: &Task) -> bool {
    match &task.status {
        Status::Running { watch: Watch::Supervised, .. } | Status::Queued { .. } => true,
        Status::Running { watch: Watch::Observed, .. }
        | Status::Pending { .. }
        | Status::Finished(_) => false,
    }
}

/// A task from before the plugin was there, or one whose hooks failed.
fn first_heard_of(transaction: &mut Transaction<'_>, heard: &Heard, now: DateTime<Utc>) -> Task {
    let notice = &heard.notice;
    let call = Call {
        session: notice.session.clone(),
        tool_use_id: notice.tool_use_id.clone(),
        agent: None,
        kind: Kind::Command,
        cwd: notice.cwd.clone(),
        command: String::new(),
        description: notice.description.clone(),
        limit_ms: None,
        client_limit_ms: None,
    };
    let mut task = call.into_task(transaction, Status::Pending { announced_at: now });
    task.id = heard.task.clone();
    task.client = Some(Client::new(notice.client_id.clone(), Witness::Client));
    task
}

fn finish_observed(
    transaction: &mut Transaction<'_>,
    mut task: Task,
    heard: Heard,
    now: DateTime<Utc>,
) -> Result<()> {
    let started_at = match &task.status {
        Status::Running { started_at, .. } => Some(*started_at),
        Status::Pending { .. } | Status::Queued { .. } | Status::Finished(_) => None,
    };
    if let Ok(Some(root)) = RunRoot::of(&task) {
        root.folder(&task.id).remove();
    }
    // Which task is meant was asked without the lock: if it is another one by now, this copy is not of its output.
    task.output = heard.output.filter(|_| heard.task == task.id);
    let outcome = match (heard.notice.end, task.stopper(now)) {
        (ClientEnd::ExitCode(code), _) => Outcome::from_exit_code(code),
        (ClientEnd::Killed | ClientEnd::Unclear, Some(by)) => Outcome::Cancelled { by },
        (ClientEnd::Killed, None) => Outcome::Cancelled { by: Canceller::Unknown },
        (ClientEnd::TimeLimit, _) => Outcome::TimedOut { limit_ms: task.client_limit_ms },
        (ClientEnd::Unclear, None) => Outcome::Unknown,
    };
    // From the call to the notice is not from the start to the end.
    let ending = Ending { started_at, ..Ending::unseen(outcome, now) };
    advance(transaction, task, Event::Ended(ending))
}

/// What the client knows better: how a task ended whose runner could not say.
fn refine(task: &mut Task, end: ClientEnd) {
    let limit_ms = task.client_limit_ms;
    let Status::Finished(ending) = &mut task.status else { return };
    let lost = matches!(ending.outcome, Outcome::Lost { .. } | Outcome::Unknown);
    let by_signal = Outcome::Cancelled { by: Canceller::Unknown };
    match end {
        ClientEnd::ExitCode(code) if lost => {
            ending.outcome = Outcome::from_exit_code(code);
        }
        ClientEnd::TimeLimit if lost || ending.outcome == by_signal => {
            ending.outcome = Outcome::TimedOut { limit_ms };
        }
        ClientEnd::Killed if lost => ending.outcome = by_signal,
        ClientEnd::ExitCode(_) | ClientEnd::TimeLimit | ClientEnd::Killed | ClientEnd::Unclear => {}
    }
}

fn observed_output(
    notice: &ClientNotice,
    started_in: &SessionId,
    task: &TaskId,
    client_tmp: &Path,
    state: &StateDir,
) -> Option<KeptOutput> {
    let path = notice.output_file.as_ref()?;
    if !is_client_file(path, started_in, &notice.client_id, client_tmp) {
        return None;
    }
    let mut file = sys::open_own_file(path).ok()?;
    state.create_output_dir().ok()?;
    let kept = keep_observed(&mut file, &state.output(task)).ok()?;
    Some(KeptOutput { client_file: Some(path.clone()), ..kept })
}

/// Whether `path` is the client's output file of this task. Who named it may have been a sandboxed command, and the
/// model will be told to read it.
pub(crate) fn is_client_file(
    path: &Path,
    session: &SessionId,
    client_id: &ClientTaskId,
    client_tmp: &Path,
) -> bool {
    let tail: PathBuf =
        [session.as_str(), "tasks", &format!("{client_id}.output")].iter().collect();
    path.starts_with(client_tmp)
        && path.ends_with(tail)
        && path.components().all(|part| {
            matches!(part, Component::RootDir | Component::Normal(_) | Component::Prefix(_))
        })
        && path.to_str().is_some_and(|text| text.bytes().all(is_plain))
}

/// The client writes every other character of a project's path as a dash. What is told to the model holds nothing else.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/._-".contains(&byte)
}
