//! What people read of delegated sessions.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

use crate::planted::{plant, plant_text, prints, task};

const CONVERSATION: &str = "6f1c2d3e-0000-4000-8000-000000000001";

/// A delegated session with this number, status and report.
fn session(number: u32, status: Value, report: Value) -> Value {
    let mut task = task(&format!("t{number}"), "", status);
    task["ticket"] = number.into();
    task["kind"] = "session".into();
    task["command"] = "".into();
    task["delegated"] = json!({
        "conversation": CONVERSATION, "project": "/home/dev/proj", "prompt": "read the migration",
        "prompt_length": 18, "agent": "explore", "depth": 1, "report": report,
        "asked_by": { "asked_by": "model", "mode": "acceptEdits" },
    });
    task
}

fn finished(number: u32, outcome: &str, report: Value) -> Value {
    let status = json!({
        "state": "finished", "outcome": outcome, "why": "budget",
        "started_at": "2026-11-21T02:30:00Z", "ended_at": "2026-11-21T02:33:02Z",
        "duration_ms": 182_000, "waited_ms": 0, "reported_by": "runner",
    });
    session(number, status, report)
}

/// A runner that holds the run of the session with this number, and has started it if that is given.
fn runner(env: &TestEnv, number: u32, started: Option<&str>) -> File {
    let folder = format!("runs/session-1/t{number}");
    plant_text(env, &format!("{folder}/attached.json"), "{}");
    if let Some(at) = started {
        plant_text(env, &format!("{folder}/started.json"), &json!({ "at": at }).to_string());
    }
    let lock = File::create(env.state().join(folder).join("lock")).unwrap();
    lock.try_lock().unwrap();
    lock
}

fn begun() -> Value {
    json!({ "state": "running", "started_at": "2026-11-21T02:30:00Z", "watch": "supervised" })
}

/// A session is listed as one, with its place among those that wait for the same slots.
#[test]
fn sessions_are_listed_with_their_places() {
    let env = TestEnv::new();
    env.set(&json!({ "max_background_tasks": 1 }));
    let waits = || json!({ "state": "queued", "queued_at": "2026-11-21T02:30:00Z" });
    let all = [
        session(1, begun(), Value::Null),
        session(2, waits(), Value::Null),
        session(3, waits(), Value::Null),
    ];
    plant(&env, "active.json", &all);
    let _runners =
        [1, 2, 3].map(|it| runner(&env, it, (it == 1).then_some("2026-11-21T02:30:00Z")));
    plant(&env, "failed.json", &[finished(4, "agent_failed", Value::Null)]);
    let list = prints(&env, &["list"]);
    let states: Vec<&str> =
        list.lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(states, ["running", "queued(1)", "queued(2)", "failed(budget)"], "{list}");
    assert_eq!(list.matches("session (explore): read the migration\n").count(), 4, "{list}");
    let show = prints(&env, &["show", "t3"]);
    assert!(show.contains("\nplace in queue: 2 among the sessions\n"), "{show}");
    assert!(show.contains("\nagent: explore\nprompt: read the migration\n"), "{show}");
    // No person can take over what a runner is about to start.
    assert!(!show.contains("take over"), "{show}");
}

#[test]
fn a_running_session_shows_its_progress() {
    let env = TestEnv::new();
    plant(&env, "active.json", &[session(1, begun(), Value::Null)]);
    let _runner = runner(&env, 1, Some("2026-11-21T02:30:00Z"));
    let report = json!({
        "model": "opus", "tool_calls": 7, "last_tool": "Grep", "last_message": "I look",
        "cost_micro_usd": 50_000, "input_tokens": 10, "output_tokens": 2, "denied": ["Bash", "Bash"],
    });
    plant_text(&env, "runs/session-1/t1/report.json", &report.to_string());
    let show = prints(&env, &["show", "t1"]);
    for said in [
        format!("conversation: {CONVERSATION}"),
        "tool calls: 7, last Grep".to_owned(),
        "last message: I look".to_owned(),
        "cost: $0.05".to_owned(),
        "denied: Bash (2)".to_owned(),
        "tokens: 10 in, 2 out".to_owned(),
        "permission mode: acceptEdits, at most".to_owned(),
    ] {
        assert!(show.lines().any(|line| line == said), "{said}: {show}");
    }
    let output = env.run("sisyphus", &["output", "t1"]);
    assert!(output.stderr.contains("is running; it has said nothing yet"), "{output:?}");
    let said = json!({ "type": "assistant", "message": { "content": [
        { "type": "text", "text": "one\ntwo" }, { "type": "tool_use", "name": "Grep", "input": {} },
    ] } });
    plant_text(&env, "runs/session-1/t1/stream.jsonl", &format!("{said}\n"));
    assert_eq!(prints(&env, &["output", "t1"]), "one\ntwo\n[calls Grep: {}]\n");
    assert_eq!(prints(&env, &["output", "-n", "1", "t1"]), "[calls Grep: {}]\n");
    assert_eq!(env.run("sisyphus", &["statusline"]).stdout, "▶1\n");
}

