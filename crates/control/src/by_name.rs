//! Finds tasks and sessions by the names that people and the model give them.

use std::fmt;

use anyhow::Result;
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_base::text::{one_line, shown};
use sisyphus_state::reach::is_in_reach;
use sisyphus_tasks::task::Task;

use crate::tasks::Tasks;

/// Longest label of a description, in bytes.
const LABEL_MAX: usize = 40;
/// How many tasks an error names if a name is ambiguous.
const NAMED: usize = 5;
/// Longest name that an error repeats, in characters.
const NAME_MAX: usize = 200;
/// Longest description in an error, in characters.
const WHAT_MAX: usize = 40;

/// The name fits no task, or more than one, or one that can't be meant.
#[derive(Debug)]
pub enum NoSuchTask {
    Nameless,
    Unknown(String),
    UnknownSession(String),
    /// What is wrong, and the tasks or sessions that could be meant.
    Ambiguous {
        said: String,
        candidates: Vec<String>,
    },
    /// A task has ended that this is a part of. It is no name for what stops one.
    Ended(String),
    /// A command inside this task would wait for its end.
    Around(TaskId),
}

impl fmt::Display for NoSuchTask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nameless => write!(formatter, "no task has an empty name"),
            Self::Unknown(name) => write!(formatter, "no task `{}`", one_line(name, NAME_MAX)),
            Self::UnknownSession(name) => {
                write!(formatter, "no session `{}` has a task", one_line(name, NAME_MAX))
            }
            Self::Ambiguous { said, candidates } => {
                write!(formatter, "{said}: {}", candidates.join(", "))
            }
            Self::Ended(said) => formatter.write_str(said),
            Self::Around(task) => write!(
                formatter,
                "could not wait for {task}: this command is inside it, so {task} would wait for itself; give `--detach`"
            ),
        }
    }
}

impl std::error::Error for NoSuchTask {}

/// Which tasks a name can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// The whole of a name. For what can't be undone.
    Whole,
    /// Also a part of the description or of the command, in either case.
    Part,
    /// The whole of a name. A description that several runs of one command share, or their command, means the last of
    /// them, or the last that has not ended.
    LastRun,
    /// The whole of a name. An error names only tasks that have not ended. If all have ended, it means the last of
    /// them.
    ToStop,
}

impl Tasks {
    /// The task with this name: its id, Claude Code's id, the beginning of its id, its description, its command if
    /// it has no description, or the label that its description begins with; or what else `naming` allows. Texts are
    /// compared as lists show them. A whole name comes before a part. If several tasks share such a name other than
    /// the beginning of an id, this is the only one of them that has not finished, if there is such a one.
    pub fn find_named(&self, name: &str, naming: Naming) -> Result<&Task> {
        let called = shown(name);
        // Every id begins with the empty name. A script with an unset variable must not get the only task by it.
        if called.is_empty() {
            return Err(NoSuchTask::Nameless.into());
        }
        if let Some(task) = self.all().find(|task| task.id.as_str() == name) {
            return Ok(task);
        }
        let is_clients = |task: &&Task| task.client_id().is_some_and(|id| id.as_str() == name);
        if let Some(task) = live_or_only(name, self.all().filter(is_clients).collect(), naming)? {
            return Ok(task);
        }
        let begins = self.all().filter(|task| task.id.as_str().starts_with(name));
        if let Some(task) = only(name, begins.collect(), naming)? {
            return Ok(task);
        }
        let so_called: Vec<&Task> = self.all().filter(|task| shown(what(task)) == called).collect();
        if naming == Naming::LastRun
            && let Some(task) = last_run(&so_called)
        {
            return Ok(task);
        }
        if let Some(task) = live_or_only(name, so_called, naming)? {
            return Ok(task);
        }
        let labelled = self.all().filter(|task| label(&task.description) == Some(name));
        if let Some(task) = live_or_only(name, labelled.collect(), naming)? {
            return Ok(task);
        }
        let found = match naming {
            Naming::Whole | Naming::LastRun | Naming::ToStop => None,
            Naming::Part => live_or_only(name, self.with_part(name), naming)?,
        };
        found.ok_or_else(|| NoSuchTask::Unknown(name.to_owned()).into())
    }

    /// The tasks whose description or command has this part, in either case; those that have not ended first.
    pub fn with_part(&self, part: &str) -> Vec<&Task> {
        let part = shown(part).to_lowercase();
        let has_part = |text: &String| shown(text).to_lowercase().contains(&part);
        let tasks = self.all();
        tasks.filter(|task| [&task.description, &task.command].into_iter().any(has_part)).collect()
    }

