//! A result went out with the answer of a subagent's tool. The subagent has a transcript of its own beside that of the main
//! conversation, and is stopped while another hook of that answer still runs.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use sisyphus_testing::{TestEnv, gone_client};

use super::askers::{ASKERS, CALL, interrupted, long_line, word, written_before};
use super::{REPORT, added, event, types};
use crate::payload::with;
use crate::session::Session;
use crate::start::{log, told};

const AGENT: &str = "a1";
const CLEAR: &str = "session-end.clear";
/// How the main conversation reads it.
pub(super) const REPEATED: &str = "(possibly repeated) [sisyphus] Background task t1 (\"the tests\"), started by a subagent, failed with exit code 3";

/// Where Claude Code writes the transcript of the subagent.
fn file(session: &Session<'_>) -> PathBuf {
    session.env.path().join("transcript/subagents/agent-a1.jsonl")
}

fn write(session: &Session<'_>, entries: &[Value]) {
    let lines: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
    fs::create_dir_all(file(session).parent().unwrap()).unwrap();
    fs::write(file(session), lines).unwrap();
}

/// A session whose subagent has got a result 5 seconds ago, unless other hooks of that answer still run.
pub(super) fn sent(env: &TestEnv) -> Session<'_> {
    let session = Session::new(env);
    session.owe(1, Some(AGENT), 60);
    let call = with(event(&session, CALL, ""), "/agent_id", AGENT);
    assert!(told(&session.send(&call)).contains(REPORT));
    session.time_goes_by();
    session
}

/// No event of the subagent follows, as when Claude Code has said that it is over.
pub(super) fn is_over(session: &Session<'_>) {
    session.env.edit_state("active.json", |active| {
        active["tasks"][0]["agent_life"] = json!("stopped");
    });
}

/// Whether Claude Code has said that the subagent is over.
#[derive(Debug, Clone, Copy)]
enum Agent {
    Runs,
    IsOver,
}

/// What the event `name` does with the result. Without lines there is no transcript of the subagent.
fn fate(name: &str, agent: Agent, entries: Option<Vec<Value>>) -> &'static str {
    let env = TestEnv::new();
    let session = sent(&env);
    if let Agent::IsOver = agent {
        is_over(&session);
    }
    if let Some(entries) = entries {
        write(&session, &entries);
    }
    // What the main conversation has is not what the subagent has.
    let main = [added(REPORT), interrupted()].map(|entry| format!("{entry}\n")).concat();
    let asks = match name {
        CLEAR => with(event(&session, "session-end.other", &main), "/reason", "clear"),
        name => event(&session, name, &main),
    };
    let said = told(&session.send(&asks));
    assert_eq!(log(&env), "");
    word(&env, &said)
}

/// The subagent's transcript, and what each event makes of it: the next typed prompt, the next notice, the resumed
/// session, the end of a turn of the main conversation, the end of the session, and `/clear`.
type Row<'a> = (Agent, &'a dyn Fn() -> Option<Vec<Value>>, &'a str);

#[test]
fn a_subagents_transcript_has_what_it_read() {
    let report = || added(REPORT);
    let answer = || json!({ "type": "assistant", "timestamp": chrono::Utc::now(), "message": { "content": [] } });
    let (read, marked) =
        ("read read read read read read", "marked marked marked marked marked marked");
    let unsure = "open open marked open open open";
    let cases: [Row<'_>; 17] = [
        (Agent::Runs, &|| Some(vec![report()]), read),
        (Agent::Runs, &|| Some(vec![report(), interrupted()]), read),
        (Agent::Runs, &|| Some(vec![interrupted()]), marked),
        // Other hooks of the same answer still run. Only a resumed session knows better.
        (Agent::Runs, &|| Some(vec![]), unsure),
        (Agent::Runs, &|| Some(vec![written_before(report(), 60)]), unsure),
        (Agent::Runs, &|| Some(vec![written_before(interrupted(), 60)]), unsure),
        (Agent::Runs, &|| Some([vec![report()], long_line(0)].concat()), read),
        // That may be the next call of the same answer.
        (Agent::Runs, &|| Some(vec![answer()]), unsure),
        // After `/clear`, Claude Code makes another file with the next line.
        (Agent::Runs, &|| None, unsure),
        (Agent::IsOver, &|| Some(vec![report()]), read),
        (Agent::IsOver, &|| Some(vec![interrupted()]), marked),
        (Agent::IsOver, &|| Some(vec![]), "marked marked marked marked open marked"),
        (
            Agent::IsOver,
            &|| Some(vec![written_before(report(), 60)]),
            "marked marked marked marked open marked",
        ),
        (
            Agent::IsOver,
            &|| Some(vec![written_before(answer(), 60)]),
            "marked marked marked marked open marked",
        ),
        (Agent::IsOver, &|| Some(vec![answer(), interrupted()]), marked),
        // This Claude Code does not write what the hooks of a subagent added, or has no transcript of it.
        (Agent::IsOver, &|| Some(vec![answer()]), "read read marked read open read"),
        (Agent::IsOver, &|| None, "read read marked read open open"),
    ];
    for (number, (agent, entries, expected)) in cases.iter().enumerate() {
        let askers = ASKERS.into_iter().chain([CLEAR]);
        let fates: Vec<_> = askers.map(|name| fate(name, *agent, entries())).collect();
        assert_eq!(&fates.join(" "), expected, "case {number}");
    }
}

