//! `sisyphus delegate`, where it refuses at once: nothing starts, and the exit code says so.

use std::fs;

use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

use crate::planted::{assert_fails, listed};

/// A home whose project is trusted in Claude Code.
fn trusted() -> TestEnv {
    let env = TestEnv::new();
    let project = env.project().canonicalize().unwrap();
    let known =
        json!({ "projects": { project.to_str().unwrap(): { "hasTrustDialogAccepted": true } } });
    fs::write(env.home().join(".claude.json"), known.to_string()).unwrap();
    env
}

/// Without Claude Code, nothing is launched.
#[test]
fn no_client_is_said_at_once() {
    let env = trusted();
    let output = env.run("sisyphus", &["delegate", "look around"]);
    assert_fails(&output, 1, "could not find Claude Code: put `claude` on PATH and delegate again");
    assert_eq!(output.stdout, "");
    assert_eq!(listed(&env, &[]), Vec::<Value>::new());
    assert!(!env.state().join("runs").exists());
}

/// Errors name the options of the command line.
#[test]
fn wrong_options_are_named_as_written() {
    let env = trusted();
    for (options, words) in [
        (&["--budget", "0"][..], "`--budget` is a number of dollars above 0"),
        (&["--timeout", "0"], "`--timeout` is from 1 to 10080 minutes, a week"),
        (&["--timeout", "10081"], "`--timeout` is from 1 to 10080 minutes, a week"),
        (&["--agent=--settings"], "`--agent` is no name of one"),
        (&["--worktree"], "is in no git repository; leave out `--worktree`"),
    ] {
        let output = env.run("sisyphus", &[&["delegate", "look around"], options].concat());
        assert_fails(&output, 1, words);
    }
    let output = env.run("sisyphus", &["delegate", " "]);
    assert_fails(&output, 1, "wrong arguments: the prompt is empty");
}
