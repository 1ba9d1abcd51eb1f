//! State files put in place by hand.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sisyphus_testing::{Output, TestEnv};

/// A task of the ids and texts given; more fields can be set in it.
pub(crate) fn task(id: &str, description: &str, status: Value) -> Value {
    json!({ "id": id, "ticket": 1, "session": "session-1", "cwd": "/home/dev/proj", "command": "npm test",
            "description": description, "status": status })
}

/// A task that ended in the given second.
pub(crate) fn ended(id: &str, description: &str, second: u32) -> Value {
    let at = format!("2026-11-21T02:30:{second:02}Z");
    task(id, description, json!({ "state": "finished", "outcome": "completed", "ended_at": at }))
}

/// A task whose result its session has not read yet.
pub(crate) fn owed(id: &str, session: &str) -> Value {
    let mut task = ended(id, "", 1);
    // A result that is older than a day moves to the history.
    task["status"]["ended_at"] = json!(chrono::Utc::now());
    task["session"] = session.into();
    task["delivery"] = json!({ "state": "owed", "since": 1, "attempt": "first" });
    task
}

/// A task on another machine, which nothing here can judge.
pub(crate) fn elsewhere(mut task: Value) -> Value {
    task["machine"] = json!({ "boot": "another", "host": "tower" });
    task
}

/// A task that failed in the given second.
pub(crate) fn failed(id: &str, description: &str, second: u32) -> Value {
    let mut task = ended(id, description, second);
    task["status"]["outcome"] = "failed".into();
    task["status"]["exit_code"] = 3.into();
    task
}

/// A task that Claude Code alone watches, so that no command here ends it.
pub(crate) fn running(id: &str, description: &str) -> Value {
    let started_at = "2026-11-21T02:30:00Z";
    let status = json!({ "state": "running", "started_at": started_at, "watch": "observed" });
    task(id, description, status)
}

/// Puts tasks into `active.json`, `completed.json` or `failed.json`.
pub(crate) fn plant(env: &TestEnv, file: &str, tasks: &[Value]) {
    plant_text(env, file, &json!({ "version": 2, "tasks": tasks }).to_string());
}

pub(crate) fn plant_text(env: &TestEnv, file: &str, text: &str) {
    let path = env.state().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    // In one step: a command may be reading the file.
    sisyphus_base::atomic::write(&path, text.as_bytes()).unwrap();
}

/// What a command prints when all is well.
pub(crate) fn prints(env: &TestEnv, args: &[&str]) -> String {
    let output = env.run("sisyphus", args);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{args:?}: {output:?}");
    output.stdout
}

/// The tasks of `sisyphus list --json`.
pub(crate) fn listed(env: &TestEnv, more: &[&str]) -> Vec<Value> {
    let text = prints(env, &[&["list", "--json"], more].concat());
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["version"], 1);
    value["tasks"].as_array().unwrap().clone()
}

/// The ids of tasks.
pub(crate) fn ids(tasks: &[Value]) -> Vec<&str> {
    tasks.iter().map(|task| task["id"].as_str().unwrap()).collect()
}

/// Checks for a failure in one line.
pub(crate) fn assert_fails(output: &Output, code: i32, expected: &str) {
    assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{output:?}");
    assert!(output.stderr.starts_with("sisyphus: "), "{output:?}");
    assert!(output.stderr.contains(expected), "`{expected}` is not in {output:?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
}

/// Which tasks or sessions an error names that a name could mean, one a line.
pub(crate) fn assert_could_be(output: &Output, said: &str, candidates: &[&str]) {
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
    let lines: Vec<&str> = output.stderr.lines().collect();
    let named: Vec<&str> = lines[1..].iter().map(|line| line.trim_start()).collect();
    assert_eq!((lines[0], named.as_slice()), (&*format!("sisyphus: {said}:"), candidates));
}

/// Everything below a folder, and how large it is.
pub(crate) fn tree(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        // It may be going while we look.
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let Ok(metadata) = path.symlink_metadata() else { continue };
            lines.push(format!("{} {}", path.display(), metadata.len()));
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    lines.sort();
    lines
}
