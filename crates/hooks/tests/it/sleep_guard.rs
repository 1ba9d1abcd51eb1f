//! A call that does nothing but sleep is denied while a background task of its session runs, and no other call ever is.

use std::fs;

use chrono::{Duration, Utc};
use serde_json::{Value, json};
use sisyphus_testing::{Client, Shell, TestEnv};

use crate::payload::with;
use crate::session::Session;
use crate::start::{denied, feed, log};

const AGENT: &str = "a823f771c24d473c5";

/// A foreground call of Bash.
fn call(session: &Session<'_>, command: &str) -> Value {
    with(session.event("pre-tool-use.bash-foreground"), "/tool_input/command", command)
}

/// Why it is denied that `session` sleeps for a minute; empty if it is not.
fn refusal(session: &Session<'_>) -> String {
    denied(&session.send(&call(session, "sleep 60")))
}

/// PreToolUse denies a sleep until the task that it would wait for has ended.
#[test]
fn a_sleep_is_denied_until_the_task_ends() {
    let client = Client::new(Shell::Bash);
    let sleep = || {
        let reply = client.hook(
            "sisyphus-pre-tool-use",
            json!({ "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "toolu_sleep",
                    "tool_input": { "command": "sleep 60", "description": "wait" } }),
        );
        reply["hookSpecificOutput"]["permissionDecisionReason"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(sleep(), "", "nothing is live");
    let running = client.background("until [ -e go ]; do sleep 0.02; done");
    client.running_task();
    let reason = sleep();
    assert!(
        reason.starts_with(
            "[sisyphus] This sleep was not run, because it is not needed. Background task t"
        ),
        "{reason}"
    );
    assert!(reason.contains("(\"a test\") has been running for "), "{reason}");
    assert!(reason.contains("; you'll be notified when it finishes."), "{reason}");
    assert!(!reason.contains('\n'), "{reason}");
    // The runner can publish its result only in its run folder: the guard looks there.
    client.env.close_state();
    fs::write(client.env.project().join("go"), "").unwrap();
    running.wait();
    client.env.open_state();
    assert_eq!(sleep(), "");
}

#[test]
fn a_task_in_line_is_live() {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "max_background_tasks": 1 }));
    let first = client.background("until [ -e go ]; do sleep 0.02; done");
    client.running_task();
    let second = client.background("echo second");
    let event = json!({ "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "toolu_sleep",
                        "tool_input": { "command": "sleep 30" } });
    let reply = client.hook("sisyphus-pre-tool-use", event);
    let reason = reply["hookSpecificOutput"]["permissionDecisionReason"].as_str().unwrap();
    assert!(reason.contains(" has been running for "), "{reason}");
    assert!(
        reason.contains(" has not started yet; you'll be notified when each finishes."),
        "{reason}"
    );
    fs::write(client.env.project().join("go"), "").unwrap();
    first.wait();
    second.wait();
}

/// PreToolUse denies only a foreground Bash call that sleeps for more than two seconds and does nothing else.
#[test]
fn only_a_long_sleep_alone_is_denied() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.call(1).starts();
    for command in ["sleep 60", "sleep 10.1", "/bin/sleep 5m", "sleep 8 && sleep 3", "sleep 1m # x"]
    {
        let output = session.send(&call(&session, command));
        assert!(denied(&output).contains("was not run"), "{command}: {output:?}");
    }
    for command in [
        "sleep 10",
        "sleep 0.5",
        "sleep 60; curl localhost",
        "npm test",
        "sleep $N",
        "",
        "(sleep 60)",
    ] {
        assert_eq!(session.send(&call(&session, command)).stdout, "", "{command}");
    }
    let odd = [
        json!({}),
        json!({ "command": 60 }),
        json!({ "command": null }),
        json!({ "command": ["sleep 60"] }),
        json!({ "command": "sleep 60", "run_in_background": true }),
        json!({ "command": "sleep 60", "run_in_background": "true" }),
        json!({ "command": "sleep 60", "run_in_background": 1 }),
    ];
    for input in odd {
        let event = with(call(&session, ""), "/tool_input", input.clone());
        assert_eq!(denied(&session.send(&event)), "", "{input}");
    }
    let event = call(&session, "sleep 60");
    for tool in ["PowerShell", "TaskStop", "Agent", "Read"] {
        assert_eq!(session.send(&with(event.clone(), "/tool_name", tool)).stdout, "", "{tool}");
    }
    assert_eq!(log(&env), "");
}

