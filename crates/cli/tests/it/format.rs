//! A state that version 0.1.0 wrote must be taken over for ever, with fields in it that we don't know.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};
use sisyphus_testing::{Output, TestEnv};

use crate::planted::{ended, failed, ids, listed, plant_text, prints, running};

const SESSION: &str = "6f0c2e0a-58d4-4b7e-9f55-0d9f3a1c7e21";

fn recorded(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/states/v0.1.0").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The records of a file of 0.1.0.
fn recorded_tasks(name: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(&recorded(name)).unwrap();
    file["tasks"].as_array().unwrap().clone()
}

/// The recorded live records, and a copy of two of them that Claude Code had named.
fn recorded_active(env: &TestEnv) -> String {
    let mut active: Value = serde_json::from_str(&recorded("active.json")).unwrap();
    let tasks = active["tasks"].as_array_mut().unwrap();
    for (id, named) in [("tqueu1111", "tqueu2222"), ("tsupe1111", "tsupe2222")] {
        let mut task = tasks.iter().find(|task| task["id"] == id).unwrap().clone();
        task["id"] = named.into();
        task["client"] = json!({ "id": format!("b{named}"), "said_by": "client" });
        task["run_root"] = json!(env.runs());
        tasks.push(task);
    }
    active.to_string()
}

/// A home in which the recorded state was taken over.
fn recorded_state() -> TestEnv {
    let env = TestEnv::new();
    let sisyphus = env.home().join(".claude/.sisyphus");
    let old = sisyphus.join("background-tasks");
    let write = |name: &str, text: &str| {
        let path = old.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("active.json", &recorded_active(&env));
    for name in ["completed.json", "failed.json"] {
        write(name, &recorded(name));
    }
    write(&format!("outbox/{SESSION}.json"), &recorded("outbox.json"));
    write(&format!("sessions/{SESSION}.json"), &recorded("session.json"));
    // One task a line.
    let archived: Value = serde_json::from_str(&recorded("archive.json")).unwrap();
    write("archive/2026-10.jsonl", &format!("{archived}\n"));
    for dir in [&sisyphus, &old] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
    }
    prints(&env, &["import"]);
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

/// `sisyphus list` prints each task of version 0.1.0 with all that its record holds, except calls that never ran.
#[test]
fn every_task_of_0_1_0_is_listed() {
    let env = recorded_state();
    let tasks = listed(&env, &["--all"]);
    let known = [
        ("tobse1111", "status", json!("running")),
        ("tobse1111", "watch", json!("observed")),
        ("tobse1111", "client_id", json!("bobserved")),
        // Their run folders are gone, as after a restart of the machine.
        ("tqueu2222", "lost_because", json!("run_folder_gone")),
        ("tsupe2222", "lost_because", json!("run_folder_gone")),
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
        // Known from the file of what was owed alone.
        ("towed1111", "exit_code", json!(4)),
        ("tclai1111", "status", json!("completed")),
    ];
    for (id, name, expected) in known {
        assert_eq!(field(&tasks, id, name), &expected, "{name} of {id}");
    }
    // Claude Code never named these: calls that wait for a permission, and shells that were not ours.
    for dropped in ["tpend1111", "tqueu1111", "tsupe1111"] {
        assert!(!ids(&tasks).contains(&dropped), "{tasks:#?}");
    }
    assert_eq!(tasks.len(), 3 + 2 + 2 + 12 + 1, "{:?}", ids(&tasks));
    for task in &tasks {
        prints(&env, &["show", task["id"].as_str().unwrap()]);
    }
}

/// SessionStart delivers what version 0.1.0 owed. No hook repeats what that version delivered.
#[test]
fn deliveries_of_0_1_0_continue() {
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
    let again = resume(&env);
    assert!(
        !again.stdout.contains("towed1111") && !again.stdout.contains("tclai1111"),
        "{again:?}"
    );
    let notice = "<task-notification>\n<task-id>bldbdcet7</task-id>\n<status>completed</status>\n\
         <summary>Background command \"run the tests\" completed (exit code 0)</summary>\n</task-notification>";
    let event = json!({ "hook_event_name": "UserPromptSubmit", "session_id": SESSION, "cwd": env.project(), "prompt": notice });
    assert_eq!(env.hook("sisyphus-user-prompt-submit", &event).json()["decision"], "block");
}

/// Each field of the record `before` is in the record of the same id.
fn assert_kept(tasks: &Value, before: &Value) {
    let tasks = tasks["tasks"].as_array().unwrap();
    let id = before["id"].as_str().unwrap();
    for (name, value) in before.as_object().unwrap() {
        let after = field(tasks, id, name);
        assert!(holds(after, value), "{name} of {id}: {after}");
    }
}

/// Whether the new value keeps what the old one said. The new format does not note that Claude Code named a task,
/// because all tasks are named. The import drops unknown fields within a status, as every change of a task did.
fn holds(after: &Value, before: &Value) -> bool {
    let Some(fields) = before.as_object() else { return after == before };
    let mut kept = fields.iter().filter(|(name, _)| *name != "said_by" && *name != "shade");
    kept.all(|(name, value)| holds(&after[name], value))
}

#[test]
fn fields_that_we_do_not_know_survive_the_import() {
    let env = recorded_state();
    listed(&env, &[]);
    let observed = recorded_tasks("active.json").remove(1);
    assert_eq!(observed["id"], "tobse1111");
    assert_kept(&env.state_file("active.json"), &observed);
    // Also of tasks that ended since.
    let (active, failed) = (env.state_file("active.json"), env.state_file("failed.json"));
    let tasks = |file: &Value| file["tasks"].as_array().unwrap().clone();
    let all = [tasks(&active), tasks(&failed), tasks(&env.state_file("completed.json"))].concat();
    assert_eq!(field(&all, "tqueu2222", "colour"), &json!({ "of": "tqueu1111" }));
    for id in ["towed1111", "tclai1111"] {
        assert_eq!(field(&all, id, "colour"), &json!({ "of": id }));
    }
}

#[test]
fn fields_of_the_history_that_we_do_not_know_survive() {
    let env = recorded_state();
    listed(&env, &[]);
    for name in ["completed.json", "failed.json"] {
        let file = env.state_file(name);
        for before in &recorded_tasks(name) {
            assert_kept(&file, before);
        }
    }
    // A month that is over is copied as it is.
    let archived = fs::read_to_string(env.state().join("archive/0.1-2026-10.jsonl")).unwrap();
    let archived: Value = serde_json::from_str(&archived).unwrap();
    assert_eq!(archived, serde_json::from_str::<Value>(&recorded("archive.json")).unwrap());
}

/// A process that rewrites a state file keeps the fields that it does not know.
#[test]
fn unknown_fields_survive_a_rewrite() {
    let env = TestEnv::new();
    let coloured = |mut task: Value| {
        task["colour"] = json!({ "of": task["id"] });
        task["status"]["shade"] = "dark".into();
        task
    };
    let known = |mut task: Value| {
        task["delivery"] = json!({ "state": "not_needed" });
        task
    };
    let mut lost = running("t2", "");
    lost["client"] = json!({ "id": "b2" });
    lost["status"]["watch"] = "supervised".into();
    let file =
        |tasks: &[Value]| json!({ "version": 2, "tasks": tasks, "weather": "fair" }).to_string();
    // The second is lost, and the third and the fourth go to the history: all files are rewritten.
    let active = [running("t1", ""), lost, known(ended("t3", "", 3)), known(failed("t4", "", 4))]
        .map(coloured);
    plant_text(&env, "active.json", &file(&active));
    plant_text(&env, "completed.json", &file(&[coloured(ended("t5", "", 5))]));
    plant_text(&env, "failed.json", &file(&[coloured(failed("t6", "", 6))]));
    plant_text(&env, &format!("sessions/{SESSION}.json"), &recorded("session.json"));
    listed(&env, &[]);
    for (name, ids) in [
        ("active.json", ["t1", "t2"]),
        ("completed.json", ["t5", "t3"]),
        ("failed.json", ["t6", "t4"]),
    ] {
        let file = env.state_file(name);
        assert_eq!(file["weather"], "fair", "{name}");
        let tasks = file["tasks"].as_array().unwrap();
        assert_eq!(tasks.len(), ids.len(), "it was not rewritten: {file:#}");
        for id in ids {
            assert_eq!(field(tasks, id, "colour"), &json!({ "of": id }));
        }
        // What is in the history is never touched again.
        if name != "active.json" {
            assert_eq!(field(tasks, ids[0], "status")["shade"], "dark");
        }
    }
    assert_eq!(env.state_file("active.json")["tasks"][1]["status"]["outcome"], "lost");
    assert_eq!(resume(&env).code, Some(0));
    assert_eq!(env.state_file(&format!("sessions/{SESSION}.json"))["weather"], "fair");
}
