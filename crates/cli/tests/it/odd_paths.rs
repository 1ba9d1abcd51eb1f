//! Paths that are no text: JSON has only texts, and none of them may cost an answer.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use sisyphus_testing::{TestEnv, env};

use crate::planted::{ended, plant_text};

/// A folder in the test's own whose name is not UTF-8.
fn odd(env: &TestEnv) -> PathBuf {
    env.path().join(OsStr::from_bytes(b"odd-\xff"))
}

#[test]
fn a_state_folder_with_such_a_name_is_shown() {
    let env = TestEnv::new();
    let state = odd(&env);
    plant_text(
        &env,
        "completed.json",
        &json!({ "version": 1, "tasks": [ended("t1", "npm test", 1)] }).to_string(),
    );
    fs::rename(env.state(), &state).unwrap();
    fs::create_dir_all(state.join("output")).unwrap();
    fs::write(state.join("output/t1.log"), "done\n").unwrap();
    for args in [&["list", "--json"][..], &["show", "t1", "--json"], &["wait", "t1", "--json"]] {
        let mut command = env.command("sisyphus");
        command.args(args).env("SISYPHUS_STATE_DIR", &state);
        let output = env::run(command, b"");
        assert_eq!(output.code, Some(0), "{args:?}: {output:?}");
        let json = output.json();
        let task = json.get("task").unwrap_or(&json["tasks"][0]);
        assert!(task["output_file"].as_str().unwrap().contains("odd-\u{fffd}"), "{args:?}: {json}");
    }
}

/// `sisyphus config` names a project whose setting it refuses, even if the project's path is no text.
#[test]
fn a_refused_project_with_such_a_name_is_named() {
    let env = TestEnv::new();
    let folder = odd(&env).join(".claude");
    fs::create_dir_all(&folder).unwrap();
    let loose: Value = json!({ "sisyphus": { "max_background_tasks": 50 } });
    fs::write(folder.join("settings.json"), loose.to_string()).unwrap();
    let mut command = env.command("sisyphus");
    command.args(["config", "--json", "--project"]).arg(odd(&env));
    let output = env::run(command, b"");
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("odd-\u{fffd}"), "{output:?}");
}
