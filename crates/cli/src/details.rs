//! Further facts about a task, for people: when and where it ran, and its limits.

use chrono::{DateTime, Local, Utc};
use sisyphus_base::paths::StateDir;
use sisyphus_base::text::one_line;
use sisyphus_control::Tasks;
use sisyphus_state::line::{Snapshot, Standing};
use sisyphus_state::run::memory_limit;
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::from_terminal::Needs;
use sisyphus_tasks::outcome::duration;
use sisyphus_tasks::session::AskedBy;
use sisyphus_tasks::status::{Status, Watch};
use sisyphus_tasks::task::{Kind, Task};
use sisyphus_wording::{elsewhere, group_holders};

use crate::session;

/// Longest path that is shown, in characters.
const PATH_MAX: usize = 200;

/// A fact with its name.
pub(crate) type Fact = (&'static str, String);

/// What is known beside the outcome and what was asked for.
pub(crate) fn facts(
    task: &Task,
    expected: Admission,
    tasks: &Tasks,
    state: &StateDir,
) -> Vec<Fact> {
    let delegated = task
        .delegated
        .as_deref()
        .map(|session| session::facts(task, session, &session::report(task, state)));
    let all = [
        ("folder", Some(one_line(&task.cwd.to_string_lossy(), PATH_MAX))),
        ("session", (!task.is_started_by_us()).then(|| asking_session(task))),
        ("asked by", asked_by(task)),
        ("after", after(task)),
        ("group", task.group.clone()),
        ("place in queue", place_in_line(task, expected, &tasks.active, &tasks.line)),
        ("started", started(task)),
        ("ended", ended(task)),
        ("used", task.status().ending().and_then(|ending| Some(ending.usage?.sentence()))),
        ("time limit", task.limit_ms.map(|ms| format!("{} from its start", duration(ms)))),
        ("memory limit", limit_of_memory(task, state)),
        ("watched", watched(task)),
        ("kept", kept(task)),
    ];
    let all = delegated.into_iter().flatten().chain(all);
    all.filter_map(|(name, fact)| Some((name, fact?))).collect()
}

fn asking_session(task: &Task) -> String {
    match &task.agent {
        Some(agent) => format!("{}, by its subagent {agent}", task.session),
        None => task.session.to_string(),
    }
}

/// What asked for a task that a process of ours started.
fn asked_by(task: &Task) -> Option<String> {
    match task.delegated.as_ref().map(|session| session.asked_by) {
        Some(AskedBy::Model { .. }) => Some(format!("session {}", task.session)),
        Some(AskedBy::Person) => Some("you, in a terminal".to_owned()),
        None => task.from_terminal.as_ref().map(|_| "you, in a terminal".to_owned()),
    }
}

/// The tasks that it comes after.
fn after(task: &Task) -> Option<String> {
    let after = task.from_terminal.as_ref()?.after.iter();
    let named: Vec<String> = after
        .map(|it| match it.needs {
            Needs::Success => it.task.to_string(),
            Needs::End => format!("{}, however it ends", it.task),
        })
        .collect();
    (!named.is_empty()).then(|| named.join("; "))
}

fn place_in_line(
    task: &Task,
    expected: Admission,
    tasks: &[Task],
    line: &Snapshot,
) -> Option<String> {
    let Admission::Queued { position: number } = expected else { return None };
    let is_session = task.kind == Kind::Session;
    match task.status() {
        Status::Queued { .. } | Status::Pending { .. } if is_session => {
            return Some(format!("{number} among the sessions"));
        }
        Status::Queued { .. } => {}
        Status::Pending { .. } | Status::Running { .. } | Status::Finished(_) => return None,
    }
    let in_group = task
        .group
        .as_deref()
        .filter(|group| task.name_in_queue().is_some_and(|id| waits_in(line, group, id)));
    if let Some(group) = in_group {
        let holders = group_holders(tasks, line, group).join(", ");
        return Some(format!("{number} in the group `{group}`; now {holders}"));
    }
    let others = elsewhere(line).join(", ");
    Some(if others.is_empty() { number.to_string() } else { format!("{number}; now {others}") })
}

fn waits_in(line: &Snapshot, group: &str, id: &str) -> bool {
    matches!(line.standing_in(group, id), Some(Standing::Waits(_)))
}

fn started(task: &Task) -> Option<String> {
    let at = match task.status() {
        Status::Pending { .. } | Status::Queued { .. } => return None,
        Status::Running { started_at, .. } => *started_at,
        Status::Finished(ending) => ending.started_at?,
    };
    Some(match task.waited_ms() {
        None | Some(0) => clock(at),
        Some(waited) => format!("{}, after {} in the queue", clock(at), duration(waited)),
    })
}

/// The heading says how long a task ran that has a runner.
fn ended(task: &Task) -> Option<String> {
    let ending = task.status().ending()?;
    let at = clock(ending.ended_at);
    let ran = task.ran_ms().filter(|_| ending.duration_ms.is_none());
    Some(ran.map_or_else(|| at.clone(), |ms| format!("{at}, after {}", duration(ms))))
}

/// Nothing is known of one that has ended without a word of its runner, as before its start.
fn limit_of_memory(task: &Task, state: &StateDir) -> Option<String> {
    let limit = memory_limit(task, state)?;
    (limit.force.is_some() || !task.status().is_final()).then(|| limit.sentence())
}

/// Worth a line only if no runner supervises the task.
fn watched(task: &Task) -> Option<String> {
    let Status::Running { watch: Watch::Observed, .. } = task.status() else { return None };
    (task.kind != Kind::Agent)
        .then(|| "by Claude Code alone; its notice will be the result".to_owned())
}

/// Whether it goes on without its session, or does already.
fn kept(task: &Task) -> Option<String> {
    let is_live = !task.status().is_final();
    match task.left_at {
        Some(at) => Some(format!("its session ended at {} and left it running", clock(at))),
        None if is_live && task.outlives_session() => {
            Some("it goes on when its session ends".to_owned())
        }
        None => None,
    }
}

fn clock(at: DateTime<Utc>) -> String {
    at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string()
}
