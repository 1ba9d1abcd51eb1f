//! Texts about tasks that have not finished.

use chrono::{DateTime, Utc};
use sisyphus_base::environment::Attendance;
use sisyphus_base::text::one_line;
use sisyphus_settings::SlotLimit;
use sisyphus_state::agents::{Limits, Pool, agents_of};
use sisyphus_state::expected_admission::expected_admission_of;
use sisyphus_state::line::Snapshot;
use sisyphus_state::store::Active;
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::classify_exit::CLIENT_LIMIT_MAX_MS;
use sisyphus_tasks::outcome::duration;
use sisyphus_tasks::status::{Status, Watch};
use sisyphus_tasks::task::{Kind, Task};

use super::measure::{counted, elapsed, length};

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
    let (Admission::Queued { position: number }, SlotLimit::AtMost(slots)) =
        (expected_admission_of(active, line, &task.id, limits), limits.default_limit())
    else {
        return None;
    };
    let agents: Vec<&Task> = agents_of(active, &Pool::Default, limits).collect();
    let all: Vec<&Task> = active.holders().chain(agents).collect();
    let mut named = first_and_count(&all);
    named.extend(elsewhere(line));
    // A limit that the hook has raised does not matter.
    let running = task.client_limit_ms.filter(|limit| *limit < CLIENT_LIMIT_MAX_MS);
    let clock = running.map_or_else(String::new, |limit| {
        format!(" Claude Code's own limit of {} for this call is already running.", duration(limit))
    });
    Some(format!(
        "[sisyphus] Background task {} is number {number} in the queue: at most {slots} at once{}. It starts by itself; you'll be notified when it finishes.{clock}",
        task.heading(),
        if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) },
    ))
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

/// A table of a session's tasks that have not finished; `None` if there are none.
pub fn table(
    active: &Active,
    line: &Snapshot,
    meant: impl Fn(&Task) -> bool,
    limits: &Limits,
    now: DateTime<Utc>,
) -> Option<String> {
    let agents = active.live().any(|task| task.kind == Kind::Agent && meant(task));
    let lines: Vec<String> = active
        .live()
        .filter(|task| meant(task))
        .filter_map(|task| {
            Some(format!("- {} {}\n", task.heading(), state(active, line, task, limits, now)?))
        })
        .collect();
    if lines.is_empty() {
        return None;
    }
    let mut text = format!(
        "[sisyphus] {} of this session {} not finished; you'll be notified when each does:\n",
        if agents {
            counted(lines.len(), "background task", "background tasks")
        } else {
            counted(lines.len(), "background command", "background commands")
        },
        if lines.len() == 1 { "has" } else { "have" },
    );
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
    Some(text)
}

