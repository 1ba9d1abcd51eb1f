//! What each event changes in the records, and what it leaves alone.

mod turns;

use sisyphus_base::clock::Tick;
use sisyphus_base::id::Ticket;
use sisyphus_tasks::agent_call::AgentCall;
use sisyphus_tasks::recipient::AgentLife;
use sisyphus_tasks::status::{Status, Watch};
use sisyphus_tasks::task::Client;
use sisyphus_tasks::task::samples::{confirmed, finished, pending};

use super::*;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
}

/// Second 100 by both clocks.
fn now() -> Now {
    Now { at: at(100), tick: Tick(100) }
}

fn with_change(mut task: Task, change: impl FnOnce(&mut Task)) -> Task {
    change(&mut task);
    task
}

fn of_kind(task: Task, kind: Kind) -> Task {
    with_change(task, |task| task.kind = kind)
}

/// The task, known to Claude Code by this id.
fn named(task: Task, id: &str) -> Task {
    let client = Client { id: client_id(id), process: None };
    with_change(task, |task| task.client = Some(client))
}

fn with_request(task: Task, by: Canceller, second: i64) -> Task {
    with_change(task, |task| task.stop_request = Some(StopRequest::new(by, at(second))))
}

/// The session of all sample tasks.
fn session() -> SessionId {
    SessionId::new("session-1").unwrap()
}

fn client_id(id: &str) -> ClientTaskId {
    ClientTaskId::new(id).unwrap()
}

fn agent_id(id: &str) -> AgentId {
    AgentId::new(id).unwrap()
}

fn running(id: &str, event: TaskEvent) -> Task {
    let mut task = confirmed(id, 1);
    task.apply(event, Tick(1));
    task
}

fn supervised(id: &str) -> Task {
    running(id, TaskEvent::Started { at: at(1) })
}

fn observed(id: &str) -> Task {
    running(id, TaskEvent::Observed { at: at(1) })
}

/// A finished command of this subagent, whose result is owed.
fn owed_to(id: &str, agent: &str) -> Task {
    of_agent(finished(id, Outcome::Completed), agent)
}

fn of_agent(task: Task, agent: &str) -> Task {
    with_change(task, |task| task.agent = Some(agent_id(agent)))
}

fn elsewhere(task: Task) -> Task {
    with_change(task, |task| task.session = SessionId::new("session-2").unwrap())
}

/// A running agent that Claude Code knows by this id.
fn agent(id: &str) -> Task {
    named(of_kind(observed(id), Kind::Agent), id)
}

fn with(tasks: impl IntoIterator<Item = Task>) -> Active {
    let mut active = Active::default();
    tasks.into_iter().for_each(|task| active.insert(task));
    active
}

fn task<'a>(active: &'a Active, id: &str) -> &'a Task {
    active.task(&TaskId::new(id).unwrap()).unwrap()
}

/// The ids of the tasks that this holds for.
fn those(active: &Active, holds: impl Fn(&Task) -> bool) -> Vec<&str> {
    active.tasks.iter().filter(|task| holds(task)).map(|task| task.id.as_str()).collect()
}

fn is_released(task: &Task) -> bool {
    task.agent_life == AgentLife::Stopped
}

fn is_over(task: &Task) -> bool {
    task.status().is_final()
}

fn turn_ended(listed: Option<&[&str]>) -> Event {
    let listed = listed.map(|ids| ids.iter().map(|id| client_id(id)).collect());
    Event::TurnEnded { session: session(), listed, client: None }
}

fn join(id: &str, command: &str, process: Option<ProcessRef>) -> Event {
    let call = serde_json::json!({
        "client": { "id": id, "process": process }, "task": "t9", "ticket": 9,
        "at": "2026-11-21T02:30:00Z", "session": "session-1", "tool_use_id": "toolu_9",
        "cwd": "/x", "command": command, "kind": "service", "limit_ms": 5, "client_limit_ms": 6,
        "client_tmp": "/tmp/claude", "confinement": "sandboxed",
        "machine": { "boot": "b", "host": "laptop" },
    });
    Event::Joined(Box::new(serde_json::from_value(call).unwrap()))
}

