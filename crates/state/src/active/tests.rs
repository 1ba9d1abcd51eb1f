//! Which records answer to a name, wait for a reader, and leave.

mod leave;

use sisyphus_base::id::{AgentId, ClientTaskId};
use sisyphus_tasks::delivery::{Channel, Revision};
use sisyphus_tasks::outcome::{Canceller, Outcome};
use sisyphus_tasks::status::Ending;
use sisyphus_tasks::task::samples::{confirmed, pending};
use sisyphus_tasks::task::{AgentLife, Client, Event, Kind};

use super::*;

/// The nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
}

/// The session of all sample tasks.
fn session() -> SessionId {
    SessionId::new("session-1").unwrap()
}

fn other_session() -> SessionId {
    SessionId::new("session-2").unwrap()
}

fn agent(id: &str) -> Recipient {
    Recipient::Agent(AgentId::new(id).unwrap())
}

fn process(pid: i32) -> ProcessRef {
    ProcessRef { pid, start: Some(1), namespace: None }
}

fn with_change(mut task: Task, change: impl FnOnce(&mut Task)) -> Task {
    change(&mut task);
    task
}

fn after(task: Task, event: Event, tick: u64) -> Task {
    with_change(task, |task| {
        task.apply(event, Tick(tick));
    })
}

fn elsewhere(task: Task) -> Task {
    with_change(task, |task| task.session = other_session())
}

fn of_agent(task: Task, id: &str) -> Task {
    with_change(task, |task| task.agent = Some(AgentId::new(id).unwrap()))
}

fn running(id: &str) -> Task {
    after(confirmed(id, 1), Event::Started { at: at(0) }, 0)
}

/// A command that finished at second 0, and whose result is owed since this tick.
fn owed(id: &str, outcome: Outcome, since: u64) -> Task {
    let ended = Event::Ended(Ending::unseen(outcome, at(0)));
    after(confirmed(id, 1), ended, since)
}

fn leased(id: &str, pid: i32) -> Task {
    let lease = DeliveryEvent::Leased { by: process(pid) };
    with_change(owed(id, Outcome::Completed, 1), |task| task.deliver(lease, Tick(2)))
}

fn sent(id: &str, channel: Channel) -> Task {
    let (by, revision) = (process(1), Revision(0));
    let printed = DeliveryEvent::Printed { by, revision, channel, at: at(3), client: None };
    with_change(leased(id, 1), |task| task.deliver(printed, Tick(3)))
}

fn read_at(id: &str, tick: u64) -> Task {
    let read = DeliveryEvent::Read { revision: Revision(0) };
    with_change(owed(id, Outcome::Completed, 1), |task| task.deliver(read, Tick(tick)))
}

fn with(tasks: impl IntoIterator<Item = Task>) -> Active {
    let mut active = Active::default();
    tasks.into_iter().for_each(|task| active.insert(task));
    active
}

fn ids<'a>(tasks: impl IntoIterator<Item = &'a Task>) -> Vec<&'a str> {
    tasks.into_iter().map(|task| task.id.as_str()).collect()
}

/// Records stand in ticket order, and those of one ticket in the order in which they came.
#[test]
fn records_stand_in_ticket_order() {
    let tasks = [("t1", 3), ("t2", 1), ("t3", 2), ("t4", 1)];
    let active = with(tasks.map(|(id, ticket)| pending(id, ticket)));
    assert_eq!(ids(&active.tasks), ["t2", "t4", "t3", "t1"]);
}

/// What has finished does not run, and only supervised commands hold a slot.
#[test]
fn holders_are_supervised_commands() {
    let service = with_change(running("t2"), |task| task.kind = Kind::Service);
    let observed = after(running("t3"), Event::Observed { at: at(0) }, 0);
    let over = owed("t4", Outcome::Completed, 1);
    let active = with([running("t1"), service, observed, over, pending("t5", 2)]);
    assert_eq!(ids(active.live()), ["t1", "t2", "t3", "t5"]);
    assert_eq!(ids(active.holders()), ["t1"]);
}

