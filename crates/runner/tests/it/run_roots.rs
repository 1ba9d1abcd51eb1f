//! A task is where its session's state is, whatever becomes of Claude Code's temporary folder and wherever others look.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, TestEnv, env, told};

use crate::support::in_both;

/// Runs until the file `stop` is there.
const COMMAND: &str = "echo ready; until [ -e stop ]; do sleep 0.02; done; echo the end; exit 3";

fn started(client: &Client) -> Running {
    let running = client.background(COMMAND);
    running.wait_for_line("ready");
    client.running_task();
    running
}

fn end(client: &Client, running: Running) {
    fs::write(client.env.project().join("stop"), "").unwrap();
    assert_eq!(running.wait().status.code(), Some(3));
}

fn assert_told(text: &str) {
    assert_eq!(text.matches("failed with exit code 3").count(), 1, "{text:?}");
    assert!(text.contains("\n| the end\n"), "{text}");
}

fn assert_running(task: &Value) {
    let expected = (&json!("running"), &json!("supervised"));
    assert_eq!((&task["status"], &task["watch"]), expected, "{task:#}");
}

fn assert_failed(task: &Value) {
    assert_eq!((&task["status"], &task["exit_code"]), (&json!("failed"), &json!(3)), "{task:#}");
    assert!(!task["duration_ms"].is_null(), "{task:#}");
}

/// Fires a hook of a session whose client was started with another temporary folder.
fn hook_in(client: &Client, tmp: &Path, session: &str, binary: &str, mut event: Value) -> Value {
    client.complete(&mut event);
    event["session_id"] = session.into();
    let mut hook = client.env.command(binary);
    hook.env("CLAUDE_CODE_TMPDIR", tmp).env("CLAUDE_ENV_FILE", tmp.join("env.sh"));
    let output = env::run(hook, event.to_string().as_bytes());
    assert_eq!(output.code, Some(0), "{output:?}");
    output.json()
}

/// What `sisyphus list` says of the only task, from a terminal with another temporary folder.
fn listed_in(client: &Client, tmp: &Path) -> Value {
    let mut list = client.env.command("sisyphus");
    list.args(["list", "--json"]).env("CLAUDE_CODE_TMPDIR", tmp);
    let output = env::run(list, b"");
    assert_eq!(output.code, Some(0), "{output:?}");
    output.json()["tasks"][0].clone()
}

const RESUME: (&str, &str) =
    ("sisyphus-session-start", r#"{ "hook_event_name": "SessionStart", "source": "resume" }"#);

/// The hooks that fold, each with an event.
const FOLDING: [(&str, &str); 7] = [
    RESUME,
    (
        "sisyphus-user-prompt-submit",
        r#"{ "hook_event_name": "UserPromptSubmit", "prompt": "hello" }"#,
    ),
    (
        "sisyphus-pre-tool-use",
        r#"{ "hook_event_name": "PreToolUse", "tool_name": "TaskStop", "tool_use_id": "toolu_x", "tool_input": { "task_id": "bx" } }"#,
    ),
    (
        "sisyphus-post-tool-use",
        r#"{ "hook_event_name": "PostToolUse", "tool_name": "TaskStop", "tool_use_id": "toolu_x", "tool_input": { "task_id": "bx" } }"#,
    ),
    ("sisyphus-stop", r#"{ "hook_event_name": "Stop" }"#),
    ("sisyphus-subagent-stop", r#"{ "hook_event_name": "SubagentStop", "agent_id": "a1" }"#),
    ("sisyphus-session-end", r#"{ "hook_event_name": "SessionEnd", "reason": "other" }"#),
];

fn event((_, text): (&str, &str)) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A hook with another temporary folder neither loses a task nor misses its end.
#[test]
fn another_temporary_folder_loses_no_task() {
    in_both(|client| {
        let elsewhere = client.env.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let running = started(client);
        for hook in FOLDING {
            let reply = hook_in(client, &elsewhere, "session-2", hook.0, event(hook));
            assert_eq!(reply, Value::Null, "{hook:?}");
            assert_running(&listed_in(client, &elsewhere));
        }
        // The runner can't make its end known, so it is theirs to find.
        client.env.close_state();
        end(client, running);
        client.env.open_state();
        let active = client.env.state_file("active.json");
        assert_eq!(active["tasks"][0]["status"]["state"], "running", "{active:#}");
        assert_failed(&listed_in(client, &elsewhere));
        let reply = hook_in(client, &elsewhere, "session-1", RESUME.0, event(RESUME));
        assert_told(&told(&reply));
        assert_eq!(client.types(), "", "reported twice");
    });
}

fn aside(path: &Path) -> PathBuf {
    path.with_extension("aside")
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn make_link(path: &Path) {
    fs::rename(path, aside(path)).unwrap();
    symlink(aside(path), path).unwrap();
}

fn remove_link(path: &Path) {
    fs::remove_file(path).unwrap();
    fs::rename(aside(path), path).unwrap();
}

type Change = fn(&Path);

/// Each makes a folder one that is not this user's alone, and takes that back.
const SPOILS: [(&str, Change, Change); 2] = [
    ("open to all", |path| set_mode(path, 0o777), |path| set_mode(path, 0o700)),
    ("a link", make_link, remove_link),
];

/// The hooks report a task outside the sandbox even if a folder below `/tmp` is not ours alone any more. An outside
/// task does not need Claude Code's temporary folder.
#[test]
fn a_spoiled_folder_costs_an_outside_task_nothing() {
    for (what, spoil, mend) in SPOILS {
        for which in [TestEnv::runs, TestEnv::client_tmp] {
            in_both(|client| {
                let folder = which(&client.env);
                println!("{what}: {}", folder.display());
                let running = started(client);
                spoil(&folder);
                assert_running(&client.task());
                assert_eq!((client.types(), client.stops()), (String::new(), String::new()));
                end(client, running);
                assert_told(&client.types());
                assert_failed(&client.task());
                mend(&folder);
                assert_eq!(client.types(), "", "reported twice");
            });
        }
    }
}

/// A process that reconciles does not call a task of another machine lost because its run folder is not here. A
/// container that shares the home but not the kernel reconciles the state too.
#[test]
fn a_task_of_another_machine_is_not_lost() {
    let client = Client::new(sisyphus_testing::Shell::Bash);
    let running = client.background("until [ -e go ]; do sleep 0.02; done; exit 4");
    client.running_task();
    let ours = client.env.state_file("active.json")["tasks"][0]["machine"].clone();
    client.env.edit_state("active.json", |active| {
        active["tasks"][0]["machine"] = json!({ "boot": "of another one", "id": "another" });
    });
    fs::rename(client.run_dir(&running.id), client.env.path().join("run")).unwrap();
    assert_eq!(client.task()["status"], "running");
    // On this machine the folder would be removed, and no Claude Code lives that could announce the result.
    client.env.edit_state("active.json", |active| {
        active["tasks"][0]["machine"] = ours;
        active["tasks"][0]["client"]["process"] = sisyphus_testing::gone_client();
    });
    assert_eq!(client.task()["status"], "lost");
    fs::write(client.env.project().join("go"), "").unwrap();
    running.wait();
}
