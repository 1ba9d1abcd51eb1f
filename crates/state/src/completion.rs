//! The end of a task as Claude Code reports it: the only source for an observed task, a second source for the others.

#[cfg(test)]
mod tests;

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sisyphus_base::clock::Now;
use sisyphus_base::id::{ClientTaskId, SessionId, TaskId, Ticket, ToolUseId};
use sisyphus_base::paths::{StateDir, create_dir};
use sisyphus_base::sys;
use sisyphus_tasks::call::Join;
use sisyphus_tasks::kept_output::KeptOutput;
use sisyphus_tasks::outcome::{Canceller, Outcome};
use sisyphus_tasks::source::Source;
use sisyphus_tasks::status::{Ending, Status};
use sisyphus_tasks::task::{Client, Event, Task};

use crate::active::Active;
use crate::output::keep_observed;

/// How a command ended, as Claude Code reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientEnd {
    ExitCode(i32),
    /// Claude Code stopped it, for whatever reason.
    Killed,
    /// Claude Code stopped it at its time limit.
    TimeLimit,
    /// It ended, and Claude Code's text says no more, or is unknown to us.
    Unclear,
}

/// One notice from Claude Code about one background command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub session: SessionId,
    pub client_id: ClientTaskId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_use_id: Option<ToolUseId>,
    pub description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_file: Option<PathBuf>,
    pub cwd: PathBuf,
    pub end: ClientEnd,
}

/// A notice with what the hook knows about its task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    pub notice: Notice,
    pub known: Known,
    /// The output, kept under the task's id, if no runner keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<KeptOutput>,
}

/// What was known about a notice's task when the notice arrived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// It has a record.
    Recorded(TaskId),
    /// It was announced, and the notice names both ids.
    Announced(Box<Join>),
    /// Its record is already in the history.
    Retired(Box<Task>),
    /// The notice is the first report: the task is older than the plugin, or its hooks failed. This is its new id.
    New(TaskId),
}

impl Known {
    /// The id of the task.
    pub fn id(&self) -> &TaskId {
        match self {
            Self::Recorded(id) | Self::New(id) => id,
            Self::Announced(join) => &join.announcement.task,
            Self::Retired(task) => &task.id,
        }
    }
}

impl Completion {
    /// Records the end of a task as Claude Code reports it.
    pub(crate) fn apply(self, active: &mut Active, now: Now) {
        let Self { notice, known, output } = self;
        let kept_for = known.id().clone();
        let by_name = active.named(&notice.session, &notice.client_id, notice.tool_use_id.as_ref());
        let id = if let Some(task) = by_name {
            task.id.clone()
        } else {
            let is_late = active.has_retired(&notice.session, &notice.client_id);
            let task = match known {
                // Another process recorded it, and it is over: this event was late.
                Known::Announced(_) | Known::New(_) if is_late => return,
                Known::Announced(join) => join.into_task(),
                Known::Retired(task) => *task,
                Known::Recorded(id) | Known::New(id) => first_heard_of(id, &notice, now),
            };
            let id = task.id.clone();
            active.insert(task);
            id
        };
        let Some(task) = active.task_mut(&id) else { return };
        task.client.get_or_insert(Client { id: notice.client_id, process: None });
        task.last_word = Some(now.tick);
        // Claude Code notifies the main conversation, so the task belongs there from here on.
        task.release();
        // The hook chose the task without the lock. The output of another task does not belong here.
        if task.output.is_none() && kept_for == id {
            task.output = output;
        }
        let ending = ending(task, notice.end, now);
        task.apply(Event::Ended(ending), now.tick);
    }
}

fn ending(task: &Task, end: ClientEnd, now: Now) -> Ending {
    let asked = task.stop_requested_by(now.at);
    let outcome = match (end, asked) {
        (ClientEnd::ExitCode(code), _) => Outcome::from_exit_code(code),
        (ClientEnd::Killed | ClientEnd::Unclear, Some(by)) => Outcome::Cancelled { by },
        (ClientEnd::Killed, None) => Outcome::Cancelled { by: Canceller::Unknown },
        (ClientEnd::TimeLimit, _) => Outcome::TimedOut { limit_ms: task.client_limit_ms },
        (ClientEnd::Unclear, None) => Outcome::Unknown,
    };
    let reported_by = match end {
        ClientEnd::ExitCode(_) => Source::ClientExitCode,
        ClientEnd::Killed | ClientEnd::TimeLimit => Source::Client,
        ClientEnd::Unclear if asked.is_some() => Source::Client,
        // An unclear report does not override a conclusion.
        ClientEnd::Unclear => Source::Concluded,
    };
    Ending { reported_by, ..Ending::noticed(task.status(), outcome, now.at) }
}

fn first_heard_of(id: TaskId, notice: &Notice, now: Now) -> Task {
    let status = Status::Pending { announced_at: now.at };
    let mut task =
        Task::new(id, Ticket(now.tick.0), notice.session.clone(), notice.cwd.clone(), status);
    task.tool_use_id.clone_from(&notice.tool_use_id);
    task.description.clone_from(&notice.description);
    task
}

/// Keeps the output of a command without a runner under the task's id.
pub fn observed_output(
    notice: &Notice,
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
    create_dir(&state.output_dir()).ok()?;
    let kept = keep_observed(&mut file, &state.output(task)).ok()?;
    Some(KeptOutput { client_file: Some(path.clone()), ..kept })
}

/// Whether `path` is Claude Code's output file of this task. A sandboxed command may have supplied the path, and a
/// report shows it to the model.
pub(crate) fn is_client_file(
    path: &Path,
    session: &SessionId,
    client_id: &ClientTaskId,
    client_tmp: &Path,
) -> bool {
    let tail: PathBuf =
        [session.as_str(), "tasks", &format!("{client_id}.output")].iter().collect();
    let Some(below) = below(path, client_tmp) else { return false };
    below.ends_with(tail)
        && below.components().all(|part| match part {
            Component::Normal(name) => name.to_str().is_some_and(|it| it.bytes().all(is_plain)),
            Component::Prefix(_)
            | Component::RootDir
            | Component::CurDir
            | Component::ParentDir => false,
        })
}

/// What comes behind the folder in a path. The kernel names an open file without the links on its way, and macOS has a link at
/// `/tmp`.
fn below(path: &Path, folder: &Path) -> Option<PathBuf> {
    let as_named = path.strip_prefix(folder).ok().map(Path::to_owned);
    as_named.or_else(|| path.strip_prefix(sys::real_path(folder).ok()?).ok().map(Path::to_owned))
}

/// Claude Code writes every other character of a project's path as a dash. Below its folder, the model reads no other
/// characters.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}