/// A task answers to Claude Code's id of it, in the session it started in and in the one that took it over. Until it
/// has such an id it answers to that of its call.
#[test]
fn a_task_answers_to_its_names() {
    let moved = with_change(running("t2"), |task| task.transfer(&other_session()));
    let nameless = with_change(pending("t4", 1), |task| task.tool_use_id = None);
    let active = with([running("t1"), moved, pending("t3", 2), nameless]);
    let (here, there) = (session(), other_session());
    let cases = [
        (&here, "bt1", None, Some("t1")),
        (&there, "bt1", None, None),
        (&here, "bt2", None, Some("t2")),
        (&there, "bt2", None, Some("t2")),
        (&here, "b9", None, None),
        (&here, "b9", Some("toolu_t3"), Some("t3")),
        (&there, "b9", Some("toolu_t3"), None),
        // It has an id of its own, so this is another run of the same call.
        (&here, "b9", Some("toolu_t1"), None),
        // The task's id goes before the id of the call.
        (&here, "bt1", Some("toolu_t3"), Some("t1")),
    ];
    for (session, id, call, expected) in cases {
        let name = format!("{session} {id} {call:?}");
        let id = ClientTaskId::new(id).unwrap();
        let call = call.map(|call| ToolUseId::new(call).unwrap());
        let found = active.named(session, &id, call.as_ref());
        assert_eq!(found.map(|task| task.id.as_str()), expected, "{name}");
    }
}

/// A lease grants what is owed to this reader of this session, and what a dead process has leased.
#[test]
fn a_lease_grants_what_no_process_prints() {
    let failed = Outcome::Failed { exit_code: 3 };
    let mut active = with([
        owed("t1", failed, 1),
        leased("t2", 2),
        leased("t3", 3),
        elsewhere(owed("t4", Outcome::Completed, 1)),
        of_agent(owed("t5", Outcome::Completed, 1), "a1"),
        running("t6"),
        sent("t7", Channel::Prompt),
        read_at("t8", 2),
    ]);
    let mut lease = |reader: &Recipient| {
        let is_alive = |process: &ProcessRef| process.pid != 3;
        let leased = active.lease(&session(), reader, &process(9), 9, is_alive, Tick(5));
        let granted = leased.iter().map(|it| (it.task.id.to_string(), it.attempt));
        (granted.collect::<Vec<_>>(), active.take_summary(&session()).said())
    };
    let row = |id: &str, attempt| (id.to_owned(), attempt);
    let main = vec![row("t1", Attempt::First), row("t3", Attempt::Redelivery)];
    // What may have been printed before is not counted once more.
    assert_eq!(lease(&Recipient::MainConversation), (main, "1 failed".to_owned()));
    assert_eq!(lease(&agent("a2")), (Vec::new(), String::new()));
    assert_eq!(lease(&agent("a1")), (vec![row("t5", Attempt::First)], "1 completed".to_owned()));
    assert_eq!(lease(&agent("a1")), (Vec::new(), String::new()));
}

/// A text names so many results and no more. The others stay owed.
#[test]
fn a_lease_leaves_the_rest_owed() {
    let task = |id: &str| owed(id, Outcome::Completed, 1);
    let elsewhere = elsewhere(task("t4"));
    let of_agent = of_agent(task("t5"), "a1");
    let mut active = with([task("t1"), task("t2"), task("t3"), elsewhere, of_agent, running("t6")]);
    let main = Recipient::MainConversation;
    assert_eq!(active.count_owed(&session(), &main), 3);
    let is_alive = |_: &ProcessRef| true;
    let leased = active.lease(&session(), &main, &process(9), 2, is_alive, Tick(5));
    assert_eq!(ids(leased.iter().map(|it| &it.task)), ["t1", "t2"]);
    assert_eq!(active.count_owed(&session(), &main), 1);
    assert_eq!(active.count_owed(&session(), &agent("a1")), 1);
}

/// A session owes a reader what it has not read, since the first of it was ready.
#[test]
fn a_session_owes_each_reader_its_own() {
    let main = &Recipient::MainConversation;
    let active = with([
        owed("t1", Outcome::Completed, 7),
        owed("t2", Outcome::Completed, 5),
        elsewhere(owed("t3", Outcome::Completed, 3)),
        of_agent(owed("t4", Outcome::Completed, 4), "a1"),
        read_at("t5", 2),
    ]);
    let owes = |session: &SessionId, reader: &Recipient| {
        assert_eq!(active.owes(session, reader), active.owed_since(session, reader).is_some());
        active.owed_since(session, reader)
    };
    assert_eq!(owes(&session(), main), Some(Tick(5)));
    assert_eq!(owes(&other_session(), main), Some(Tick(3)));
    assert_eq!(owes(&session(), &agent("a1")), Some(Tick(4)));
    assert_eq!(owes(&session(), &agent("a2")), None);
    // The holder of the lease may have died.
    let active = with([leased("t1", 1)]);
    assert_eq!(active.owed_since(&session(), main), Some(Tick(0)));
}

