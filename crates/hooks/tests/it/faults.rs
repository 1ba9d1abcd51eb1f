//! Faults that were seen, each under its number: what happened to a result when something failed on its way.

use std::fs;

use serde_json::{Value, json};
use sisyphus_testing::{Client, Shell, TestEnv, failure_notice};

use crate::agent::{Agent, turn_ends};
use crate::payload::with;
use crate::session::{Call, Session};
use crate::start::{is_swallowed, log, told};

/// What begins a report that takes an earlier one back.
const CORRECTION: &str = "(correction of an earlier report) [sisyphus] Background task ";

/// The call with other words and in another folder.
fn called(event: Value, name: &str) -> Value {
    let event = with(event, "/tool_input/description", format!("in {name}"));
    with(event, "/cwd", format!("/home/dev/{name}"))
}

/// S1: the lock was busy while PostToolUse ran, and Claude Code sends nothing more. The Stop hook reports the result.
#[test]
fn a_result_is_told_whose_answer_met_a_busy_lock() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    session.tell(&call.before());
    let runner = call.is_attached();
    let held = session.holds_the_lock();
    session.tell(&call.after());
    drop(held);
    call.has_ended(4, 10);
    drop(runner);
    let text = told(&session.send(&session.event("stop.idle")));
    assert!(text.contains("(\"run slow test\") failed with exit code 4 after"), "{text}");
}

/// S1: PostToolUse was killed. The Stop hook finds the call by Claude Code's output file, which a foreground command no
/// longer has after its answer.
#[test]
fn a_result_is_told_whose_answer_never_came() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let (background, foreground) = (session.call(1), session.call(2));
    session.tell(&background.before());
    for call in [&background, &foreground] {
        let announced = session.announced()[0].to_string();
        let runner = call.is_attached_by(announced.as_bytes());
        call.has_ended(4, 10);
        drop(runner);
    }
    background.prints("its lines\n");
    let text = told(&session.send(&session.event("stop.idle")));
    assert_eq!(text.matches("failed with exit code 4").count(), 1, "{text}");
    assert!(!foreground.folder().exists());
    assert!(is_swallowed(&session.submits(&background.notice())));
    assert_eq!(session.finished().len(), 1);
}

/// S2: the same, and the notice comes: one record with all facts.
#[test]
fn a_busy_lock_makes_no_second_record() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    session.tell(&call.before());
    let runner = call.is_attached();
    let held = session.holds_the_lock();
    session.tell(&call.after());
    drop(held);
    call.has_ended(4, 0);
    drop(runner);
    let text = told(&session.submits(&call.notice()));
    assert!(text.contains("failed with exit code 4 after"), "{text}");
    assert!(text.contains("\ncommand: sleep 6; echo hello-out; exit 4\n"), "{text}");
    let [task] = session.finished().try_into().unwrap();
    assert_eq!(task["status"]["duration_ms"], 7);
    assert_eq!(task["status"]["reported_by"], "runner");
    assert_eq!(task["tool_use_id"], "toolu_1");
}

/// S4: of two equal commands in two folders each has its own outcome, whatever their hooks could not do.
#[test]
fn equal_commands_keep_their_own_outcomes() {
    for answers in ["delayed", "lost"] {
        let env = TestEnv::new();
        let session = Session::new(&env);
        let (one, other) = (session.call(1), session.call(2));
        session.tell(&called(one.before(), "one"));
        session.tell(&called(other.before(), "other"));
        // Both shells find the same announcement: their words are equal.
        let announced = session.announced()[0].to_string();
        let runners = [&one, &other].map(|call| call.is_attached_by(announced.as_bytes()));
        let held = session.holds_the_lock();
        if answers == "delayed" {
            session.tell(&called(other.after(), "other"));
            session.tell(&called(one.after(), "one"));
        }
        drop(held);
        one.has_ended(0, 0);
        other.has_ended(9, 0);
        drop(runners);
        let completed = one
            .notice_of("completed", "completed (exit code 0)")
            .replace("run slow test", "in one");
        let failed = other
            .notice()
            .replace("run slow test", "in other")
            .replace("exit code 4", "exit code 9");
        let text = told(&session.submits(&format!("{failed}\n{completed}")));
        assert!(text.contains("(\"in one\") completed with exit code 0"), "{answers}: {text}");
        assert!(text.contains("(\"in other\") failed with exit code 9"), "{answers}: {text}");
        let mut found: Vec<_> = session
            .finished()
            .iter()
            .map(|task| (task["cwd"].clone(), task["status"]["exit_code"].clone()))
            .collect();
        found.sort_by_key(|(folder, _)| folder.to_string());
        let expected =
            [(json!("/home/dev/one"), Value::Null), (json!("/home/dev/other"), json!(9))];
        assert_eq!(found, expected, "{answers}");
    }
}

