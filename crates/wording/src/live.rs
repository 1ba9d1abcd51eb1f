//! Texts about tasks that have not finished.

#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;

use chrono::{DateTime, Utc};
use sisyphus_base::environment::Attendance;
use sisyphus_base::paths::StateDir;
use sisyphus_base::text::one_line;
use sisyphus_settings::SlotLimit;
use sisyphus_state::agents::{Limits, Pool, agents_of};
use sisyphus_state::expected_admission::{expected_admission_of, expected_in_group};
use sisyphus_state::line::Snapshot;
use sisyphus_state::run::Run;
use sisyphus_state::sessions::{place_of, throttle_on};
use sisyphus_state::store::Active;
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::classify_exit::CLIENT_LIMIT_MAX_MS;
use sisyphus_tasks::outcome::duration;
use sisyphus_tasks::session::Delegated;
use sisyphus_tasks::status::{Status, Watch};
use sisyphus_tasks::task::{Kind, Task};

use super::agents::held_back;
use super::measure::{counted, elapsed, length};
use super::session::{amount, named};

/// How many other configuration folders a text names.
const NAMED: usize = 2;
/// Most characters of the description of a task that holds a slot.
const HOLDER_MAX: usize = 30;
/// Most characters of a path.
const PATH_MAX: usize = 200;
/// Most characters of the table of live tasks.
const TABLE_MAX: usize = 2_000;

/// Reports on a task whose call was just answered: its position in the queue, and our time limit, which in a terminal
/// nothing else reports; `None` if there is neither.
pub fn launch_line(
    active: &Active,
    line: &Snapshot,
    task: &Task,
    limits: &Limits,
    attendance: Attendance,
) -> Option<String> {
    let place = queue_line(active, line, task, limits);
    let limit = match (attendance, task.limit_ms) {
        (Attendance::Attended, Some(limit)) => limit,
        (Attendance::Attended | Attendance::Unattended | Attendance::Unknown, _) => return place,
    };
    let clause =
        format!("time limit of {} (user setting `sisyphus.task_ttl_minutes`).", duration(limit));
    Some(match place {
        Some(place) => format!("{place} From its start it has a {clause}"),
        None => format!("[sisyphus] Background task {} has a {clause}", task.id),
    })
}

/// Says that a task is queued, its position, and what is ahead of it; `None` if it is not queued.
fn queue_line(active: &Active, line: &Snapshot, task: &Task, limits: &Limits) -> Option<String> {
    if let Some(said) = group_line(active, line, task, limits) {
        return Some(said);
    }
    let (Admission::Queued { position: number }, SlotLimit::AtMost(slots)) =
        (expected_admission_of(active, Some(line), &task.id, limits), limits.default_limit())
    else {
        return None;
    };
    let agents: Vec<&Task> = agents_of(active, &Pool::Default, limits).collect();
    let all: Vec<&Task> = active.holders().chain(agents).collect();
    let mut named = first_and_count(&all);
    named.extend(elsewhere(line));
    Some(format!(
        "[sisyphus] Background task {} is number {number} in the queue: at most {slots} at once{}. It starts by itself; you'll be notified when it finishes.{}",
        task.heading(),
        if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) },
        clock(task),
    ))
}

/// Says that a task waits for its group, and what is ahead of it; `None` if it does not.
fn group_line(active: &Active, line: &Snapshot, task: &Task, limits: &Limits) -> Option<String> {
    let group = task.group.as_deref()?;
    let Admission::Queued { position: number } = expected_in_group(line, task, limits) else {
        return None;
    };
    let at_most = limits.of_group(group).map_or(1, NonZeroUsize::get);
    let holders = group_holders(&active.tasks, line, group);
    Some(format!(
        "[sisyphus] Background task {} is number {number} in the queue of the group `{group}`: at most {at_most} at once{}. It starts by itself; you'll be notified when it finishes.{}",
        task.heading(),
        if holders.is_empty() { String::new() } else { format!(" ({})", holders.join(", ")) },
        clock(task),
    ))
}