/// What went out to another session, or is on its way, is not among what was sent.
#[test]
fn a_session_knows_what_it_sent() {
    let (prompt, event) = (Channel::Prompt, Channel::Event);
    let active = with([
        sent("t1", prompt),
        elsewhere(sent("t2", prompt)),
        leased("t3", 1),
        read_at("t4", 2),
        sent("t5", event),
    ]);
    let main = SentTo::MainConversation;
    assert_eq!(
        active.sent(&session()),
        [went("t1", main.clone(), prompt), went("t5", main, event)]
    );
}

fn went(id: &str, to: SentTo, with: Channel) -> Sent {
    let task = TaskId::new(id).unwrap();
    Sent { task, to, at: at(3), with, client: None, what: News::Result }
}

/// What went to a subagent is in its transcript, also after its end. What the main conversation got since is not. A
/// subagent that has a live record runs, although what it started before was given away.
#[test]
fn a_session_knows_which_agent_got_it() {
    let released = |task| with_change(task, Task::release);
    let to_agent = |id: &str, agent| of_agent(sent(id, Channel::AgentEvent), agent);
    let record = with_change(running("t9"), |task| {
        task.kind = Kind::Agent;
        task.client = Some(Client { id: ClientTaskId::new("a3").unwrap(), process: None });
    });
    let active = with([
        to_agent("t1", "a1"),
        released(to_agent("t2", "a2")),
        released(to_agent("t3", "a3")),
        released(of_agent(sent("t4", Channel::Event), "a2")),
        record,
    ]);
    let agent = |id: &str, life| SentTo::Agent { id: AgentId::new(id).unwrap(), life };
    let expected = [
        went("t1", agent("a1", AgentLife::Lives), Channel::AgentEvent),
        went("t2", agent("a2", AgentLife::Stopped), Channel::AgentEvent),
        went("t3", agent("a3", AgentLife::Lives), Channel::AgentEvent),
        went("t4", SentTo::MainConversation, Channel::Event),
    ];
    assert_eq!(active.sent(&session()), expected);
}

/// A summary has what was reported since the last one, less what was not read after all.
#[test]
fn a_summary_is_taken_once() {
    let mut active = Active::default();
    for word in ["failed", "completed", "completed"] {
        active.count_reported(&session(), word, Kind::Command);
    }
    active.uncount_reported(&session(), "completed");
    assert!(active.take_summary(&other_session()).is_empty());
    assert_eq!(active.take_summary(&session()).said(), "1 failed, 1 completed");
    assert!(active.take_summary(&session()).is_empty());
}

/// A session may be woken twenty times within an hour.
#[test]
fn a_session_is_woken_twenty_times_an_hour() {
    let mut active = Active::default();
    let mut may_wake = |second| active.may_wake(&session(), Tick(second * SECOND));
    assert_eq!((0..21).filter(|second| may_wake(*second)).count(), 20);
    assert!(!may_wake(3_599));
    assert!(may_wake(3_600));
    assert!(!may_wake(3_600));
}

/// A conversation that takes over what runs has its tasks and its counters, and has not ended.
#[test]
fn a_transfer_moves_tasks_and_counters() {
    let third = SessionId::new("session-3").unwrap();
    let mut active = with([running("t1"), elsewhere(running("t2"))]);
    active.count_reported(&session(), "failed", Kind::Command);
    active.end_session(&session(), Tick(1));
    active.transfer(&session(), &third);
    let of_third = active.tasks.iter().filter(|task| task.session == third);
    assert_eq!(ids(of_third), ["t1"]);
    assert_eq!(active.sessions[&third].ended, None);
    assert_eq!(active.take_summary(&third).said(), "1 failed");
    assert!(!active.sessions.contains_key(&session()));
}

/// A call that may still be denied waits for nothing.
#[test]
fn only_a_confirmed_call_waits() {
    let queued = after(pending("t1", 1), Event::Claimed { at: at(0) }, 0);
    let waits = [queued, confirmed("t2", 1), pending("t3", 1), running("t4")];
    assert_eq!(waits.each_ref().map(is_waiting), [true, true, false, false]);
}
