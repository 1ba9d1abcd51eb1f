//! `background_cancel`.

use anyhow::Result;
use rmcp::model::CallToolResult;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sisyphus_base::text::one_line;
use sisyphus_control::{Ending, HistoryDepth, Naming, Tasks, cancel};
use sisyphus_state::requester::Requester;
use sisyphus_tasks::outcome::Canceller;
use sisyphus_tasks::recipient::Recipient;
use sisyphus_tasks::task::{Kind, Task};

use super::scope::find;
use crate::answer::answer;
use crate::table::{cell, table};
use crate::view::{Now, TaskView};
use crate::warn::warn;

pub(crate) const NAME: &str = "background_cancel";
pub(crate) const DESCRIPTION: &str = "Stops a background command or a delegated session with every process that it has started, or all of \
    this session's, and answers when they are gone. What is stopped here is not announced again.";

/// Longest description of a problem, in characters.
const PROBLEM_MAX: usize = 300;

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// The task: its id or the beginning of it, Claude Code's id of it, its description (its
    /// command, if it has none), or the word before a colon in the description.
    #[serde(default)]
    task_id: Option<String>,
    /// Instead of `task_id`: every task of this session that has not ended.
    #[serde(default)]
    all: Option<bool>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(crate) struct Cancelled {
    /// How many were stopped by this call.
    cancelled: usize,
    tasks: Vec<Stopped>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct Stopped {
    /// The status before.
    status_before: String,
    /// The same in texts.
    #[serde(skip)]
    word_before: &'static str,
    came_of_it: CameOfIt,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// For an agent and a session: what has it go on, once it is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    resume: Option<String>,
    #[serde(flatten)]
    task: TaskView,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", inline)]
#[serde(rename_all = "snake_case")]
enum CameOfIt {
    /// Nothing of it runs any more.
    Cancelled,
    HadEnded,
    NotStopped,
}

/// How to resume an agent or a session that was stopped or has ended (CC-64).
fn how_to_resume(task: &Task) -> Option<String> {
    if let Some(session) = &task.delegated {
        let has_begun = task.status().ending().is_some_and(|it| session.has_conversation(it));
        let id = &session.conversation;
        return has_begun
            .then(|| format!("delegate_task(session_id=\"{id}\", prompt=\"Continue: …\")"));
    }
    let id = task.client_id().filter(|_| task.kind == Kind::Agent)?;
    Some(format!("SendMessage to `{id}` has it go on"))
}

/// Returns when the tasks have ended, after 11 seconds at most.
pub(crate) fn run(given: &Arguments, requester: Option<&Requester>) -> Result<CallToolResult> {
    let tasks = Tasks::read(HistoryDepth::Archive, warn)?;
    let meant = match (given.task_id.as_deref(), given.all.unwrap_or(false), requester) {
        (Some(name), false, _) => vec![find(&tasks, name, Naming::ToStop, requester)?],
        (None, true, Some(requester)) => {
            tasks.active.iter().filter(|task| is_all(task, requester)).cloned().collect()
        }
        (None, true, None) => anyhow::bail!(
            "the client did not say which session this is, so `all` means nothing: name the task"
        ),
        (Some(_), true, _) | (None, false, _) => {
            anyhow::bail!("wrong arguments: give either `task_id`, or `all: true`")
        }
    };
    let answers = cancel(&tasks.store, meant, Canceller::Model, warn)?;
    let active = tasks.store.read_active()?;
    let now = Now::of(&active);
    let stopped: Vec<Stopped> = answers
        .iter()
        .map(|answer| {
            let (came_of_it, problem) = came_of_it(&answer.task, &answer.ending);
            let task = TaskView::of(&answer.task, &now);
            let status_before = answer.before.status().word().to_owned();
            let word_before = answer.before.word();
            let resume = how_to_resume(&answer.task);
            Stopped { status_before, word_before, came_of_it, problem, resume, task }
        })
        .collect();
    let is = |wanted: CameOfIt| stopped.iter().filter(|it| it.came_of_it == wanted).count();
    let is_error = is(CameOfIt::NotStopped) > 0;
    let data = Cancelled { cancelled: is(CameOfIt::Cancelled), tasks: stopped };
    let mut result = answer(text(&data), data)?;
    result.is_error = Some(is_error);
    Ok(result)
}

/// The tasks that `all` selects: every live one of the session, for a subagent those that it started.
fn is_all(task: &Task, requester: &Requester) -> bool {
    let is_theirs = match &requester.conversation {
        Recipient::MainConversation => true,
        Recipient::Agent(_) | Recipient::UnknownAgent => task.is_for(&requester.conversation),
    };
    task.session == requester.session && is_theirs && task.is_confirmed()
}

fn came_of_it(task: &Task, ending: &Ending) -> (CameOfIt, Option<String>) {
    match ending {
        Ending::Ended => (CameOfIt::Cancelled, None),
        Ending::HadEnded => (CameOfIt::HadEnded, None),
        Ending::LeftToClient => {
            let problem = match task.client_id() {
                Some(id) => format!("only Claude Code can stop it: TaskStop with task_id `{id}`"),
                None => "Claude Code has not named it yet".to_owned(),
            };
            (CameOfIt::NotStopped, Some(problem))
        }
        Ending::NotStopped(why) => (CameOfIt::NotStopped, Some(one_line(why, PROBLEM_MAX))),
    }
}

fn text(cancelled: &Cancelled) -> String {
    if cancelled.tasks.is_empty() {
        return "Nothing to cancel: no background task of this session is live.\n".to_owned();
    }
    let tasks = if cancelled.cancelled == 1 { "task" } else { "tasks" };
    let heads = ["Task ID", "Description", "Status before", "Now", "Session ID"];
    let rows = table(heads, cancelled.tasks.iter().map(row));
    let continuing = continue_instructions(&cancelled.tasks);
    format!("Cancelled {} background {tasks}:\n\n{rows}{continuing}", cancelled.cancelled)
}

/// The exact calls that continue the sessions; empty without any.
fn continue_instructions(tasks: &[Stopped]) -> String {
    let sessions = tasks.iter().filter(|it| it.task.session_id.is_some());
    let calls = sessions.filter_map(|it| Some((it.resume.as_deref()?, it.task.name())));
    let calls: String =
        calls.map(|(call, name)| format!("    {call}  # {}\n", cell(name))).collect();
    if calls.is_empty() {
        return String::new();
    }
    format!("\n## Continue Instructions\n\nTo continue a cancelled session, use:\n\n{calls}")
}

fn row(stopped: &Stopped) -> [String; 5] {
    let mut now = match (&stopped.problem, stopped.came_of_it) {
        (Some(problem), _) => format!("{}; {}", stopped.task.state(), cell(problem)),
        (None, CameOfIt::HadEnded) => format!("had ended: {}", stopped.task.state()),
        (None, CameOfIt::Cancelled | CameOfIt::NotStopped) => stopped.task.state(),
    };
    // The call that continues a session follows the table.
    if let Some(resume) = stopped.resume.as_ref().filter(|_| stopped.task.session_id.is_none()) {
        now = format!("{now}; {}", cell(resume));
    }
    [
        format!("`{}`", stopped.task.task_id),
        cell(stopped.task.name()),
        stopped.word_before.to_owned(),
        now,
        match (&stopped.task.session_id, &stopped.resume) {
            (Some(_), None) => "(not started)".to_owned(),
            _ => format!("`{}`", stopped.task.conversation()),
        },
    ]
}