/// S5, S6: the exit code in Claude Code's notice corrects a concluded result everywhere. The hook reports the
/// correction once.
#[test]
fn a_notice_with_an_exit_code_corrects_a_lost_task() {
    for code in [137, 5] {
        let env = TestEnv::new();
        let session = Session::new(&env);
        let call = session.call(1);
        call.starts();
        let runner = call.is_attached();
        call.is_started();
        assert_eq!(told(&session.types()), "");
        drop(runner);
        let lost = told(&session.types());
        assert!(lost.contains("was lost, exit code unknown"), "{lost}");
        let notice = call.notice().replace("exit code 4", &format!("exit code {code}"));
        let text = told(&session.submits(&notice));
        assert!(text.starts_with(CORRECTION), "{text}");
        assert!(text.contains(&format!("failed with exit code {code}")), "{text}");
        assert!(is_swallowed(&session.submits(&notice)));
        session.time_goes_by();
        assert_eq!(session.types().stdout, "");
        let filed = env.state_file("failed.json");
        assert_eq!(filed["tasks"].as_array().map(Vec::len), Some(1));
        let status = &filed["tasks"][0]["status"];
        assert_eq!((&status["outcome"], &status["exit_code"]), (&json!("failed"), &json!(code)));
        let id = filed["tasks"][0]["id"].as_str().unwrap();
        let shown = env.run("sisyphus", &["show", id]).stdout;
        assert!(shown.contains(&code.to_string()) && !shown.contains("lost"), "{shown}");
    }
}

/// S7: if only our run folder is removed and Claude Code lives, the task is not lost, and its result is reported.
#[test]
fn a_missing_run_folder_loses_no_task() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    call.starts();
    let runner = call.is_attached();
    call.is_started();
    assert_eq!(told(&session.types()), "");
    fs::remove_dir_all(call.folder()).unwrap();
    drop(runner);
    assert_eq!(told(&session.types()), "");
    assert_eq!(session.active().len(), 1);
    let text = told(&session.submits(&call.notice()));
    assert!(text.contains("failed with exit code 4"), "{text}");
    assert_eq!(session.finished().len(), 1);
}

/// S8: a subagent that failed sends no SubagentStop. The hooks report what it started to the main conversation.
#[test]
fn a_dead_subagents_result() {
    for (name, witness) in [("notice", 0), ("lists", 1), ("notice first", 2)] {
        let env = TestEnv::new();
        let session = Session::new(&env);
        let agent = Agent::new(&session, 1);
        agent.runs();
        let call = session.call(7).of_agent("a1");
        call.starts();
        let runner = call.is_attached();
        let failed = agent.notice_of("failed", "failed: API Error: 500");
        let ends = |call: &Call<'_>| call.has_ended(7, 10);
        let text = match witness {
            0 => {
                ends(&call);
                drop(runner);
                told(&session.send(&failed))
            }
            1 => {
                ends(&call);
                drop(runner);
                // The first one finds that the command is over, for which the agent might have waited.
                session.tell(&turn_ends(&session, &[]));
                session.tell(&turn_ends(&session, &[]));
                told(&session.send(&turn_ends(&session, &[])))
            }
            _ => {
                session.tell(&failed);
                ends(&call);
                drop(runner);
                told(&session.send(&turn_ends(&session, &[])))
            }
        };
        assert!(text.contains("failed with exit code 7"), "{name}: {text} {}", log(&env));
    }
}

/// S8: the same of a subagent that no record is of, for it was not launched into the background.
#[test]
fn an_unrecorded_subagents_result() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, Some("a1"), 60);
    let lists_it = turn_ends(&session, &["a1".to_owned()]);
    session.tell(&lists_it);
    session.tell(&lists_it);
    session.tell(&turn_ends(&session, &[]));
    let text = told(&session.send(&turn_ends(&session, &[])));
    assert!(text.contains("failed with exit code 3"), "{text}");
}

