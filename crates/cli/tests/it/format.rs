//! A state that version 0.1.0 wrote must load for ever, with fields in it that we don't know.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sisyphus_testing::{Output, TestEnv};

use crate::planted::{ids, listed, plant_text, prints};

const SESSION: &str = "6f0c2e0a-58d4-4b7e-9f55-0d9f3a1c7e21";

fn recorded(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/states/v0.1.0").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A home with the recorded state in it.
fn recorded_state() -> TestEnv {
    let env = TestEnv::new();
    for name in ["active.json", "completed.json", "failed.json"] {
        plant_text(&env, name, &recorded(name));
    }
    plant_text(&env, &format!("outbox/{SESSION}.json"), &recorded("outbox.json"));
    plant_text(&env, &format!("sessions/{SESSION}.json"), &recorded("session.json"));
    // One task a line.
    let archived: Value = serde_json::from_str(&recorded("archive.json")).unwrap();
    plant_text(&env, "archive/2026-10.jsonl", &format!("{archived}\n"));
    env
}

/// The session is resumed.
fn resume(env: &TestEnv) -> Output {
    let event = json!({ "hook_event_name": "SessionStart", "source": "resume", "session_id": SESSION,
                        "cwd": env.project() });
    env.hook("sisyphus-session-start", &event)
}

fn field<'a>(tasks: &'a [Value], id: &str, name: &str) -> &'a Value {
    let task = tasks.iter().find(|task| task["id"] == id);
    &task.unwrap_or_else(|| panic!("no `{id}` in {tasks:#?}"))[name]
}

#[test]
fn every_task_of_version_0_1_0_is_listed_with_what_was_known_of_it() {
    let env = recorded_state();
    let tasks = listed(&env, &["--all"]);
    let known = [
        ("tpend1111", "status", json!("pending")),
        ("tobse1111", "status", json!("running")),
        ("tobse1111", "watch", json!("observed")),
        ("tobse1111", "client_id", json!("bobserved")),
        // Their run folders are gone, as after a restart of the machine.
        ("tqueu1111", "lost_because", json!("run_folder_gone")),
        ("tsupe1111", "lost_because", json!("run_folder_gone")),
        ("tcomp1111", "exit_code", json!(0)),
        ("tcomp1111", "agent", json!("a1b2c3")),
        ("tcomp1111", "client_id", json!("bldbdcet7")),
        ("tcomp1111", "limit_ms", json!(90_000)),
        ("tcomp1111", "duration_ms", json!(2_104)),
        ("tcomp1111", "description", json!("run the tests")),
        ("tcomp2222", "duration_ms", Value::Null),
        ("tfail1111", "exit_code", json!(3)),
        ("tfail1111", "output_bytes", json!(123_456_789)),
        ("tfail1111", "output_dropped_bytes", json!(112_971_029)),
        ("tkill1111", "signal", json!(9)),
        ("ttime1111", "limit_ms", json!(90_000)),
        ("ttime2222", "status", json!("timed_out")),
        ("tcancmodel", "by", json!("model")),
        ("tcancuser", "by", json!("user")),
        ("tcancsession-end", "by", json!("session_end")),
        ("tcancunknown", "by", json!("unknown")),
        ("tlostrunner-died", "lost_because", json!("runner_died")),
        ("tlostrun-folder-gone", "lost_because", json!("run_folder_gone")),
        ("tlostsession-ended", "lost_because", json!("session_ended")),
        ("tunkn1111", "status", json!("unknown")),
        ("tarch1111", "description", json!("long ago")),
    ];
    for (id, name, expected) in known {
        assert_eq!(field(&tasks, id, name), &expected, "{name} of {id}");
    }
    assert_eq!(tasks.len(), 4 + 2 + 12 + 1, "{:?}", ids(&tasks));
    for task in &tasks {
        prints(&env, &["show", task["id"].as_str().unwrap()]);
    }
}

#[test]
fn what_version_0_1_0_owed_is_delivered_and_what_it_delivered_is_not() {
    let env = recorded_state();
    let reply = resume(&env).json();
    let told = reply["hookSpecificOutput"]["additionalContext"].as_str().unwrap_or_default();
    // The second was on its way when its bearer died.
    for expected in
        ["towed1111 (\"lint\") failed with exit code 4", "tclai1111 (\"format\") completed"]
    {
        assert!(told.contains(expected), "{told}");
    }
    assert!(!told.contains("tcomp1111"), "{told}");
    let notice = "<task-notification>\n<task-id>bldbdcet7</task-id>\n<status>completed</status>\n\
         <summary>Background command \"run the tests\" completed (exit code 0)</summary>\n</task-notification>";
    let event = json!({ "hook_event_name": "UserPromptSubmit", "session_id": SESSION, "cwd": env.project(), "prompt": notice });
    assert_eq!(env.hook("sisyphus-user-prompt-submit", &event).json()["decision"], "block");
}

#[test]
fn fields_that_we_do_not_know_survive_in_what_is_rewritten() {
    let env = recorded_state();
    let before = env.state_file("active.json");
    // Two of the active tasks are lost, so three files are written anew.
    listed(&env, &[]);
    let active = env.state_file("active.json");
    assert_ne!(active, before);
    assert_eq!(active["weather"], "fair");
    assert_eq!(
        field(active["tasks"].as_array().unwrap(), "tpend1111", "colour"),
        &json!({ "of": "tpend1111" })
    );
    let failed = env.state_file("failed.json");
    let failed = failed["tasks"].as_array().unwrap();
    // Also of a task that has just moved there.
    assert_eq!(field(failed, "tqueu1111", "colour"), &json!({ "of": "tqueu1111" }));
    // A finished task is never touched again.
    let recorded: Value = serde_json::from_str(&recorded("failed.json")).unwrap();
    for task in recorded["tasks"].as_array().unwrap() {
        assert!(failed.contains(task), "{task}");
    }
    let outbox = env.state_file(&format!("outbox/{SESSION}.json"));
    assert_eq!(outbox["weather"], "fair");
    assert_eq!(
        field(outbox["owed"].as_array().unwrap(), "towed1111", "colour"),
        &json!({ "of": "towed1111" })
    );
    assert_eq!(resume(&env).code, Some(0));
    assert_eq!(env.state_file(&format!("sessions/{SESSION}.json"))["weather"], "fair");
}

#[test]
fn fields_of_the_history_that_we_do_not_know_survive() {
    let env = recorded_state();
    listed(&env, &[]);
    let failed = env.state_file("failed.json");
    assert_eq!(failed["tasks"].as_array().unwrap().len(), 14, "it was not rewritten");
    assert_eq!(failed["weather"], "fair");
}