/// Says why a foreground command of a group was not run, and what to do instead.
pub fn group_refused(active: &Active, line: &Snapshot, group: &str, limit: NonZeroUsize) -> String {
    let holders = group_holders(&active.tasks, line, group).join(", ");
    format!(
        "[sisyphus] Not run yet: of the group `{group}` at most {limit} at once ({holders}), as the user set it. Run it with `run_in_background: true`: it starts by itself when its turn comes. To run it now all the same, repeat the call unchanged."
    )
}

/// What holds the slots of a group, each with its folder. `tasks` are those of this configuration folder.
pub fn group_holders(tasks: &[Task], line: &Snapshot, group: &str) -> Vec<String> {
    let holders = line.groups.get(group).into_iter().flat_map(|queue| &queue.holders);
    let named = holders.filter_map(|held| held.occupant.as_ref()).take(NAMED);
    named
        .map(|it| {
            let is_it = |task: &&Task| task.name_in_queue() == Some(it.task.as_str());
            let own = tasks.iter().filter(|_| line.is_own(it)).find(is_it);
            let name = own.map_or_else(
                || "a command of another configuration folder".to_owned(),
                |task| task.heading_within(HOLDER_MAX),
            );
            match &it.folder {
                Some(folder) => format!("{name} in `{}`", one_line(folder, PATH_MAX)),
                None => name,
            }
        })
        .collect()
}

/// Says that Claude Code's own time limit counts already. A limit that the hook has raised does not matter.
fn clock(task: &Task) -> String {
    let running = task.client_limit_ms.filter(|limit| *limit < CLIENT_LIMIT_MAX_MS);
    running.map_or_else(String::new, |limit| {
        format!(" Claude Code's own limit of {} for this call is already running.", duration(limit))
    })
}

/// The slots that other configuration folders hold: the commands of each, and all their agents.
pub fn elsewhere(line: &Snapshot) -> Vec<String> {
    let folders = line.elsewhere().into_iter().take(NAMED);
    let commands = folders.map(|(folder, slots)| {
        let commands = counted(slots, "command", "commands");
        format!("{commands} of the configuration folder `{}`", one_line(folder, PATH_MAX))
    });
    let agents = counted(line.agents_elsewhere, "agent", "agents");
    let agents =
        (line.agents_elsewhere > 0).then(|| format!("{agents} of other configuration folders"));
    commands.chain(agents).collect()
}

/// Says that a task prints nothing.
pub fn stall_line(task: &Task, since: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let silent = elapsed(since, now);
    format!(
        "[sisyphus] Background task {} is still running and has printed nothing for {silent}.",
        task.heading()
    )
}

/// Names the first of the tasks that hold slots, and counts the others.
pub(super) fn first_and_count(holders: &[&Task]) -> Vec<String> {
    let first = holders.first().map(|task| {
        let kind = if task.kind == Kind::Agent { "agent " } else { "" };
        format!("{kind}{}", task.heading_within(HOLDER_MAX))
    });
    let others = holders.len().checked_sub(2).map(|more| format!("{} more", more + 1));
    first.into_iter().chain(others).collect()
}

/// What the table of live tasks is made of.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// `None` if the queue can't be read.
    pub line: Option<&'a Snapshot>,
    pub limits: &'a Limits,
    /// Where the runs of sessions are.
    pub state: &'a StateDir,
    pub now: DateTime<Utc>,
}

/// A table of a session's tasks that have not finished; `None` if there are none.
pub fn table(
    active: &Active,
    meant: impl Fn(&Task) -> bool,
    around: Surroundings<'_>,
) -> Option<String> {
    let is_other = |task: &Task| matches!(task.kind, Kind::Agent | Kind::Session);
    let others = active.live().any(|task| is_other(task) && meant(task));
    let lines = lines(active, meant, around);
    if lines.is_empty() {
        return None;
    }
    let heading = format!(
        "[sisyphus] {} of this session {} not finished; you'll be notified when each does:\n",
        if others {
            counted(lines.len(), "background task", "background tasks")
        } else {
            counted(lines.len(), "background command", "background commands")
        },
        if lines.len() == 1 { "has" } else { "have" },
    );
    Some(below(heading, &lines))
}

