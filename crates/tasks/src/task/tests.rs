//! What a record says about itself, and what it looks like in its file.

use sisyphus_base::id::ClientTaskId;

use super::samples::*;
use super::*;
use crate::outcome::{LostReason, Outcome};
use crate::source::Source;
use crate::status::{Ending, Survivors};

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
}

fn session(name: &str) -> SessionId {
    SessionId::new(name).unwrap()
}

#[test]
fn unknown_fields_survive_a_round_trip() {
    let mut json = serde_json::to_value(pending("t1", 1)).unwrap();
    json["from_the_future"] = serde_json::json!({"a": [1, 2]});
    let task: Task = serde_json::from_value(json.clone()).unwrap();
    // As text: a value would hide a field that is written twice.
    assert_eq!(serde_json::to_string(&task).unwrap().len(), json.to_string().len());
    assert_eq!(serde_json::to_value(&task).unwrap(), json);
}

#[test]
fn an_optional_field_may_be_missing() {
    let json = r#"{"id":"t1","ticket":1,"session":"s","cwd":"/","command":"true",
                   "status":{"state":"pending","announced_at":"2026-11-21T02:30:00Z"}}"#;
    let task: Task = serde_json::from_str(json).unwrap();
    assert!(!task.is_confirmed());
}

/// The file names no field that has its default value: every event reads all records.
#[test]
fn a_record_writes_no_defaults() {
    let mut task = pending("t1", 1);
    task.apply(Event::Ended(Ending::unseen(Outcome::Completed, at(9))), Tick(1));
    let json = serde_json::to_value(&task).unwrap();
    let names: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let written = [
        "client_limit_ms",
        "command",
        "cwd",
        "delivery",
        "description",
        "id",
        "kind",
        "session",
        "status",
        "ticket",
        "tool_use_id",
    ];
    assert_eq!(names, written);
    let status = serde_json::json!({
        "state": "finished", "outcome": "completed", "ended_at": "2027-01-15T08:00:09Z",
    });
    assert_eq!(json["status"], status);
}

/// The file keeps every field that has another value.
#[test]
fn a_full_record_survives_a_round_trip() {
    let mut task = confirmed("t1", 1);
    let ended = |outcome, reported_by| {
        let survivors = Survivors { count: 1, names: vec!["sleep".to_owned()] };
        let ending = Ending { reported_by, survivors, ..Ending::unseen(outcome, at(9)) };
        Event::Ended(ending)
    };
    let reader = ProcessRef { pid: 7, start: Some(1), namespace: None };
    task.apply(ended(Outcome::Lost { why: LostReason::RunnerDied }, Source::Concluded), Tick(1));
    task.deliver(DeliveryEvent::Leased { by: reader }, Tick(2));
    task.deliver(DeliveryEvent::Read { revision: task.revision() }, Tick(3));
    assert_eq!(task.apply(ended(Outcome::Completed, Source::Runner), Tick(4)), Effect::Corrected);
    assert!(matches!(task.apply(Event::Claimed { at: at(1) }, Tick(5)), Effect::Ignored(_)));
    task.agent_life = AgentLife::Stopped;
    task.confinement = Confinement::Sandboxed;
    task.unlisted = 1;
    task.transfer(&session("s2"));
    let text = serde_json::to_string(&task).unwrap();
    assert_eq!(serde_json::from_str::<Task>(&text).unwrap(), task);
    assert_eq!((task.revision(), task.ignored_events), (Revision(1), 1));
}

/// A request explains an exit from one second before it to twelve seconds after it.
#[test]
fn a_request_explains_an_exit_near_it() {
    let asked = StopRequest::new(Canceller::User, at(100));
    let explained: Vec<i64> = (80..140).filter(|it| asked.accounts_for(at(*it))).collect();
    assert_eq!(explained, (99..=112).collect::<Vec<_>>());
    let mut task = pending("t1", 1);
    assert_eq!(task.stop_requested_by(at(101)), None);
    task.stop_request = Some(asked);
    assert_eq!(task.stop_requested_by(at(101)), Some(Canceller::User));
    assert_eq!(task.stop_requested_by(at(113)), None);
}

/// A transfer changes the conversation, and never the one that the task was started in.
#[test]
fn a_transfer_keeps_where_it_started() {
    let mut task = pending("t1", 1);
    let of = |task: &Task| (task.session.to_string(), task.started_in().to_string());
    assert_eq!(of(&task), ("session-1".to_owned(), "session-1".to_owned()));
    task.transfer(&session("s2"));
    task.transfer(&session("s3"));
    assert_eq!(of(&task), ("s3".to_owned(), "session-1".to_owned()));
}

/// The heading cuts a long description and leaves out an empty one.
#[test]
fn a_heading_names_id_and_description() {
    let mut task = pending("t1", 1);
    assert_eq!(task.heading(), r#"t1 ("run the tests")"#);
    assert_eq!(task.heading_within(8), r#"t1 ("run …sts")"#);
    task.description = String::new();
    assert_eq!(task.heading(), "t1");
}

/// A task is confirmed as soon as Claude Code has given it an id.
#[test]
fn claude_codes_id_confirms_a_task() {
    let (of_call, of_run) = (pending("t1", 1), confirmed("t1", 1));
    assert_eq!((of_call.client_id(), of_call.is_confirmed()), (None, false));
    let id = ClientTaskId::new("bt1").unwrap();
    assert_eq!((of_run.client_id(), of_run.is_confirmed()), (Some(&id), true));
}

/// One row a task, one column a reader: the main conversation, the task's subagent, another subagent, an
/// unknown one.
#[test]
fn a_result_has_one_reader_at_a_time() {
    let agent = |id: &str| Recipient::Agent(AgentId::new(id).unwrap());
    let readers = [Recipient::MainConversation, agent("a1"), agent("a2"), Recipient::UnknownAgent];
    let cases = [
        (None, AgentLife::Lives, [true, false, false, false]),
        (Some("a1"), AgentLife::Lives, [false, true, false, false]),
        // A subagent that fires an event again is alive again.
        (Some("a1"), AgentLife::Stopped, [true, true, false, false]),
    ];
    for (id, life, expected) in cases {
        let mut task = pending("t1", 1);
        task.agent = id.map(|id| AgentId::new(id).unwrap());
        task.agent_life = life;
        assert!(!readers.iter().any(|reader| task.is_owed_to(reader)), "not finished");
        task.apply(Event::Ended(Ending::unseen(Outcome::Completed, at(9))), Tick(1));
        let owed = readers.each_ref().map(|reader| task.is_owed_to(reader));
        assert_eq!(owed, expected, "{id:?} {life:?}");
    }
}
