//! Delegated sessions: what their runner starts, follows, records and ends. Scripts play Claude Code here, because they
//! can fail at will; the scenarios of the end-to-end tests drive the real one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sisyphus_testing::{Process, wait_until};

use crate::session_stage::{ANSWER, INIT, Stage, numbers, output};
use crate::support::kill_as_stranger;

#[test]
fn a_session_answers_and_its_prompt_is_on_no_command_line() {
    let mut stage = Stage::new(&format!(
        "printf '%s\\n' \"$@\" >args; cat >prompt; env >environment; {INIT}; {ANSWER}; touch done; echo >ready"
    ));
    stage.delegate("t1", 1);
    let task = stage.ended("t1");
    assert_eq!(task["status"]["outcome"], "completed", "{task:#}");
    let report = &task["delegated"]["report"];
    assert_eq!((&report["turns"], &report["cost_micro_usd"]), (&json!(2), &json!(250_000)));
    assert_eq!(report["model"], "claude-opus-5-5");
    assert_eq!(output(&stage.env, "t1"), "it is 42");
    let read = |name: &str| fs::read_to_string(stage.env.project().join(name)).unwrap();
    assert_eq!(
        read("args"),
        "-p\n--output-format\nstream-json\n--verbose\n--session-id\nc-t1\n--permission-mode\nacceptEdits\n"
    );
    assert_eq!(read("prompt"), "what is it?\nTELL ME");
    let environment = read("environment");
    assert!(!environment.contains("a secret") && environment.contains("a key"), "{environment}");
    for kept in ["output/t1.jsonl", "output/t1.log"] {
        let mode = fs::metadata(stage.env.state().join(kept)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{kept}");
    }
    let stream = fs::read_to_string(stage.env.state().join("output/t1.jsonl")).unwrap();
    assert_eq!(stream.lines().count(), 2, "{stream}");
    assert!(!stage.run_dir("t1").exists(), "the prompt was left behind");
}

/// The result is owed to the conversation that asked for it, at its next event: nothing else announces it.
#[test]
fn the_next_prompt_delivers_the_answer_once() {
    let mut stage = Stage::new(ANSWER);
    stage.delegate("t1", 1);
    stage.ended("t1");
    let prompt = || {
        let input = json!({"hook_event_name": "UserPromptSubmit", "session_id": "s1", "cwd": "/",
            "prompt": "go on"});
        stage.env.hook("sisyphus-user-prompt-submit", &input).stdout
    };
    let first = prompt();
    assert!(first.contains("t1") && first.contains("it is 42"), "{first}");
    assert_eq!(prompt(), "");
}

#[test]
fn sessions_wait_in_order_and_start_by_themselves() {
    let mut stage = Stage::new(&format!(
        "echo $$ >>started; until [ -e go-$(wc -l <started) ]; do sleep 0.02; done; {ANSWER}"
    ));
    stage.env.set(&json!({ "max_background_tasks": 1 }));
    stage.delegate("t1", 1);
    stage.wait_for_file("started");
    stage.delegate("t3", 3);
    wait_until("t3 in the queue", || stage.task("t3")["status"]["state"] == "queued");
    stage.delegate("t2", 2);
    wait_until("t2 in the queue", || stage.task("t2")["status"]["state"] == "queued");
    for (number, task) in [(1, "t1"), (2, "t2"), (3, "t3")] {
        wait_until("the next start", || numbers(&stage.wait_for_file("started")).len() == number);
        wait_until("the record", || stage.task(task)["status"]["state"] == "running");
        fs::write(stage.env.project().join(format!("go-{number}")), "").unwrap();
        stage.ended(task);
    }
}

/// After a rate limit half as many sessions run. The next one waits until another is over, and says why.
#[test]
fn a_rate_limit_holds_back_the_next_session() {
    let limited = r#"echo '{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"result":"slow down"}'"#;
    let mut stage = Stage::new(&format!(
        "echo $$ >>started; mine=$(wc -l <started); {INIT}; until [ -e go-$mine ]; do sleep 0.02; done; \
         if [ $mine = 1 ]; then {limited}; exit 1; fi; {ANSWER}"
    ));
    stage.env.set(&json!({ "max_background_tasks": 2 }));
    let starts = |stage: &Stage| numbers(&stage.wait_for_file("started")).len();
    for (ticket, number, task) in [(1, 1, "t1"), (2, 2, "t2")] {
        stage.delegate(task, ticket);
        wait_until("a start", || starts(&stage) == number);
    }
    for (number, task) in [(3, "t3"), (4, "t4")] {
        stage.delegate(task, number);
        wait_until("the queue", || stage.task(task)["status"]["state"] == "queued");
    }
    let go = |number: usize| fs::write(stage.env.project().join(format!("go-{number}")), "");
    go(1).unwrap();
    assert_eq!(stage.ended("t1")["status"]["why"], "rate_limit");
    let throttles = stage.env.state_file("active.json")["agents"]["brakes"].clone();
    assert_eq!((&throttles[0]["at_most"], throttles[0].get("untold")), (&json!(1), None));
    assert_eq!(throttles[0]["scope"], json!({ "model": "claude-opus-5-5" }));
    #[expect(clippy::disallowed_methods, reason = "for so long both runners leave the slot free")]
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(starts(&stage), 2, "it was not held back");
    let shown = stage.env.run("sisyphus", &["show", "t3"]).stdout;
    let why = "held back: after a rate limit of the API at most 1 session of claude-opus-5-5 runs at once until ";
    assert!(
        shown.contains("place in queue: 1 among the sessions\n") && shown.contains(why),
        "{shown}"
    );
    let listed = stage.env.run("sisyphus", &["list"]).stdout;
    assert!(listed.contains("held back") && listed.contains("after a rate limit"), "{listed}");
    go(2).unwrap();
    wait_until("the next start", || starts(&stage) == 3);
    wait_until("the record", || stage.task("t3")["status"]["state"] == "running");
    assert_eq!(stage.task("t4")["status"]["state"], "queued");
    go(3).unwrap();
    wait_until("the last start", || starts(&stage) == 4);
    go(4).unwrap();
    assert_eq!(stage.ended("t4")["status"]["outcome"], "completed");
}

/// A runner that is killed takes its Claude Code along. The session is lost, and no runner starts it again.
#[test]
fn a_killed_runner_leaves_a_lost_session_and_no_process() {
    let mut stage = Stage::new("echo $$ >started; exec sleep 60");
    stage.delegate("t1", 1);
    let claude = Process::of(numbers(&stage.wait_for_file("started"))[0]).unwrap();
    wait_until("the record", || stage.task("t1")["status"]["state"] == "running");
    stage.runner().signal(Signal::SIGKILL);
    stage.runners[0].wait().unwrap();
    wait_until("the end of Claude Code", || !claude.is_alive());
    let task = stage.ended("t1");
    assert_eq!(task["status"]["outcome"], "lost", "{task:#}");
    assert_eq!(fs::read_to_string(stage.env.project().join("started")).unwrap().lines().count(), 1);
    let conversation = stage.env.state().join("conversations/c-t1.lock");
    assert!(conversation.exists(), "its lock is open, so the conversation can be continued");
}

/// What a session answered before its runner was killed is there.
#[test]
fn a_killed_runner_leaves_the_answer() {
    let mut stage =
        Stage::new(&format!("{INIT}; {ANSWER}; sleep 0.5; echo >answered; exec sleep 60"));
    stage.delegate("t1", 1);
    stage.wait_for_file("answered");
    wait_until("the answer", || stage.run_dir("t1").join("output.log").exists());
    stage.runner().signal(Signal::SIGKILL);
    stage.runners[0].wait().unwrap();
    let task = stage.ended("t1");
    assert_eq!(task["status"]["outcome"], "lost", "{task:#}");
    assert_eq!(output(&stage.env, "t1"), "it is 42");
}

/// A session that waits for work of its own has not given its last answer, and one that begins another turn has not either.
#[test]
fn an_answer_in_between_is_not_the_end() {
    let runs = r#"echo '{"type":"system","subtype":"background_tasks_changed","tasks":[{"task_id":"b1"}]}'"#;
    for script in [
        format!("{INIT}; {runs}; {ANSWER}; exec sleep 60"),
        format!("{INIT}; {ANSWER}; {INIT}; exec sleep 60"),
    ] {
        let mut stage = Stage::new(&script);
        stage.ask("t1", 1, |request| request["task"]["limit_ms"] = json!(900));
        assert_eq!(stage.start("t1"), "ok");
        let task = stage.ended("t1");
        assert_eq!(task["status"]["outcome"], "timed_out", "{task:#}");
    }
}

/// The whole tree of a session that is stopped ends.
#[test]
fn a_stop_ends_the_whole_tree() {
    let mut stage = Stage::new(
        "trap '' TERM; sleep 60 & setsid sleep 60 & echo $$ $! >started; while :; do wait; done",
    );
    stage.delegate("t1", 1);
    let pids = numbers(&stage.wait_for_file("started"));
    let processes: Vec<Process> = pids.into_iter().filter_map(Process::of).collect();
    wait_until("the record", || stage.task("t1")["status"]["state"] == "running");
    fs::write(stage.run_dir("t1").join("stop.json"), "\"model\"").unwrap();
    kill_as_stranger(stage.runner(), "TERM");
    let task = stage.ended("t1");
    assert_eq!(task["status"]["outcome"], "cancelled", "{task:#}");
    assert!(processes.iter().all(|it| !it.is_alive()), "{processes:?}");
}

/// One row a way to fail: the script, and what the record says.
#[test]
fn each_failure_is_named() {
    let result = |fields: &str| format!("echo '{{\"type\":\"result\",{fields}}}'; exit 1");
    let cases = [
        (
            "echo \"Error: agent 'x' not found\" >&2; exit 1".to_owned(),
            "error",
            "Error: agent 'x' not found",
        ),
        (result(r#""subtype":"error_max_turns","is_error":true"#), "turn_limit", ""),
        (
            result(r#""subtype":"error_max_budget_usd","is_error":true,"errors":["spent"]"#),
            "budget",
            "spent",
        ),
        (
            result(r#""subtype":"success","is_error":true,"api_error_status":429,"result":"slow""#),
            "rate_limit",
            "slow",
        ),
        ("exit 0".to_owned(), "error", ""),
    ];
    for (script, why, problem) in cases {
        let mut stage = Stage::new(&script);
        stage.delegate("t1", 1);
        let task = stage.ended("t1");
        assert_eq!(
            (&task["status"]["outcome"], &task["status"]["why"]),
            (&json!("agent_failed"), &json!(why)),
            "{script}: {task:#}"
        );
        let said = task["delegated"]["report"]["problem"].as_str().unwrap_or_default();
        assert_eq!(said, problem, "{script}");
    }
}

#[test]
fn without_a_claude_code_the_session_fails_and_says_so() {
    let mut stage = Stage::new("");
    fs::remove_file(stage.bin().join("claude")).unwrap();
    stage.delegate("t1", 1);
    let task = stage.ended("t1");
    assert_eq!(task["status"]["why"], "error", "{task:#}");
    let said = task["delegated"]["report"]["problem"].as_str().unwrap();
    assert!(said.contains("put `claude` on PATH"), "{said}");
}

/// A time limit that strikes after the answer is no failure.
#[test]
fn an_answer_before_the_limit_counts() {
    for (script, outcome) in [
        (format!("{ANSWER}; exec sleep 60"), "completed"),
        ("exec sleep 60".to_owned(), "timed_out"),
    ] {
        let mut stage = Stage::new(&script);
        stage.ask("t1", 1, |request| request["task"]["limit_ms"] = json!(2_500));
        assert_eq!(stage.start("t1"), "ok");
        let task = stage.ended("t1");
        assert_eq!(task["status"]["outcome"], outcome, "{task:#}");
    }
}

/// A session that has answered and runs nothing but a server is ended with the server. One that begins another turn is not.
#[test]
fn an_answered_session_does_not_wait_for_its_server() {
    let runs = r#"echo '{"type":"system","subtype":"background_tasks_changed","tasks":[{"task_id":"b1"}]}'"#;
    let mut stage = Stage::new(&format!(
        "setsid sleep 60 & echo $! >server; {runs}; {ANSWER}; {INIT}; touch turn; sleep 5; touch answered; {ANSWER}; exec sleep 60"
    ));
    let service = json!({
        "id": "t9", "ticket": 9, "session": "c-t1", "kind": "service", "cwd": "/", "command": "serve",
        "client": {"id": "b1"}, "machine": null,
        "status": {"state": "running", "started_at": "2026-11-28T00:00:00Z", "watch": "observed"},
    });
    stage.delegate("t1", 1);
    wait_until("the record", || stage.task("t1")["status"]["state"] == "running");
    stage.env.edit_state("active.json", |active| {
        active["tasks"].as_array_mut().unwrap().push(service);
    });
    let server = Process::of(numbers(&stage.wait_for_file("server"))[0]).unwrap();
    let task = stage.ended("t1");
    assert!(stage.env.project().join("answered").exists(), "ended within a turn: {task:#}");
    assert_eq!(task["status"]["outcome"], "completed", "{task:#}");
    assert!(!server.is_alive(), "the server was left running");
}

/// No session starts twice, and no two sessions have one conversation.
#[test]
fn a_second_runner_is_refused() {
    let mut stage = Stage::new("echo $$ >>started; exec sleep 60");
    stage.delegate("t1", 1);
    stage.wait_for_file("started");
    assert!(stage.start("t1").starts_with("error: "));
    stage.ask("t2", 2, |request| {
        request["task"]["delegated"]["conversation"] = json!("c-t1");
    });
    let refused = stage.start("t2");
    assert!(refused.contains("conversation is in use"), "{refused}");
    assert_eq!(numbers(&stage.wait_for_file("started")).len(), 1);
    assert_eq!(stage.task("t2"), Value::Null);
}

/// The mode that the caller has when the session starts counts if it is narrower.
#[test]
fn a_caller_that_has_less_rights_by_now_gives_less() {
    let mut stage = Stage::new(&format!(
        "echo $$ >>started; printf '%s\\n' \"$@\" >args; until [ -e go ]; do sleep 0.02; done; {ANSWER}"
    ));
    stage.env.set(&json!({ "max_background_tasks": 1 }));
    stage.delegate("t1", 1);
    stage.wait_for_file("started");
    stage.delegate("t2", 2);
    wait_until("t2 in the queue", || stage.task("t2")["status"]["state"] == "queued");
    stage.env.edit_state("active.json", |active| {
        for task in active["tasks"].as_array_mut().unwrap() {
            task["delegated"]["asked_by"]["mode"] = json!("plan");
        }
    });
    fs::write(stage.env.project().join("go"), "").unwrap();
    stage.ended("t2");
    let args = fs::read_to_string(stage.env.project().join("args")).unwrap();
    assert!(args.contains("--permission-mode\nplan\n"), "{args}");
}

/// Foreign requests are refused: a folder that is no run folder, a link, junk.
#[test]
fn junk_is_refused() {
    let mut stage = Stage::new(ANSWER);
    assert!(stage.start("t1").starts_with("error: "), "a folder is missing");
    stage.ask("t2", 1, |request| request["task"]["delegated"] = Value::Null);
    assert!(stage.start("t2").contains("names no session"));
    stage.ask("t3", 1, |_| ());
    fs::write(stage.run_dir("t3").join("request.json"), "{").unwrap();
    assert!(stage.start("t3").contains("malformed"));
    let elsewhere: &Path = stage.env.path();
    std::os::unix::fs::symlink(elsewhere, stage.run_dir("t4")).unwrap();
    assert!(stage.start("t4").starts_with("error: "), "a link");
}