/// S16: the hooks report a due result even if the clock was set back by a day.
#[test]
fn a_result_is_due_whatever_the_wall_clock_says() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, None, 60);
    env.edit_state("active.json", |active| {
        let tomorrow = chrono::Utc::now() + chrono::Duration::days(1);
        active["tasks"][0]["status"]["ended_at"] = json!(tomorrow);
    });
    let text = told(&session.send(&session.event("stop.idle")));
    assert!(text.contains("failed with exit code 3"), "{text}");
}

/// S18: the list of tasks was removed. The hooks find what runs in its run folder and report it. What is announced
/// still attaches.
#[test]
fn what_runs_outlives_the_list_of_tasks() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let (running, told_late) = (session.call(1), session.call(2));
    for call in [&running, &told_late] {
        call.starts();
    }
    let runners = [running.is_attached(), told_late.is_attached()];
    fs::remove_file(env.state().join("active.json")).unwrap();
    session.call(3).starts();
    // The notice of one finds the copy of its call.
    told_late.has_ended(4, 0);
    let [first, second] = runners;
    drop(second);
    let text = told(&session.submits(&told_late.notice()));
    assert!(text.contains("failed with exit code 4 after"), "{text}");
    assert!(text.contains("\ncommand: sleep 6; echo hello-out; exit 4\n"), "{text}");
    session.tell(&session.event("stop.idle"));
    assert_eq!(session.active().len(), 2);
    running.has_ended(4, 10);
    drop(first);
    let text = told(&session.send(&session.event("stop.idle")));
    assert!(text.contains("failed with exit code 4 after"), "{text}");
}

/// S19: the state folder was removed in a running session: what runs goes on, what follows has a runner again.
#[test]
fn a_removed_state_folder_costs_the_history_only() {
    let client = Client::new(Shell::Bash);
    let command = "until [ -e go ]; do sleep 0.02; done; exit 3";
    let call = client.announce(command);
    let running = client.start(command);
    client.bind(call.clone(), &running);
    client.running_task();
    fs::remove_dir_all(client.env.state()).unwrap();
    let later = client.background("until [ -e gone ]; do sleep 0.02; done");
    client.wait_until_running(&later);
    let active = client.env.state_file("active.json");
    let is_later = |task: &&Value| task["client"]["id"] == later.id.as_str();
    let task = active["tasks"].as_array().unwrap().iter().find(is_later).unwrap();
    assert_eq!(task["status"]["watch"], "supervised", "{task}");
    fs::write(client.env.project().join("go"), "").unwrap();
    let id = running.id.clone();
    let notice = failure_notice(&call, &running, 3);
    assert_eq!(running.wait().status.code(), Some(3), "{id}");
    let text = client.submits(&notice);
    assert!(text.contains("failed with exit code 3"), "{text}");
    fs::write(client.env.project().join("gone"), "").unwrap();
    assert_eq!(later.wait().status.code(), Some(0));
}

/// S25: `/clear` after a prompt that another hook blocked: what it took along is owed in the conversation that follows. If
/// the transcript has neither block nor report, it is reported there, marked.
#[test]
fn an_unread_result_is_told_after_clear() {
    let report = "[sisyphus] Background task t1 (\"the tests\") failed with exit code 3";
    let block = json!({
        "type": "system",
        "promptSubmitEnding": { "ending": { "kind": "blocked_by_hook", "reason": "no" } },
    });
    let added = json!({
        "type": "attachment",
        "attachment": { "type": "hook_additional_context", "content": [report] },
    });
    let marked = format!("(possibly repeated) {report}");
    let cases = [(Some(block), report), (Some(added), ""), (None, marked.as_str())];
    for (entry, expected) in cases {
        let env = TestEnv::new();
        let (before, after) = (Session::new(&env), Session::other(&env));
        before.owe(1, None, 60);
        assert!(told(&before.types()).contains("failed with exit code 3"));
        let transcript = env.path().join("transcript.jsonl");
        let written = |entry| format!("{}\n", with(entry, "/timestamp", json!(chrono::Utc::now())));
        fs::write(&transcript, entry.map(written).unwrap_or_default()).unwrap();
        let end = with(before.event("session-end.other"), "/reason", "clear");
        before.tell(&with(end, "/transcript_path", transcript.to_str().unwrap()));
        let start = with(after.event("session-start.resume"), "/source", "clear");
        let text = told(&after.send(&start));
        assert!(text.starts_with(expected) && text.is_empty() == expected.is_empty(), "{text}");
        assert_eq!(told(&after.types()), "");
    }
}