/// A request reaches the named task only, and no task that has finished.
#[test]
fn a_stop_request_marks_the_task_it_names() {
    let mut active = with([supervised("t1"), supervised("t2"), finished("t3", Outcome::Completed)]);
    let asked = |id: &str| {
        let client_id = client_id(id);
        Event::StopRequested { session: session(), client_id, at: at(5) }
    };
    asked("bt1").apply(&mut active, now());
    asked("b9").apply(&mut active, now());
    assert_eq!(those(&active, |task| task.stop_request.is_some()), ["t1"]);
    let cancel = |id: &str| {
        let task = TaskId::new(id).unwrap();
        Event::CancelRequested { task, by: Canceller::User, at: at(6) }
    };
    cancel("t2").apply(&mut active, now());
    // It has finished: there is nothing to stop.
    cancel("t3").apply(&mut active, now());
    assert_eq!(those(&active, |task| task.stop_request.is_some()), ["t1", "t2"]);
    let expected = Some(StopRequest::new(Canceller::User, at(6)));
    assert_eq!(task(&active, "t2").stop_request, expected);
}

/// Claude Code's word ends what only Claude Code sees, and marks the request for what a runner will report.
#[test]
fn a_confirmed_stop_ends_only_observed_tasks() {
    let cancelled = with_request(supervised("t3"), Canceller::User, 3);
    let tasks = [observed("t1"), supervised("t2"), cancelled, finished("t4", Outcome::Completed)];
    let mut active = with(tasks);
    for id in ["bt1", "bt2", "bt3", "bt4", "b9"] {
        let client_id = client_id(id);
        let stopped = Event::StopConfirmed { session: session(), client_id, at: at(7) };
        stopped.apply(&mut active, now());
    }
    let by_model = Outcome::Cancelled { by: Canceller::Model };
    let Status::Finished(ending) = task(&active, "t1").status() else { panic!("it runs") };
    assert_eq!((&ending.outcome, ending.ended_at), (&by_model, at(7)));
    let done = |by, second| {
        Some(StopRequest { progress: StopProgress::Done, ..StopRequest::new(by, at(second)) })
    };
    assert_eq!(task(&active, "t2").stop_request, done(Canceller::Model, 7));
    assert_eq!(task(&active, "t3").stop_request, done(Canceller::User, 3));
    assert_eq!(those(&active, is_over), ["t1", "t4"]);
    assert_eq!(*task(&active, "t4"), finished("t4", Outcome::Completed));
}

/// The results of other subagents and of other sessions stay where they are.
#[test]
fn a_stopped_subagent_hands_over_its_own_results() {
    let other = elsewhere(owed_to("t3", "a1"));
    let own = finished("t4", Outcome::Completed);
    let mut active = with([owed_to("t1", "a1"), owed_to("t2", "a2"), other, own]);
    let stopped = Event::SubagentStopped { session: session(), agent: agent_id("a1") };
    stopped.apply(&mut active, now());
    assert_eq!(those(&active, is_released), ["t1"]);
}

/// A result counts as reported once, and only if the reader has read the record's revision.
#[test]
fn a_result_that_was_read_counts_once() {
    let mut active = with([finished("t1", Outcome::Failed { exit_code: 3 })]);
    let mut reported_after = |revision| {
        let task = TaskId::new("t1").unwrap();
        Event::Read { task, revision: Revision(revision) }.apply(&mut active, now());
        active.take_summary(&session()).said()
    };
    assert_eq!([5, 0, 0].map(&mut reported_after), ["", "1 failed", ""]);
}