/// The lines below a heading, as many as there is room for.
pub(crate) fn below(heading: String, lines: &[String]) -> String {
    let mut text = heading;
    // The line that counts the omitted tasks needs room too.
    let room = TABLE_MAX - 60;
    for (position, line) in lines.iter().enumerate() {
        if length(&text) + length(line) > room {
            let left_out = lines.len() - position;
            text.push_str(&format!("- {left_out} more: `sisyphus list` shows them\n"));
            break;
        }
        text.push_str(line);
    }
    text
}

/// One line for each task that has not finished.
pub(crate) fn lines(
    active: &Active,
    meant: impl Fn(&Task) -> bool,
    around: Surroundings<'_>,
) -> Vec<String> {
    let tasks = active.live().filter(|task| meant(task));
    tasks
        .filter_map(|task| Some(format!("- {} {}\n", task.heading(), state(active, task, around)?)))
        .collect()
}

/// The state of a task in words; `None` for a call that may never run.
fn state(active: &Active, task: &Task, around: Surroundings<'_>) -> Option<String> {
    if let Some(session) = &task.delegated {
        return session_state(active, task, session, around);
    }
    let Surroundings { line, limits, now, .. } = around;
    match task.status() {
        Status::Running { started_at, watch } if task.is_confirmed() => {
            let lasted = elapsed(*started_at, now);
            let since = started_at.format("%Y-%m-%d %H:%M:%S UTC");
            let seen = match watch {
                Watch::Observed if task.kind == Kind::Agent => {
                    "agent, started, not known to have finished:"
                }
                Watch::Supervised => "still running",
                Watch::Observed => "started, not known to have finished:",
            };
            Some(format!("{seen} since {since} ({lasted})"))
        }
        Status::Queued { .. } | Status::Pending { .. } if task.is_confirmed() => {
            Some(match expected_admission_of(active, line, &task.id, limits) {
                Admission::Queued { position: number } => format!("number {number} in the queue"),
                Admission::Immediate if line.is_none() => "not yet started".to_owned(),
                Admission::Immediate => "about to start".to_owned(),
            })
        }
        Status::Queued { .. }
        | Status::Pending { .. }
        | Status::Running { .. }
        | Status::Finished(_) => None,
    }
}

/// The state of a delegated session: how far it is, or its place among the sessions.
fn session_state(
    active: &Active,
    task: &Task,
    session: &Delegated,
    around: Surroundings<'_>,
) -> Option<String> {
    let name = named(session);
    Some(match task.status() {
        Status::Running { started_at, .. } => {
            let lasted = elapsed(*started_at, around.now);
            let since = started_at.format("%Y-%m-%d %H:%M:%S UTC");
            let report = Run::of(task, around.state).and_then(|run| run.read_report());
            let calls = report.map(|it| amount(it.tool_calls, "tool call", "tool calls"));
            let calls = calls.map(|calls| format!("; {calls} so far")).unwrap_or_default();
            format!("{name}, still running since {since} ({lasted}){calls}")
        }
        Status::Queued { .. } | Status::Pending { .. } => {
            let place = |_| place_of(active, task, around.limits, around.now);
            match around.line.map_or(Admission::Immediate, place) {
                Admission::Queued { position: number } => {
                    let throttles = &active.agents.throttles;
                    let throttle = throttle_on(throttles, task, around.limits, around.now);
                    let why = throttle.map(|it| format!("; {}", held_back(it)));
                    let why = why.unwrap_or_default();
                    format!("{name}, number {number} in the queue of sessions{why}")
                }
                Admission::Immediate if around.line.is_none() => format!("{name}, not yet started"),
                Admission::Immediate => format!("{name}, about to start"),
            }
        }
        Status::Finished(_) => return None,
    })
}
