//! A background command whose equal runs already: PostToolUse says so, or PreToolUse denies it.

use std::fs;

use serde_json::{Value, json};
use sisyphus_testing::{Client, Shell};

use crate::start::feed;

const HELD: &str = "until [ -e go ]; do sleep 0.02; done";

/// What the model reads at the launch of a command.
fn said_at_launch(client: &Client, command: &str) -> String {
    let call = client.announce(command);
    let running = client.start(command);
    let reply = client.bind(call, &running);
    reply["hookSpecificOutput"]["additionalContext"].as_str().unwrap_or_default().to_owned()
}

/// Why a call in this folder is denied; empty if it is not.
fn denied(client: &Client, id: &str, input: Value, folder: &str) -> String {
    let mut event = json!({ "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": id,
                            "cwd": folder, "tool_input": input });
    client.complete(&mut event);
    let mut hook = client.env.command("sisyphus-pre-tool-use");
    hook.env("CLAUDE_PROJECT_DIR", client.env.project());
    let reply = feed(hook, event.to_string().as_bytes()).json();
    let answer = &reply["hookSpecificOutput"];
    assert!(answer["updatedInput"].is_null(), "{reply}");
    answer["permissionDecisionReason"].as_str().unwrap_or_default().to_owned()
}

fn background(command: &str) -> Value {
    json!({ "command": command, "run_in_background": true })
}

/// PostToolUse names the equal command that runs, and no other one.
#[test]
fn the_launch_names_the_equal_that_runs() {
    let mut client = Client::new(Shell::Bash);
    assert_eq!(said_at_launch(&client, HELD), "");
    let id = client.running_task()["id"].as_str().unwrap().to_owned();
    let said = said_at_launch(&client, HELD);
    let expected = format!(
        "[sisyphus] The same command already runs in this folder: {id} (\"a test\"), since "
    );
    assert!(said.starts_with(&expected) && said.ends_with(" s)."), "{said}");
    assert!(!said.contains('\n'), "{said}");
    assert_eq!(said_at_launch(&client, &format!("{HELD}; true")), "");
    client.switch("another-session");
    let said = said_at_launch(&client, HELD);
    assert!(said.contains(&format!("{id} (\"a test\") of another session, since ")), "{said}");
    fs::write(client.env.project().join("go"), "").unwrap();
}

/// With `deny_duplicates`, PreToolUse denies the background command until its equal has ended, and nothing else.
#[test]
fn a_setting_denies_the_equal_until_it_ends() {
    let client = Client::new(Shell::Bash);
    let folder = client.env.project().to_string_lossy().into_owned();
    let running = client.background(HELD);
    client.running_task();
    assert_eq!(denied(&client, "toolu_a", background(HELD), &folder), "", "it is off");
    client.env.set(&json!({ "deny_duplicates": true }));
    let reason = denied(&client, "toolu_b", background(HELD), &folder);
    assert!(
        reason.starts_with("[sisyphus] Not started (setting `sisyphus.deny_duplicates`): "),
        "{reason}"
    );
    assert!(!client.announced_dir().join("toolu_b.json").exists(), "it is announced");
    for (id, input, folder) in [
        ("toolu_c", json!({ "command": HELD }), folder.as_str()),
        ("toolu_d", background("npm test"), &folder),
        ("toolu_e", background(HELD), "/home/dev/other"),
    ] {
        assert_eq!(denied(&client, id, input, folder), "", "{id}");
    }
    fs::write(client.env.project().join("go"), "").unwrap();
    running.wait();
    assert_eq!(denied(&client, "toolu_f", background(HELD), &folder), "");
}

/// A project may turn it on, and not off.
#[test]
fn a_project_may_turn_the_denial_on() {
    let client = Client::new(Shell::Bash);
    let folder = client.env.project();
    let settings = folder.join(".claude/settings.json");
    fs::create_dir_all(settings.parent().unwrap()).unwrap();
    client.background(HELD);
    client.running_task();
    let folder = folder.to_string_lossy().into_owned();
    let is_denied = |id| !denied(&client, id, background(HELD), &folder).is_empty();
    fs::write(&settings, r#"{"sisyphus.deny_duplicates": true}"#).unwrap();
    assert!(is_denied("toolu_a"));
    client.env.set(&json!({ "deny_duplicates": true }));
    fs::write(&settings, r#"{"sisyphus.deny_duplicates": false}"#).unwrap();
    assert!(is_denied("toolu_b"));
    fs::write(client.env.project().join("go"), "").unwrap();
}
