//! `background_list`, and how the server declares its tools.

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sisyphus_testing::files::set_mode;
use sisyphus_testing::{Client, Shell, TestEnv, wait_until};

use crate::model::{Model, held};

fn names(data: &Value) -> Vec<(String, String)> {
    let text = |task: &Value, key: &str| task[key].as_str().unwrap_or_default().to_owned();
    let tasks = data["tasks"].as_array().unwrap();
    tasks.iter().map(|task| (text(task, "description"), text(task, "status"))).collect()
}

fn pair(description: &str, status: &str) -> (String, String) {
    (description.to_owned(), status.to_owned())
}

/// The server declares five tools with schemas of what they take and answer.
#[test]
fn the_declaration_of_five_tools() {
    let env = TestEnv::new();
    let tools = Model::start(&env, None).tools();
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_ref()).collect();
    assert_eq!(
        names,
        [
            "background_list",
            "background_output",
            "background_watch",
            "background_cancel",
            "delegate_task"
        ]
    );
    for tool in &tools {
        let name = &tool.name;
        let output = tool.output_schema.as_ref().unwrap_or_else(|| panic!("{name}"));
        assert_eq!(
            (&output["type"], &tool.input_schema["type"]),
            (&json!("object"), &json!("object"))
        );
        assert_eq!(tool.input_schema["additionalProperties"], false, "{name}");
        let schemas = json!([tool.input_schema, output]).to_string();
        assert!(!schemas.contains("\"format\""), "Claude Code complains about it: {schemas}");
        for property in tool.input_schema["properties"].as_object().unwrap().values() {
            assert!(property["description"].is_string(), "{name}: {property}");
        }
        let annotations = tool.annotations.as_ref().unwrap();
        let acts = name == "background_cancel" || name == "delegate_task";
        assert_eq!(annotations.read_only_hint, Some(!acts), "{name}");
        assert_eq!(annotations.destructive_hint, acts.then_some(true), "{name}");
        assert_eq!(annotations.open_world_hint, Some(false), "{name}");
    }
}

/// `background_list` lists the session of its caller, unless the call asks for another one.
#[test]
fn the_own_session_is_listed_by_default() {
    let mut client = Client::new(Shell::Bash);
    let running = client.background_with(&held(0), json!({ "description": "mine | still" }));
    client.background_with("exit 3", json!({ "description": "mine" })).wait();
    client.switch("session-2");
    client.background_with("true", json!({ "description": "theirs" })).wait();
    client.wait_until_running(&running);

    let model = Model::of(&client);
    let answer = model.list(json!({})).good();
    assert_eq!(names(&answer.data), [pair("mine | still", "running"), pair("mine", "failed")]);
    assert_eq!(answer.data["session"], "session-1");
    assert_eq!(answer.data["tasks"][1]["exit_code"], 3);
    assert_eq!(answer.data["tasks"][0]["client_id"], running.id.as_str());
    assert!(answer.text.contains("| mine \\| still | running | "), "{}", answer.text);
    assert!(answer.text.contains("| mine | failed(3) | "), "{}", answer.text);

    let cases = [
        (json!({ "session": "all" }), 3),
        (json!({ "session": "session-2" }), 1),
        (json!({ "session": "all", "status": "completed" }), 1),
        (json!({ "status": "live" }), 1),
        (json!({ "status": "ended" }), 1),
        (json!({ "status": "queued" }), 0),
        (json!({ "status": "failed" }), 1),
        (json!({ "status": "error" }), 1),
    ];
    for (arguments, count) in cases {
        let answer = model.list(arguments.clone()).good();
        assert_eq!(names(&answer.data).len(), count, "{arguments}: {}", answer.text);
    }
    let words = model.tools()[0].input_schema["properties"]["status"]["enum"].clone();
    assert!(words.as_array().unwrap().contains(&json!("error")), "{words}");
    let error = model.list(json!({ "session": "session-7" })).error();
    assert!(error.starts_with("background_list: no session `session-7` has a task"), "{error}");
}

#[test]
fn the_session_of_a_call_is_the_one_that_the_hook_saw() {
    let mut client = Client::new(Shell::Bash);
    client.background_with("true", json!({ "description": "before /clear" })).wait();
    client.switch("session-2");
    client.background_with("true", json!({ "description": "after" })).wait();
    // The server was started in the first session and goes on.
    let model = Model::of(&client);
    let reply = client.hook(
        "sisyphus-pre-tool-use",
        json!({ "hook_event_name": "PreToolUse", "tool_use_id": "toolu_own", "tool_input": {},
                "tool_name": "mcp__plugin_sisyphus_tasks__background_list" }),
    );
    assert_eq!(reply, Value::Null);
    let answer = model.call_as("background_list", json!({}), Some("toolu_own")).good();
    assert_eq!(names(&answer.data), [pair("after", "completed")]);
    // It was said of one call.
    let answer = model.call_as("background_list", json!({}), Some("toolu_own")).good();
    assert_eq!(names(&answer.data), [pair("before /clear", "completed")]);
}

#[test]
fn without_a_session_all_are_listed_and_that_is_said() {
    let client = Client::new(Shell::Bash);
    client.background("true").wait();
    let model = Model::start(&client.env, None);
    let answer = model.list(json!({})).good();
    assert_eq!((&answer.data["session"], names(&answer.data).len()), (&json!("all"), 1));
    let note = answer.data["note"].as_str().unwrap();
    assert!(note.contains("all sessions of this user") && answer.text.contains(note), "{note}");
    let error = model.cancel(json!({ "all": true })).error();
    assert!(error.contains("name the task"), "{error}");
}

/// A task that waits has a place, but not in a queue that the server can't read.
#[test]
fn an_unreadable_queue_gives_no_place() {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "max_background_tasks": 1 }));
    client.wait_until_running(&client.background(&held(0)));
    let waiting = client.background("true");
    let model = Model::of(&client);
    let waits = || model.list(json!({ "status": "queued" })).good().data["tasks"][0].clone();
    wait_until("a place", || waits()["place_in_line"] == 1);
    // Its runner must not leave the queue meanwhile.
    waiting.process.signal(Signal::SIGSTOP);
    set_mode(client.env.runtime(), 0o755).unwrap();
    let task = waits();
    assert_eq!((&task["status"], &task["place_in_line"]), (&json!("queued"), &Value::Null));
}

/// What waits for another task is queued in texts and for a question, as on the command line. Its data says `pending`.
#[test]
fn a_chained_command_is_called_queued() {
    let client = Client::new(Shell::Bash);
    let first = client.background(&held(0));
    client.wait_until_running(&first);
    let after = ["run", "--detach", "--after", &first.id, "--description", "next", "--", "true"];
    let made = client.env.run("sisyphus", &after);
    assert_eq!(made.code, Some(0), "{made:?}");
    let model = Model::of(&client);
    let answer = model.list(json!({ "session": "all", "status": "queued" })).good();
    assert_eq!(names(&answer.data), [pair("next", "pending")]);
    assert!(answer.text.contains("| next | queued | "), "{}", answer.text);
    let shown = model.output(json!({ "task_id": made.stdout.trim() })).good();
    assert!(shown.text.contains("| Status | **queued** |"), "{}", shown.text);
    let stopped = model.cancel(json!({ "task_id": made.stdout.trim() })).good();
    assert!(stopped.text.contains(" | queued | "), "{}", stopped.text);
    assert_eq!(stopped.data["tasks"][0]["status_before"], "pending");
}