#[test]
fn a_background_sleep_is_a_task_like_any_other() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.call(1).starts();
    session.tell(&with(session.call(2).before(), "/tool_input/command", "sleep 60"));
    session.tell(&with(session.call(2).after(), "/tool_input/command", "sleep 60"));
    assert_eq!(session.active().len(), 2);
}

#[test]
fn only_for_tasks_of_the_same_conversation() {
    let env = TestEnv::new();
    let (here, there) = (Session::new(&env), Session::other(&env));
    there.call(1).starts();
    here.call(2).of_agent(AGENT).starts();
    assert_eq!(refusal(&here), "", "another session's, and a subagent's");
    assert!(refusal(&there).contains("was not run"));

    let of_agent =
        |agent: &str| denied(&here.send(&with(call(&here, "sleep 60"), "/agent_id", agent)));
    assert!(of_agent(AGENT).contains("was not run"));
    assert_eq!(of_agent("a000"), "");
    here.call(3).starts();
    for other in ["a000", "name@team"] {
        assert_eq!(of_agent(other), "", "only the main conversation gets that result");
    }
}

#[test]
fn only_for_ends_that_come_by_themselves_and_are_told() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.tell(&session.call(1).before());
    assert_eq!(refusal(&session), "", "it may still be denied");
    session.tell(&session.call(1).after());
    assert!(refusal(&session).contains("was not run"));
    session.tell(&session.call(1).stop("pre-tool-use.task-stop"));
    assert_eq!(refusal(&session), "", "the model stopped it: no result follows");

    let env = TestEnv::new();
    let session = Session::new(&env);
    let server = with(session.call(1).before(), "/tool_input/command", "npm run dev");
    let _ = session.send(&server);
    session.tell(&with(session.call(1).after(), "/tool_input/command", "npm run dev"));
    assert_eq!(session.active()[0]["kind"], "service");
    assert_eq!(refusal(&session), "", "a server is waited for until it has started");

    session.owe(2, None, 0);
    assert_eq!(refusal(&session), "", "it has ended");
}

/// The sleep guard counts an observed task until Claude Code would have stopped it or does not list it.
#[test]
fn an_observed_task_counts_while_it_can_run() {
    let started = |minutes: i64, unlisted: u32| {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.tell(&session.call(1).after());
        env.edit_state("active.json", |active| {
            let task = &mut active["tasks"][0];
            assert_eq!(task["status"]["watch"], "observed");
            task["status"]["started_at"] = json!(Utc::now() - Duration::minutes(minutes));
            task["unlisted"] = unlisted.into();
        });
        refusal(&session)
    };
    assert!(
        started(9, 0).contains(" was started 9 min ago; you'll be notified"),
        "{}",
        started(9, 0)
    );
    assert_eq!(started(11, 0), "", "Claude Code would have stopped it");
    assert_eq!(started(1, 1), "", "Claude Code did not list it");
}

/// PreToolUse denies no sleep if `sleep_guard` or `background_execution` is off.
#[test]
fn the_guard_can_be_switched_off() {
    let settings = [
        (json!({ "sleep_guard": false }), false),
        (json!({ "background_execution": false }), false),
        (json!({ "sleep_guard": "no" }), true),
        (json!({}), true),
    ];
    for (setting, denies) in settings {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.call(1).starts();
        env.set(&setting);
        assert_eq!(!refusal(&session).is_empty(), denies, "{setting}");
    }
}

#[test]
fn whatever_is_broken_the_sleep_runs() {
    for broken in ["{", "[]", r#"{"version":99,"tasks":[]}"#, r#"{"version":1,"tasks":7}"#] {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.call(1).starts();
        fs::write(env.state().join("active.json"), broken).unwrap();
        assert_eq!(refusal(&session), "", "{broken}");
    }
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.call(1).starts();
    let mut homeless = env.command("sisyphus-pre-tool-use");
    homeless.env_remove("HOME");
    let output = feed(homeless, call(&session, "sleep 60").to_string().as_bytes());
    assert_eq!(denied(&output), "");
}
