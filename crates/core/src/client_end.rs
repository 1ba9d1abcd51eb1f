//! The end of a task as the client tells it: the only witness for observed tasks, a second one for the others.

use std::path::{Component, Path, PathBuf};

use anyhow::Result;
use chrono::{DateTime, Utc};

use crate::announce::Call;
use crate::bind::tasks_of;
use crate::fold::advance;
use crate::id::{ClientTaskId, SessionId, ToolUseId};
use crate::outcome::{Canceller, LostReason, Outcome};
use crate::output::{KeptOutput, keep_observed};
use crate::paths::StateDir;
use crate::run_folder::RunRoot;
use crate::status::{Ending, Event, Status, Watch};
use crate::store::Transaction;
use crate::sys;
use crate::task::{Client, Task, Witness};

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

/// Takes the client's word for the end of a task that nobody else saw end.
pub fn hear(
    transaction: &mut Transaction<'_>,
    notice: ClientNotice,
    root: Option<&RunRoot>,
    state: &StateDir,
    now: DateTime<Utc>,
) -> Result<()> {
    let is_meant = |task: &Task| {
        task.client_id() == Some(&notice.client_id)
            || (task.client.is_none()
                && notice.tool_use_id.is_some()
                && task.tool_use_id == notice.tool_use_id)
    };
    let found = tasks_of(transaction, &notice.session)?
        .into_iter()
        .find(|task| is_meant(task))
        .map(|task| {
            task.client = Some(Client { id: notice.client_id.clone(), said_by: Witness::Client });
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
        (None, None) => first_heard_of(transaction, &notice, now),
    };
    if is_supervised(&task) {
        // Its runner lives and will say more than the client does.
        transaction.active.insert(task);
        return Ok(());
    }
    finish_observed(transaction, task, &notice, root, state, now)
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
fn first_heard_of(
    transaction: &mut Transaction<'_>,
    notice: &ClientNotice,
    now: DateTime<Utc>,
) -> Task {
    let call = Call {
        session: notice.session.clone(),
        tool_use_id: notice.tool_use_id.clone(),
        agent: None,
        cwd: notice.cwd.clone(),
        command: String::new(),
        description: notice.description.clone(),
        limit_ms: None,
        client_limit_ms: None,
    };
    let mut task = call.into_task(transaction, Status::Pending { announced_at: now });
    task.client = Some(Client { id: notice.client_id.clone(), said_by: Witness::Client });
    task
}

fn finish_observed(
    transaction: &mut Transaction<'_>,
    mut task: Task,
    notice: &ClientNotice,
    root: Option<&RunRoot>,
    state: &StateDir,
    now: DateTime<Utc>,
) -> Result<()> {
    let started_at = match &task.status {
        Status::Running { started_at, .. } => Some(*started_at),
        Status::Pending { .. } | Status::Queued { .. } | Status::Finished(_) => None,
    };
    if let Some(root) = root {
        root.folder(&task.id).remove();
    }
    task.output = observed_output(&task, notice, root, state);
    let outcome = match (notice.end, task.stop_asked) {
        (ClientEnd::ExitCode(code), _) => Outcome::from_exit_code(code),
        (ClientEnd::Killed | ClientEnd::Unclear, Some(asked)) => {
            Outcome::Cancelled { by: asked.by }
        }
        (ClientEnd::Killed, None) => Outcome::Cancelled { by: Canceller::Unknown },
        (ClientEnd::TimeLimit, _) => Outcome::TimedOut { limit_ms: task.client_limit_ms },
        (ClientEnd::Unclear, None) => Outcome::Unknown,
    };
    // From the call to the notice is not from the start to the end: no duration is better than a wrong one.
    advance(
        transaction,
        task,
        Event::Ended(Ending { outcome, started_at, ended_at: now, duration_ms: None }),
    )
}

/// What the client knows better: why it stopped a task whose runner could not say.
fn refine(task: &mut Task, end: ClientEnd) {
    let limit_ms = task.client_limit_ms;
    let Status::Finished(ending) = &mut task.status else { return };
    match (&ending.outcome, end) {
        (
            Outcome::Lost { why: LostReason::RunnerDied }
            | Outcome::Cancelled { by: Canceller::Unknown },
            ClientEnd::TimeLimit,
        ) => {
            ending.outcome = Outcome::TimedOut { limit_ms };
        }
        (Outcome::Lost { why: LostReason::RunnerDied }, ClientEnd::Killed) => {
            ending.outcome = Outcome::Cancelled { by: Canceller::Unknown };
        }
        _ => {}
    }
}

fn observed_output(
    task: &Task,
    notice: &ClientNotice,
    root: Option<&RunRoot>,
    state: &StateDir,
) -> Option<KeptOutput> {
    let path = notice.output_file.as_ref()?;
    if !is_client_file(path, &notice.session, &notice.client_id, root?) {
        return None;
    }
    let mut file = sys::open_own_file(path).ok()?;
    state.create_output_dir().ok()?;
    let kept = keep_observed(&mut file, &state.output(&task.id)).ok()?;
    Some(KeptOutput { client_file: Some(path.clone()), ..kept })
}

/// Whether `path` is the client's output file of this task. Who named it may have been a sandboxed command, and the
/// model will be told to read it.
pub(crate) fn is_client_file(
    path: &Path,
    session: &SessionId,
    client_id: &ClientTaskId,
    root: &RunRoot,
) -> bool {
    let tail: PathBuf =
        [session.as_str(), "tasks", &format!("{client_id}.output")].iter().collect();
    path.starts_with(root.client_tmp_dir())
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
