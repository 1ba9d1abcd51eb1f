//! A command that prints nothing: the hooks report that once, where the user wants it.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sisyphus_testing::{Client, Shell, told};

const COMMAND: &str = "echo once; until [ -e go ]; do sleep 0.02; done";

/// Makes it so that the only command started, and last printed, so many minutes ago.
fn silent_for(client: &Client, output: &std::path::Path, minutes: u64) {
    let then = SystemTime::now() - Duration::from_secs(minutes * 60);
    File::options().write(true).open(output).unwrap().set_modified(then).unwrap();
    let path = client.env.state().join("active.json");
    let mut active: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let started = chrono::Utc::now() - chrono::Duration::minutes(60);
    active["tasks"][0]["status"]["started_at"] = json!(started);
    fs::write(path, active.to_string()).unwrap();
}

fn types(client: &Client) -> String {
    told(&client.hook(
        "sisyphus-user-prompt-submit",
        json!({ "hook_event_name": "UserPromptSubmit", "prompt": "and now?" }),
    ))
}

#[test]
fn a_silent_command_is_told_once_and_goes_on() {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "stale_minutes": 5 }));
    let running = client.background(COMMAND);
    running.wait_for_line("once");
    client.running_task();
    silent_for(&client, &running.output, 4);
    assert_eq!((client.calls(), types(&client)), (String::new(), String::new()));
    silent_for(&client, &running.output, 6);
    let text = client.calls();
    assert!(text.contains("is still running and has printed nothing for 6 min"), "{text:?}");
    assert_eq!((client.calls(), types(&client)), (String::new(), String::new()));
    assert!(running.process.is_alive());
    fs::write(client.env.project().join("go"), "").unwrap();
    assert_eq!(running.wait().status.code(), Some(0));
}

#[test]
fn nobody_is_told_who_did_not_ask() {
    let client = Client::new(Shell::Bash);
    let running = client.background(COMMAND);
    running.wait_for_line("once");
    client.running_task();
    silent_for(&client, &running.output, 59);
    assert_eq!((client.calls(), types(&client)), (String::new(), String::new()));
    fs::write(client.env.project().join("go"), "").unwrap();
    running.wait();
}