/// The user stops the subagent while another hook runs. The main conversation reads the result, marked and once.
#[test]
fn a_stopped_subagents_result_is_repeated() {
    let env = TestEnv::new();
    let session = sent(&env);
    write(&session, &[]);
    let stops = || told(&session.send(&event(&session, "stop.idle", "")));
    assert_eq!(types(&session, ""), "", "its other hooks may still run");
    assert_eq!(stops(), "");
    write(&session, &[interrupted()]);
    let said = types(&session, "");
    assert!(said.starts_with(REPEATED), "{said}");
    session.time_goes_by();
    let report = format!("{}\n", added(&said));
    assert_eq!(types(&session, &report), "");
    let delivery = &env.state_file("active.json")["tasks"][0]["delivery"];
    assert_eq!(delivery["state"], "delivered", "{delivery}");
}

/// A subagent without a record, of a Claude Code that writes no transcript of it, counts as over when no Stop lists it.
#[test]
fn an_unlisted_subagent_has_read_it() {
    let env = TestEnv::new();
    let session = sent(&env);
    let state = || env.state_file("active.json")["tasks"][0]["delivery"]["state"].clone();
    for expected in ["sent", "sent", "delivered"] {
        session.tell(&event(&session, "stop.idle", ""));
        assert_eq!(state(), expected);
    }
}

/// The same as for the main conversation.
#[test]
fn an_unreadable_transcript_raises_no_doubt() {
    let env = TestEnv::new();
    let session = sent(&env);
    write(&session, &[]);
    fs::remove_file(file(&session)).unwrap();
    nix::unistd::mkfifo(&file(&session), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(types(&session, ""), "");
    assert!(log(&env).contains("not a regular file"), "{}", log(&env));
    let delivery = &env.state_file("active.json")["tasks"][0]["delivery"];
    assert_eq!(delivery["state"], "delivered", "{delivery}");
}

/// The record of the subagent.
fn running(session: &Session<'_>) -> Value {
    json!({
        "id": "t9", "ticket": 9, "session": session.id, "client": { "id": AGENT }, "kind": "agent",
        "cwd": session.env.project(), "command": "", "description": "look around",
        "launched": { "agent_type": "general-purpose" },
        "status": { "state": "running", "started_at": chrono::Utc::now(), "watch": "observed" },
        "delivery": { "state": "not_due" },
    })
}

/// Claude stops a subagent that has a record, before it reads what is owed to it. The answer of that tool brings that.
#[test]
fn what_a_stopped_agent_is_owed_comes_at_once() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, Some(AGENT), 60);
    session.put(&[running(&session)]);
    assert_eq!(types(&session, ""), "", "the subagent reads it");
    let stops =
        |name| told(&session.send(&with(session.event(name), "/tool_input/task_id", AGENT)));
    assert_eq!(stops("pre-tool-use.task-stop"), "");
    let said = stops("post-tool-use.task-stop");
    assert!(said.contains("started by a subagent, failed with exit code 3"), "{said}");
    assert_eq!(log(&env), "");
}

/// Two Claude Codes have one conversation, and that of the subagent is killed. The other one reads what is owed to it.
#[test]
fn what_an_agent_of_a_gone_client_is_owed_is_read() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, Some(AGENT), 60);
    let mut agent = running(&session);
    agent["launched"]["process"] = gone_client();
    session.put(&[agent]);
    assert_eq!(types(&session, ""), "", "this event finds that it is gone");
    let said = types(&session, "");
    assert!(said.contains("started by a subagent, failed with exit code 3"), "{said}");
    assert_eq!(log(&env), "");
}

/// A command goes on after its subagent, and Claude watches it. When two ends of turns have not listed the subagent, the main
/// conversation reads the lines.
#[test]
fn lines_for_a_gone_agent_go_to_the_main_conversation() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1).of_agent(AGENT);
    call.starts();
    let _runner = call.is_attached();
    call.is_started();
    env.edit_state("active.json", |active| {
        active["tasks"][0]["matches"] = json!({ "unread": { "lines": ["ERROR x"] }, "since": 1 });
    });
    let stops = || told(&session.send(&event(&session, "stop.idle", "")));
    let said = [types(&session, ""), stops(), stops(), types(&session, "")].concat();
    assert_eq!(said.matches("ERROR x").count(), 1, "{said}");
    assert_eq!(log(&env), "");
}
