//! What a command's end is called when a signal had to do with it, and what it leaves behind.

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, Process};

use crate::support::{fixture, in_both, kill_as_stranger};

/// Starts a background command that dies of the first TERM.
fn mortal(client: &Client) -> Running {
    let running = client.background(&format!("echo ready; exec {} 3600", fixture(client, "sleep")));
    running.wait_for_line("ready");
    client.running_task();
    running
}

/// The model asks for a stop, `seconds` ago; then its shell dies by a TERM.
fn die_after_being_asked(client: &Client, seconds: i64) -> Value {
    let running = mortal(client);
    let stop = json!({ "hook_event_name": "PreToolUse", "tool_name": "TaskStop", "tool_use_id": "toolu_stop", "tool_input": { "task_id": running.id } });
    assert_eq!(client.hook("sisyphus-pre-tool-use", stop), Value::Null);
    let at = chrono::Utc::now() - chrono::Duration::seconds(seconds);
    client.env.edit_state("active.json", |active| {
        let asked = &mut active["tasks"][0]["stop_asked"];
        assert_eq!(asked["by"], "model");
        asked["at"] = json!(at);
    });
    running.command().signal(Signal::SIGTERM);
    running.wait();
    client.task()
}

#[test]
fn a_stop_that_was_denied_explains_no_later_death() {
    in_both(|client| {
        let task = die_after_being_asked(client, 60);
        let expected = (&json!("killed"), &json!(15), &json!(null));
        assert_eq!((&task["status"], &task["signal"], &task["by"]), expected, "{task:#}");
        let text = client.types();
        assert!(text.contains("was killed by signal 15 (SIGTERM) after "), "{text:?}");
    });
}

/// If the model has just asked for a stop, the runner records the same death as cancelled by the model.
#[test]
fn a_recent_stop_request_explains_a_death() {
    in_both(|client| {
        let task = die_after_being_asked(client, 1);
        assert_eq!((&task["status"], &task["by"]), (&json!("cancelled"), &json!("model")));
        assert_eq!(client.types(), "", "the model knows");
    });
}

/// If a command takes a foreign TERM as a hint and exits, the runner records that it completed.
#[test]
fn a_command_may_take_a_foreign_term_as_a_hint() {
    in_both(|client| {
        let command =
            "trap 'exit 0' TERM; echo ready; until [ -e stop ]; do sleep 0.02; done; exit 7";
        let running = client.background(command);
        running.wait_for_line("ready");
        kill_as_stranger(running.process, "TERM");
        assert_eq!(running.wait().status.code(), Some(0));
        let task = client.task();
        assert_eq!((&task["status"], &task["exit_code"]), (&json!("completed"), &json!(0)));
        let text = client.types();
        assert!(text.contains("completed with exit code 0 after "), "{text:?}");
        client.ends();
        assert_eq!(client.env.state_file("completed.json")["tasks"][0]["id"], task["id"]);
    });
}

/// If a command dies of a foreign TERM, the runner records that a signal from outside stopped it.
#[test]
fn death_by_a_foreign_term_is_a_stop_from_outside() {
    in_both(|client| {
        let running = mortal(client);
        kill_as_stranger(running.process, "TERM");
        assert!(!running.wait().status.success());
        let task = client.task();
        let expected = (&json!("cancelled"), &json!("unknown"), &json!(null));
        assert_eq!((&task["status"], &task["by"], &task["exit_code"]), expected, "{task:#}");
        let text = client.types();
        assert!(text.contains("was stopped by a signal from outside after "), "{text:?}");
    });
}

/// Runs a command that starts `child` in the background, waits until that is the sleep that it is to be, and ends.
/// Returns what its record says of processes left behind.
fn left_by(client: &Client, child: &str) -> Value {
    let running = client.background(&format!(
        "{child} & child=$!; until [ \"$(cat /proc/$child/comm)\" = fixture-sleep ]; do :; done; echo $child"
    ));
    let finished = running.wait();
    let child = Process::of(finished.text().trim().parse().unwrap());
    let child = child.unwrap_or_else(|| panic!("it left nothing running: {finished:?}"));
    child.signal(Signal::SIGKILL);
    let active = client.env.state_file("active.json");
    assert_eq!(client.task()["status"], "completed", "{active:#}");
    active["tasks"][0]["status"]["survivors"].clone()
}

/// The runner counts and names a process that a command left running.
#[test]
fn a_process_left_running_is_a_survivor() {
    in_both(|client| {
        let survivors = left_by(client, &format!("{} 60", fixture(client, "sleep")));
        assert_eq!(survivors, json!({ "count": 1, "names": ["fixture-sleep"] }));
    });
}

/// The runner does not count a process that went into a session of its own.
#[test]
fn a_detached_process_is_no_survivor() {
    in_both(|client| {
        let survivors = left_by(client, &format!("setsid {} 60", fixture(client, "sleep")));
        assert_eq!(survivors, json!(null));
    });
}