/// Another process may apply the event later: the times are those of the event.
#[test]
fn an_agents_times_come_with_its_events() {
    let mut active = Active::default();
    let launch = Launch {
        session: session(),
        tool_use_id: ToolUseId::new("toolu_1").unwrap(),
        agent: None,
        cwd: "/x".into(),
        description: "tests".to_owned(),
        call: AgentCall::new("general-purpose", None, "run the tests"),
        machine: None,
    };
    let id = client_id("a1");
    let launched = Event::AgentLaunched { launch: Box::new(launch), id: id.clone(), at: at(5) };
    launched.apply(&mut active, now());
    let limits = Limits::of(&sisyphus_settings::Settings::default());
    let ended = Event::AgentEnded { id, end: AgentEnd::Finished, limits, at: at(7) };
    ended.apply(&mut active, now());
    let before = active.tasks[0].clone();
    let Status::Finished(ending) = before.status() else { panic!("{before:?}") };
    assert_eq!((ending.started_at, ending.ended_at), (Some(at(5)), at(7)));
    Event::AgentRevived { before: Box::new(before), at: at(9) }.apply(&mut active, now());
    let running = Status::Running { started_at: at(9), watch: Watch::Observed };
    assert_eq!(*active.tasks[1].status(), running);
}

/// The end of an agent hands over the results of its own commands, and of no other agent's.
#[test]
fn an_agents_end_hands_over_its_results() {
    // A command and a subagent may have the same id: only an agent's record says that an agent is over.
    let namesake = named(finished("t5", Outcome::Completed), "x1");
    let mut active = with([
        agent("a1"),
        agent("a2"),
        owed_to("t1", "a1"),
        owed_to("t2", "a2"),
        owed_to("t3", "x1"),
        namesake,
    ]);
    let limits = Limits::of(&sisyphus_settings::Settings::default());
    let (id, end) = (client_id("a1"), AgentEnd::Finished);
    Event::AgentEnded { id, end, limits, at: at(7) }.apply(&mut active, now());
    assert_eq!(those(&active, is_released), ["t1"]);
}

/// A call that is joined after its record has retired makes no second record.
#[test]
fn a_late_join_makes_no_record() {
    let mut active = Active::default();
    join("b1", "make", None).apply(&mut active, now());
    let known = active.tasks[0].id.clone();
    let task = active.task_mut(&known).unwrap();
    task.apply(TaskEvent::Ended(Ending::unseen(Outcome::Completed, at(100))), Tick(1));
    task.deliver(
        DeliveryEvent::Leased { by: ProcessRef { pid: 1, start: None, namespace: None } },
        Tick(2),
    );
    task.deliver(DeliveryEvent::Read { revision: Revision(0) }, Tick(3));
    task.last_word = Some(Tick(4));
    assert_eq!(active.retire(now()).len(), 1);
    join("b1", "make", None).apply(&mut active, now());
    assert_eq!(those(&active, |_| true).len(), 0);
    join("b2", "make", None).apply(&mut active, now());
    assert_eq!(those(&active, |_| true), ["t9"]);
}

/// A record that a notice created says less than the call. Another record keeps what it says.
#[test]
fn a_join_completes_what_a_notice_began() {
    let process = |pid| Some(ProcessRef { pid, start: Some(1), namespace: None });
    let bare = |id: &str| {
        with_change(observed(id), |task| (task.command, task.tool_use_id) = (String::new(), None))
    };
    let mut active = with([bare("t1"), observed("t2"), of_kind(bare("t3"), Kind::Agent)]);
    for id in ["bt1", "bt2", "bt3"] {
        join(id, "make", process(1)).apply(&mut active, now());
    }
    join("bt1", "ninja", process(2)).apply(&mut active, now());
    let said = |id: &str| {
        let task = task(&active, id);
        let process = task.client.as_ref().and_then(|client| client.process.as_ref());
        (task.command.as_str(), task.cwd.to_str(), task.kind, process.map(|it| it.pid))
    };
    assert_eq!(said("t1"), ("make", Some("/x"), Kind::Service, Some(1)));
    assert_eq!(said("t2"), ("npm test", Some("/home/dev/proj"), Kind::Command, Some(1)));
    assert_eq!(said("t3"), ("", Some("/home/dev/proj"), Kind::Agent, Some(1)));
    let whole = task(&active, "t1");
    assert_eq!((whole.limit_ms, whole.client_limit_ms), (Some(5), Some(6)));
    assert!(whole.machine.is_some() && whole.client_tmp.is_some() && whole.tool_use_id.is_some());
    assert_eq!(whole.ticket, Ticket(1));
}