    /// The tasks with these names, each once.
    pub fn find_all(&self, names: &[String], naming: Naming) -> Result<Vec<&Task>> {
        let mut found: Vec<&Task> = Vec::new();
        for name in names {
            let task = self.find_named(name, naming)?;
            if !found.iter().any(|other| other.id == task.id) {
                found.push(task);
            }
        }
        Ok(found)
    }

    /// The session with this name: its id, or the beginning of it.
    pub fn find_session(&self, name: &str) -> Result<&SessionId> {
        let mut sessions: Vec<&SessionId> = self.all().map(|task| &task.session).collect();
        sessions.sort();
        sessions.dedup();
        if let Some(session) = sessions.iter().find(|session| session.as_str() == name) {
            return Ok(session);
        }
        sessions.retain(|session| !name.is_empty() && session.as_str().starts_with(name));
        match sessions.as_slice() {
            [session] => Ok(session),
            [] => Err(NoSuchTask::UnknownSession(name.to_owned()).into()),
            several => {
                let ids = several.iter().map(ToString::to_string);
                Err(ambiguous(name, "sessions", ids).into())
            }
        }
    }
}

/// The id that the caller chose: the word before the colon of a description like `search-1: find the parser`.
fn label(description: &str) -> Option<&str> {
    let (word, _) = description.split_once(": ")?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    ((1..=LABEL_MAX).contains(&word.len()) && word.bytes().all(is_plain)).then_some(word)
}

/// The last run, if the tasks ran one command in one folder. A live one comes first.
fn last_run<'a>(tasks: &[&'a Task]) -> Option<&'a Task> {
    let run = |task: &'a Task| (task.kind, &task.command, &task.cwd);
    let are_of_one = tasks.windows(2).all(|pair| run(pair[0]) == run(pair[1]));
    tasks.iter().copied().filter(|_| are_of_one).max_by_key(|task| (is_live(task), task.ticket))
}

/// The only one of `tasks`, or the only one of them that has not finished; `None` if `tasks` is empty.
fn live_or_only<'a>(name: &str, tasks: Vec<&'a Task>, naming: Naming) -> Result<Option<&'a Task>> {
    let mut live = tasks.iter().copied().filter(|task| is_live(task));
    match (live.next(), live.next()) {
        (Some(task), None) => Ok(Some(task)),
        (Some(_) | None, Some(_) | None) => only(name, tasks, naming),
    }
}

fn only<'a>(name: &str, tasks: Vec<&'a Task>, naming: Naming) -> Result<Option<&'a Task>> {
    match tasks.as_slice() {
        [] => Ok(None),
        [task] => Ok(Some(task)),
        // The newest comes first.
        [last, ..] if naming == Naming::ToStop && !tasks.iter().any(|task| is_live(task)) => {
            Ok(Some(last))
        }
        several if naming == Naming::ToStop => {
            let live: Vec<&Task> = several.iter().copied().filter(|task| is_live(task)).collect();
            let candidates = candidates(name, &live);
            let name = one_line(name, NAME_MAX);
            let said = format!("`{name}` could be several tasks; to stop one, give its id");
            Err(NoSuchTask::Ambiguous { said, candidates }.into())
        }
        several => {
            Err(ambiguous(name, "tasks", several.iter().map(|task| named(name, task))).into())
        }
    }
}

/// What a list shows of it.
fn what(task: &Task) -> &str {
    if task.description.is_empty() { &task.command } else { &task.description }
}

fn is_live(task: &Task) -> bool {
    !task.status().is_final()
}

/// Several tasks that could be called `name`, as an error names them: the first of them, and how many more there are.
pub fn candidates(name: &str, tasks: &[&Task]) -> Vec<String> {
    listed(tasks.iter().map(|task| named(name, task)))
}

/// A task among several: its id and state, with its description, or else its command, if that says more than the name.
fn named(name: &str, task: &Task) -> String {
    let texts = [&task.description, &task.command].into_iter();
    let called = shown(name);
    let what = texts.map(String::as_str).find(|text| !text.is_empty() && shown(text) != called);
    let what = what.map(|it| format!(": {}", one_line(it, WHAT_MAX))).unwrap_or_default();
    let word = if is_in_reach(task) { task.word() } else { "out of reach" };
    format!("{} ({word}{what})", task.id)
}

fn ambiguous(name: &str, what: &str, ids: impl ExactSizeIterator<Item = String>) -> NoSuchTask {
    let (name, count) = (one_line(name, NAME_MAX), ids.len());
    let said = format!("`{name}` could be {count} {what}; to name one, give its id");
    NoSuchTask::Ambiguous { said, candidates: listed(ids) }
}

fn listed(names: impl ExactSizeIterator<Item = String>) -> Vec<String> {
    let more = names.len().checked_sub(NAMED).filter(|more| *more > 0);
    names.take(NAMED).chain(more.map(|more| format!("{more} more"))).collect()
}
