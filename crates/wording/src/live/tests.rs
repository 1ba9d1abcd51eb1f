//! What the texts about unfinished tasks say.

use std::num::NonZeroUsize;

use sisyphus_base::id::ClientTaskId;
use sisyphus_settings::Settings;
use sisyphus_tasks::session::SessionReport;
use sisyphus_tasks::task::Client;
use sisyphus_tasks::task::samples::{delegated, in_status, pending};
use sisyphus_testing::TempDir;

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

/// The table of all tasks, if two may run at once.
fn table_of(active: &Active, second: i64) -> Option<String> {
    table_in(active, &StateDir::at("/nowhere"), |_| true, second)
}

fn table_in(
    active: &Active,
    state: &StateDir,
    meant: fn(&Task) -> bool,
    second: i64,
) -> Option<String> {
    let (line, limits) = (Snapshot::default(), slots(2));
    let around = Surroundings { line: Some(&line), limits: &limits, state, now: at(second) };
    table(active, meant, around)
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
    let line = |slots: Limits| queue_line(&active, &Snapshot::default(), &active.tasks[2], &slots);
    assert_eq!(
        line(slots(2)).unwrap(),
        "[sisyphus] Background task t3 (\"build\") is number 1 in the queue: at most 2 at once \
             (t1 (\"run the tests\"), 1 more). It starts by itself; you'll be notified when it finishes. Claude Code's own limit of 10 min for this call is already running."
    );
    assert_eq!(line(slots(3)), None);
    assert_eq!(line(slots(0)), None);
    let mut patient = active.clone();
    patient.tasks[2].client_limit_ms = Some(CLIENT_LIMIT_MAX_MS);
    let text = queue_line(&patient, &Snapshot::default(), &patient.tasks[2], &slots(2)).unwrap();
    assert!(text.ends_with("notified when it finishes."), "{text}");
    // S24: where it has none, as in a terminal, none is spoken of.
    patient.tasks[2].client_limit_ms = None;
    let text = queue_line(&patient, &Snapshot::default(), &patient.tasks[2], &slots(2)).unwrap();
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
    let text = table_of(&busy(), 90).unwrap();
    assert_eq!(
        text,
        "[sisyphus] 3 background commands of this session have not finished; you'll be notified when each does:\n\
             - t1 (\"run the tests\") still running since 2027-01-15 08:00:00 UTC (90 s)\n\
             - t2 still running since 2027-01-15 08:01:00 UTC (30 s)\n\
             - t3 (\"build\") number 1 in the queue\n"
    );
    let none = table_in(&busy(), &StateDir::at("/nowhere"), |_| false, 90);
    assert_eq!(none, None);
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
    let text = table_of(&active, 90).unwrap();
    assert!(
        text.starts_with("[sisyphus] 3 background tasks of this session have not finished;"),
        "{text}"
    );
    let said = "- t2 (\"explore\") agent, started, not known to have finished: since 2027-01-15 08:00:30 UTC (60 s)\n";
    assert!(text.contains(said), "{text}");
}

/// A session that runs shows how far it is, and one that waits its place among the sessions.
#[test]
fn a_session_is_called_one() {
    let dir = TempDir::new();
    let state = StateDir::at(dir.path());
    let mut active = Active::default();
    active.insert(task(1, "run the tests", running(0)));
    for number in 2..6 {
        let begun = if number < 4 { running(30) } else { Status::Queued { queued_at: at(40) } };
        active.insert(delegated(task(number, "review", begun), None));
    }
    let run = Run::of(&active.tasks[1], &state).unwrap();
    run.create().unwrap();
    let report = SessionReport { tool_calls: 1, ..SessionReport::default() };
    std::fs::write(run.report(), serde_json::to_vec(&report).unwrap()).unwrap();
    let text = table_in(&active, &state, |_| true, 90).unwrap();
    assert_eq!(
        text,
        "[sisyphus] 5 background tasks of this session have not finished; you'll be notified when each does:\n\
             - t1 (\"run the tests\") still running since 2027-01-15 08:00:00 UTC (90 s)\n\
             - t2 (\"review\") session (explore), still running since 2027-01-15 08:00:30 UTC (60 s); 1 tool call so far\n\
             - t3 (\"review\") session (explore), still running since 2027-01-15 08:00:30 UTC (60 s)\n\
             - t4 (\"review\") session (explore), number 1 in the queue of sessions\n\
             - t5 (\"review\") session (explore), number 2 in the queue of sessions\n"
    );
}

#[test]
fn a_long_table_is_cut_with_a_count() {
    let mut active = Active::default();
    for number in 0..100 {
        active.insert(task(number, &"long ".repeat(40), running(0)));
    }
    let text = table_of(&active, 1).unwrap();
    assert!(length(&text) <= TABLE_MAX, "{}", length(&text));
    let shown = text.lines().filter(|line| line.contains("still running")).count();
    assert!(text.ends_with(&format!("- {} more: `sisyphus list` shows them\n", 100 - shown)));
}