/// The state of a task in words; `None` for a call that may never run.
fn state(
    active: &Active,
    line: &Snapshot,
    task: &Task,
    limits: &Limits,
    now: DateTime<Utc>,
) -> Option<String> {
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
                Admission::Immediate => "about to start".to_owned(),
            })
        }
        Status::Queued { .. }
        | Status::Pending { .. }
        | Status::Running { .. }
        | Status::Finished(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use sisyphus_base::id::ClientTaskId;
    use sisyphus_settings::Settings;
    use sisyphus_tasks::task::Client;
    use sisyphus_tasks::task::samples::{in_status, pending};

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn task(number: u64, description: &str, status: Status) -> Task {
        let id = ClientTaskId::new(format!("b{number}")).unwrap();
        let mut task = in_status(pending(&format!("t{number}"), number), status);
        task.description = description.to_owned();
        task.client = Some(Client { id, process: None });
        task
    }

    fn running(since: i64) -> Status {
        Status::Running { started_at: at(since), watch: Watch::Supervised }
    }

    fn slots(number: usize) -> Limits {
        let slots = NonZeroUsize::new(number).map_or(SlotLimit::Unlimited, SlotLimit::AtMost);
        Limits::of(&Settings { max_background_tasks: slots, ..Settings::default() })
    }

    fn busy() -> Active {
        let mut active = Active::default();
        active.insert(task(1, "run the tests", running(0)));
        active.insert(task(2, "", running(60)));
        active.insert(task(3, "build", Status::Queued { queued_at: at(70) }));
        active.insert(pending("t4", 4));
        active
    }

    /// `queue_line` says which place a queued task has and what is before it.
    #[test]
    fn a_queued_task_has_its_place() {
        let active = busy();
        let line =
            |slots: Limits| queue_line(&active, &Snapshot::default(), &active.tasks[2], &slots);
        assert_eq!(
            line(slots(2)).unwrap(),
            "[sisyphus] Background task t3 (\"build\") is number 1 in the queue: at most 2 at once \
             (t1 (\"run the tests\"), 1 more). It starts by itself; you'll be notified when it finishes. Claude Code's own limit of 10 min for this call is already running."
        );
        assert_eq!(line(slots(3)), None);
        assert_eq!(line(slots(0)), None);
        let mut patient = active.clone();
        patient.tasks[2].client_limit_ms = Some(CLIENT_LIMIT_MAX_MS);
        let text =
            queue_line(&patient, &Snapshot::default(), &patient.tasks[2], &slots(2)).unwrap();
        assert!(text.ends_with("notified when it finishes."), "{text}");
        // S24: where it has none, as in a terminal, none is spoken of.
        patient.tasks[2].client_limit_ms = None;
        let text =
            queue_line(&patient, &Snapshot::default(), &patient.tasks[2], &slots(2)).unwrap();
        assert!(text.ends_with("notified when it finishes."), "{text}");
    }

    /// In a terminal our own limit is said in one clause, and no other is spoken of.
    #[test]
    fn our_limit_is_said_at_launch_in_a_terminal() {
        let mut active = busy();
        active.tasks[2].limit_ms = Some(1_800_000);
        active.tasks[2].client_limit_ms = None;
        let line = |slots: Limits, attendance| {
            launch_line(&active, &Snapshot::default(), &active.tasks[2], &slots, attendance)
        };
        let alone = line(slots(3), Attendance::Attended).unwrap();
        assert_eq!(
            alone,
            "[sisyphus] Background task t3 has a time limit of 30 min (user setting `sisyphus.task_ttl_minutes`)."
        );
        let waiting = line(slots(2), Attendance::Attended).unwrap();
        let clause = " when it finishes. From its start it has a time limit of 30 min (user setting `sisyphus.task_ttl_minutes`).";
        assert!(waiting.ends_with(clause), "{waiting}");
        for attendance in [Attendance::Unattended, Attendance::Unknown] {
            assert_eq!(line(slots(3), attendance), None);
        }
        let mut service = active.clone();
        service.tasks[2].limit_ms = None;
        let said = launch_line(
            &service,
            &Snapshot::default(),
            &service.tasks[2],
            &slots(3),
            Attendance::Attended,
        );
        assert_eq!(said, None);
    }

    /// `table` shows what runs or is queued, and no call that may never run.
    #[test]
    fn the_table_shows_what_is_live() {
        let text = table(&busy(), &Snapshot::default(), |_| true, &slots(2), at(90)).unwrap();
        assert_eq!(
            text,
            "[sisyphus] 3 background commands of this session have not finished; you'll be notified when each does:\n\
             - t1 (\"run the tests\") still running since 2027-01-15 08:00:00 UTC (90 s)\n\
             - t2 still running since 2027-01-15 08:01:00 UTC (30 s)\n\
             - t3 (\"build\") number 1 in the queue\n"
        );
        assert_eq!(table(&busy(), &Snapshot::default(), |_| false, &slots(2), at(90)), None);
    }

    #[test]
    fn an_agent_is_called_one() {
        let mut active = busy();
        active.tasks.truncate(1);
        let mut agent =
            task(2, "explore", Status::Running { started_at: at(30), watch: Watch::Observed });
        agent.kind = Kind::Agent;
        active.insert(agent);
        active.insert(task(3, "build", Status::Queued { queued_at: at(70) }));
        let line = queue_line(&active, &Snapshot::default(), &active.tasks[2], &slots(2)).unwrap();
        let said = "at most 2 at once (t1 (\"run the tests\"), 1 more).";
        assert!(line.contains(said), "{line}");
        let text = table(&active, &Snapshot::default(), |_| true, &slots(2), at(90)).unwrap();
        assert!(
            text.starts_with("[sisyphus] 3 background tasks of this session have not finished;"),
            "{text}"
        );
        let said = "- t2 (\"explore\") agent, started, not known to have finished: since 2027-01-15 08:00:30 UTC (60 s)\n";
        assert!(text.contains(said), "{text}");
    }

    #[test]
    fn a_long_table_is_cut_with_a_count() {
        let mut active = Active::default();
        for number in 0..100 {
            active.insert(task(number, &"long ".repeat(40), running(0)));
        }
        let text = table(&active, &Snapshot::default(), |_| true, &slots(5), at(1)).unwrap();
        assert!(length(&text) <= TABLE_MAX, "{}", length(&text));
        let shown = text.lines().filter(|line| line.contains("still running")).count();
        assert!(text.ends_with(&format!("- {} more: `sisyphus list` shows them\n", 100 - shown)));
    }
}
