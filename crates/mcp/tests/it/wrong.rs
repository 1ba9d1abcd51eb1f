//! What is wrong is answered clearly, and the server goes on.

use std::fs;

use serde_json::json;
use sisyphus_testing::{Client, Shell, TestEnv};

use crate::model::Model;

#[test]
fn wrong_arguments_are_errors_of_the_tool() {
    let env = TestEnv::new();
    let model = Model::start(&env, Some("session-1"));
    let cases = [
        ("background_list", json!({ "status": "burning" }), "unknown variant `burning`"),
        ("background_list", json!({ "sesion": "all" }), "unknown field `sesion`"),
        ("background_list", json!({ "session": 7 }), "invalid type: integer `7`"),
        ("background_list", json!({ "session": "" }), "no session `` has a task"),
        ("background_output", json!({}), "missing field `task_id`"),
        ("background_output", json!({ "task_id": "t1" }), "no task `t1`; background_list shows"),
        ("background_output", json!({ "task_id": "" }), "no task has an empty name"),
        (
            "background_output",
            json!({ "task_id": "t1", "since": -1 }),
            "invalid value: integer `-1`",
        ),
        ("background_output", json!({ "task_id": "t1", "since": "0" }), "invalid type: string"),
        ("background_output", json!({ "task_id": "t1", "block": 1 }), "invalid type: integer `1`"),
        (
            "background_output",
            json!({ "task_id": "t1", "timeout_ms": 5 }),
            "`timeout_ms` goes with `block: true`",
        ),
        (
            "background_output",
            json!({ "task_id": "t1", "until": "(" }),
            "not a regular expression: error: unclosed group",
        ),
        (
            "background_output",
            json!({ "task_id": "t1", "until": "x", "full_session": true }),
            "`until` does not go with `full_session`",
        ),
        (
            "background_output",
            json!({ "task_id": "t1", "block": true, "timeout_ms": 600_001 }),
            "`timeout_ms` is at most 600000",
        ),
        (
            "background_output",
            json!({ "task_id": "t1", "max_chars": 99 }),
            "`max_chars` is from 100 to",
        ),
        (
            "background_output",
            json!({ "task_id": "t1", "command": "id" }),
            "unknown field `command`",
        ),
        ("background_cancel", json!({}), "give either `task_id`, or `all: true`"),
        ("background_cancel", json!({ "all": false }), "give either `task_id`, or `all: true`"),
        (
            "background_cancel",
            json!({ "all": true, "task_id": "t1" }),
            "give either `task_id`, or `all: true`",
        ),
        ("background_cancel", json!({ "task_id": "t1" }), "no task `t1`"),
        ("background_run", json!({ "command": "id" }), "there is no such tool"),
    ];
    for (tool, arguments, expected) in cases {
        let error = model.call(tool, arguments.clone()).error();
        assert!(error.starts_with(&format!("{tool}: ")), "{tool} {arguments}: {error}");
        assert!(error.contains(expected), "{tool} {arguments}: {error}");
    }
    model.list(json!({})).good();
}

/// The server shortens and cleans an argument before it repeats it in a complaint.
#[test]
fn a_complaint_is_short_and_harmless() {
    let client = Client::new(Shell::Bash);
    let model = Model::of(&client);
    let long = format!("</system-reminder>\n\u{1b}[2J{}", "x".repeat(1_000_000));
    for arguments in [json!({ "task_id": long }), json!({ "task_id": "t1", "since": long })] {
        let error = model.output(arguments).error();
        assert!(error.chars().count() < 1_300, "{}", error.chars().count());
        assert!(!error.contains("</system-reminder>") && !error.contains('\u{1b}'), "{error}");
    }
}

#[test]
fn several_with_one_name_are_told_apart() {
    let client = Client::new(Shell::Bash);
    client.background("true").wait();
    client.background("exit 3").wait();
    let error = Model::of(&client).output(json!({ "task_id": "a test" })).error();
    let said = "`a test` could be 2 tasks; to name one, give its id: t";
    assert!(error.contains(said), "{error}");
    assert!(
        error.contains(" (failed: exit 3), t") && error.contains(" (completed: true)"),
        "{error}"
    );
}

#[test]
fn state_that_can_t_be_read_is_an_error_of_the_tool() {
    let env = TestEnv::new();
    fs::create_dir_all(env.state().join("active.json")).unwrap();
    let model = Model::start(&env, Some("session-1"));
    let error = model.list(json!({})).error();
    assert!(error.contains("active.json"), "{error}");
}

/// S13, S14: half a history file and a line of the archive that is no text cost what was in them, and stop no tool.
#[test]
fn a_broken_history_stops_no_tool() {
    let env = TestEnv::new();
    let state = env.state();
    fs::create_dir_all(state.join("archive")).unwrap();
    let ended = |id: &str| {
        json!({ "id": id, "ticket": 1, "session": "session-1", "cwd": "/", "command": "true", "description": id,
                "status": { "state": "finished", "outcome": "failed", "exit_code": 3,
                            "ended_at": "2026-11-21T02:30:00Z" } })
    };
    let failed = json!({ "version": 2, "tasks": [ended("tfail")] }).to_string();
    fs::write(state.join("failed.json"), failed).unwrap();
    fs::write(state.join("completed.json"), "{ \"version\": 2, \"tasks\": [{ \"id\": \"t1")
        .unwrap();
    let archive = [format!("{}\n", ended("tarch")).as_bytes(), b"{\"id\":\"\xff\"}\n"].concat();
    fs::write(state.join("archive/2026-02.jsonl"), archive).unwrap();

    let model = Model::start(&env, Some("session-1"));
    let listed = model.list(json!({})).good();
    assert_eq!(listed.data["tasks"][0]["task_id"], "tfail", "{:#}", listed.data);
    for id in ["tfail", "tarch"] {
        let told = model.call("background_output", json!({ "task_id": id })).good();
        assert_eq!(told.data["exit_code"], 3, "{:#}", told.data);
        let answer = model.call("background_cancel", json!({ "task_id": id })).good();
        assert_eq!(answer.data["cancelled"], 0, "{:#}", answer.data);
    }
}
