//! Hooks do not report a result that the model has read to its end. They report any other.

use serde_json::{Value, json};
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, Shell, wait_until};

use crate::model::{Model, announced, held, let_go};

/// Whether the hook still adds the result to Claude Code's notice.
fn is_told(client: &Client, running: &Running) -> bool {
    let reply = announced(client, running, 3);
    let context = &reply["hookSpecificOutput"]["additionalContext"];
    let is_told = context.as_str().is_some_and(|text| text.contains("failed with exit code 3"));
    assert_eq!(is_told, reply["decision"] != "block", "{reply}");
    is_told
}

fn read(client: &Client, arguments: Value) -> bool {
    let running = client.background("seq 2000; exit 3");
    let model = Model::of(client);
    let mut request = json!({ "task_id": running.id, "block": true });
    for (key, value) in arguments.as_object().unwrap() {
        request[key] = value.clone();
    }
    assert_eq!(model.output(request).good().data["exit_code"], 3);
    is_told(client, &running)
}

#[test]
fn what_was_read_to_its_end_is_delivered() {
    let cases = [
        (json!({}), false),
        (json!({ "since": 0, "max_chars": 50_000 }), false),
        (json!({ "since": 8_000 }), false),
        // Not the end, and not enough of it.
        (json!({ "since": 0, "max_chars": 500 }), true),
        (json!({ "max_chars": 500 }), true),
    ];
    for (arguments, told) in cases {
        let client = Client::new(Shell::Bash);
        assert_eq!(read(&client, arguments.clone()), told, "{arguments}");
    }
}

#[test]
fn the_status_of_a_running_command_is_no_result() {
    let client = Client::new(Shell::Bash);
    let running = client.background(&held(3));
    running.wait_for_line("ready");
    let model = Model::of(&client);
    assert_eq!(model.output(json!({ "task_id": running.id })).good().data["ended"], false);
    let_go(&client);
    wait_until("its end", || !running.process.is_alive());
    assert!(is_told(&client, &running));
}

/// The server leaves a result owed if another session or a subagent reads it.
#[test]
fn a_strangers_reading_leaves_it_owed() {
    let client = Client::new(Shell::Bash);
    let running = client.background("exit 3");
    let other = Model::start(&client.env, Some("session-2"));
    let request = json!({ "task_id": running.id, "block": true });
    assert_eq!(other.output(request.clone()).good().data["exit_code"], 3);
    let model = Model::of(&client);
    let own = "mcp__plugin_sisyphus_tasks__background_output";
    for agent in ["a1", "name@team"] {
        let call = json!({ "hook_event_name": "PreToolUse", "tool_name": own, "tool_use_id": "toolu_sub",
                           "tool_input": {}, "agent_id": agent });
        client.hook("sisyphus-pre-tool-use", call);
        model.call_as("background_output", request.clone(), Some("toolu_sub")).good();
    }
    assert!(is_told(&client, &running));
}

#[test]
fn the_command_line_counts_as_well() {
    let client = Client::new(Shell::Bash);
    for (arguments, told) in [(["show"], false), (["wait"], false), (["output"], true)] {
        let running = client.background("exit 3");
        let mut command = client.env.command("sisyphus");
        let id = running.id.clone();
        // Its end first: `show` does not wait for it.
        assert_eq!(client.env.run("sisyphus", &["wait", &id]).code, Some(1));
        command.args(arguments).arg(&id).env("CLAUDE_CODE_SESSION_ID", "session-1");
        let output = sisyphus_testing::env::run(command, b"");
        assert_ne!(output.stdout.is_empty(), arguments != ["output"], "{output:?}");
        assert_eq!(is_told(&client, &running), told, "{arguments:?}");
    }
}