/// Following a session reads only what is new. What was printed before may be anything by now.
#[test]
fn following_a_session_reads_on() {
    let env = TestEnv::new();
    plant(&env, "active.json", &[session(1, begun(), Value::Null)]);
    let _runner = runner(&env, 1, Some("2026-11-21T02:30:00Z"));
    let said = |text: &str| {
        let block = json!({ "type": "text", "text": text });
        format!("{}\n", json!({ "type": "assistant", "message": { "content": [block] } }))
    };
    let before = said(&"one".repeat(300)) + &said("two") + &said("three");
    plant_text(&env, "runs/session-1/t1/stream.jsonl", &before);
    let mut command = env.command("sisyphus");
    command.args(["output", "--follow", "--tail", "2", "t1"]).stdout(Stdio::piped());
    let mut following = command.spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert_eq!([next(), next()], ["two", "three"]);
    let stream = env.state().join("runs/session-1/t1/stream.jsonl");
    let mut file = File::options().write(true).open(stream).unwrap();
    let other = said("read again").repeat(7);
    write!(file, "{other}{}", " ".repeat(before.len() - other.len())).unwrap();
    // A line that is still being written is read when it is whole.
    let four = said("four");
    let (half, rest) = four.split_at(9);
    file.write_all((said("more") + half).as_bytes()).unwrap();
    assert_eq!(next(), "more");
    write!(file, "{rest}{{\"type\":\"dropped\",\"bytes\":7}}\n{}", said("five")).unwrap();
    assert_eq!([next(), next(), next()], ["four", "[7 bytes left out]", "five"]);
    following.kill().unwrap();
    following.wait().unwrap();
}

/// A finished session shows its figures and its answer, and the line with which a person takes it over.
#[test]
fn a_finished_session_can_be_taken_over() {
    let env = TestEnv::new();
    let report = json!({
        "model": "opus", "turns": 2, "tool_calls": 7, "cost_micro_usd": 420_000,
        "worktree": { "path": "/home/dev/it's", "branch": "b" },
    });
    plant(&env, "completed.json", &[finished(1, "completed", report)]);
    plant_text(&env, "output/t1.log", "Two risks.\n");
    let show = prints(&env, &["show", "t1"]);
    let begin = format!(
        "[sisyphus] Background task t1 finished after 3 min 2 s.\n\
         session: {CONVERSATION}, agent explore, 2 turns, 7 tool calls, $0.42\n"
    );
    assert!(show.starts_with(&begin), "{show}");
    assert!(show.contains("\n| Two risks.\n"), "{show}");
    let line = format!("take over: cd '/home/dev/it'\\''s' && claude --resume {CONVERSATION}\n");
    assert!(show.contains(&line), "{show}");
    assert!(show.contains("\nmodel: opus\n"), "{show}");
    let report = json!({
        "model": "opus",
        "worktree": { "path": "/w", "branch": "worktree-w", "removed_at": "a1b2" },
    });
    plant(&env, "completed.json", &[finished(1, "completed", report)]);
    let show = prints(&env, &["show", "t1"]);
    let line = format!(
        "take over: git -C '/home/dev/proj' worktree add -b 'worktree-w' '/w' 'a1b2' && cd '/w' && claude --resume {CONVERSATION}\n"
    );
    assert!(show.contains(&line), "{show}");
    assert_eq!(prints(&env, &["output", "t1"]), "Two risks.\n");
}

/// The word "session" means one thing. A person is no session.
#[test]
fn what_asked_for_a_session_is_named() {
    let env = TestEnv::new();
    let mut person = finished(2, "completed", Value::Null);
    person["session"] = CONVERSATION.into();
    person["delegated"]["asked_by"] = json!({ "asked_by": "person" });
    plant(&env, "completed.json", &[finished(1, "completed", Value::Null), person]);
    for (task, asked_by) in [("t1", "session session-1"), ("t2", "you, in a terminal")] {
        let show = prints(&env, &["show", task]);
        let named: Vec<&str> = show.lines().filter(|line| line.starts_with("session: ")).collect();
        assert_eq!(named, [format!("session: {CONVERSATION}, agent explore")], "{show}");
        assert!(show.contains(&format!("\nasked by: {asked_by}\n")), "{show}");
    }
}

/// `stats` counts sessions apart from commands, with their cost by agent and model.
#[test]
fn the_cost_of_sessions_is_counted() {
    let env = TestEnv::new();
    let report = |model: &str, cost: u64| json!({ "model": model, "cost_micro_usd": cost, "input_tokens": 12_000, "output_tokens": 9 });
    let all = [
        finished(1, "completed", report("opus", 420_000)),
        finished(2, "completed", report("haiku", 10_000)),
        finished(3, "completed", report("opus", 1_000_000)),
    ];
    plant(&env, "completed.json", &all);
    plant(&env, "failed.json", &[finished(4, "agent_failed", report("opus", 0))]);
    let stats: Value = serde_json::from_str(&prints(&env, &["stats", "--json"])).unwrap();
    assert_eq!(stats["total"]["runs"], 0);
    assert_eq!(stats["sessions_total"]["runs"], 4);
    let opus = &stats["sessions"][0];
    assert_eq!((&opus["agent"], &opus["model"]), (&json!("explore"), &json!("opus")));
    assert_eq!((&opus["runs"], &opus["cost_usd"]), (&json!(3), &json!(1.42)));
    assert_eq!(opus["outcomes"], json!({ "completed": 2, "failed": 1 }));
    let text = prints(&env, &["stats"]);
    let row = text.lines().find(|line| line.ends_with("explore, opus")).unwrap();
    assert!(row.contains("$1.42") && row.contains("36.0 k") && row.contains("67 %"), "{text}");
    assert!(text.ends_with("all sessions\n\n4 ended: 3 completed, 1 failed\n"), "{text}");
}
