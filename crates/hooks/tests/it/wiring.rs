//! `hooks/hooks.json`: what Claude Code starts for which event, and that each of them answers well.

use std::path::PathBuf;

use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

use crate::payload::names;
use crate::session::Session;
use crate::start::{HOOKS, binary_of, feed};

const BIN: &str = "${CLAUDE_PLUGIN_ROOT}/hooks/bin/";

fn wiring() -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../hooks/hooks.json");
    let text = std::fs::read_to_string(path).expect("hooks.json");
    serde_json::from_str(&text).expect("hooks.json is JSON")
}

/// The binaries that Claude Code starts for an event and waits for. A matcher of names with `|` is a list; no matcher
/// means all tools.
fn started_for(wiring: &Value, event: &Value) -> Vec<String> {
    let name = event["hook_event_name"].as_str().expect("a name");
    let tool = event["tool_name"].as_str();
    let entries = wiring["hooks"][name].as_array().cloned().unwrap_or_default();
    let matching = entries.iter().filter(|entry| match (entry["matcher"].as_str(), tool) {
        (None, _) => true,
        (Some(matcher), Some(tool)) => matcher.split('|').any(|name| name == tool),
        (Some(_), None) => false,
    });
    let hooks = matching.flat_map(|entry| entry["hooks"].as_array().cloned().unwrap_or_default());
    // Claude Code goes on while the waiter runs.
    hooks.filter(|hook| hook["asyncRewake"] != true).map(|hook| binary(&hook)).collect()
}

fn binary(hook: &Value) -> String {
    assert_eq!(hook["type"], "command", "{hook}");
    assert_eq!(hook["args"], json!([]), "exec form, no shell: {hook}");
    let command = hook["command"].as_str().expect("a command");
    command.strip_prefix(BIN).unwrap_or_else(|| panic!("{command} is not ours")).to_owned()
}

/// Each recorded event starts at most the hook of its name, which changes no call and prints no error.
#[test]
fn every_recorded_event_starts_its_hook() {
    let wiring = wiring();
    let mut met = Vec::new();
    for name in names() {
        let env = TestEnv::new();
        let event = Session::new(&env).event(&name);
        let started = started_for(&wiring, &event);
        assert!(started.len() <= 1, "{name}: {started:?}");
        for binary in started {
            assert_eq!(binary, binary_of(event["hook_event_name"].as_str().unwrap()), "{name}");
            // Exit code, shape and permission are judged on every answer, in `start`.
            let output = feed(env.command(&binary), event.to_string().as_bytes());
            let updated = output.json().pointer("/hookSpecificOutput/updatedInput").cloned();
            assert_eq!(updated, None, "{name}: nothing recorded here is a service");
            assert_eq!(output.stderr, "", "{name}");
            met.push(binary);
        }
    }
    for (event, _) in HOOKS {
        assert!(met.contains(&binary_of(event)), "no payload meets {event}");
    }
}

/// Claude Code starts no hook of ours for events and tools that do not concern us.
#[test]
fn foreign_events_and_tools_start_nothing() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let wiring = wiring();
    let idle: Vec<String> = names()
        .into_iter()
        .filter(|name| started_for(&wiring, &session.event(name)).is_empty())
        .collect();
    assert_eq!(
        idle,
        [
            "permission-request.bash",
            "post-tool-batch",
            "post-tool-use-failure.bash",
            "user-prompt-expansion.skill",
        ]
    );
    for event in ["PreToolUse", "PostToolUse"] {
        for tool in ["Read", "BashOutput", "bash", "mcp__x__Bash", ""] {
            let event = json!({ "hook_event_name": event, "tool_name": tool });
            assert_eq!(started_for(&wiring, &event), Vec::<String>::new(), "{event}");
        }
        for tool in ["Bash", "PowerShell", "TaskStop", "KillShell", "Agent", "Task"] {
            let event = json!({ "hook_event_name": event, "tool_name": tool });
            assert_eq!(started_for(&wiring, &event).len(), 1, "{event}");
        }
        for tool in
            ["background_list", "background_output", "background_watch", "background_cancel"]
        {
            let tool = format!("mcp__plugin_sisyphus_tasks__{tool}");
            let event = json!({ "hook_event_name": event, "tool_name": tool });
            let expected = usize::from(event["hook_event_name"] == "PreToolUse");
            assert_eq!(started_for(&wiring, &event).len(), expected, "{event}");
        }
    }
}

/// Claude Code refuses a second module (CC-84), and says an error for one that is missing.
#[test]
fn the_one_module_exists() {
    let wiring = wiring();
    let modules = wiring["modules"].as_array().expect("modules");
    let [module] = modules.as_slice() else { panic!("{modules:?}") };
    let hooks = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../hooks");
    let text = std::fs::read_to_string(hooks.join(module.as_str().unwrap())).unwrap();
    assert!(text.contains("export function register(on) {"));
}

/// `hooks.json` has an entry for each event with a hook, for no other event, and for no tool twice.
#[test]
fn nothing_is_wired_twice() {
    let wiring = wiring();
    let events = wiring["hooks"].as_object().expect("events");
    let mut names: Vec<&str> = events.keys().map(String::as_str).collect();
    let mut expected: Vec<&str> = HOOKS.iter().map(|(event, _)| *event).collect();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
    for (event, entries) in events {
        // Each entry has one hook that Claude Code waits for, and no tool is in two entries.
        let mut matched: Vec<&str> = Vec::new();
        for entry in entries.as_array().expect("entries") {
            let hooks = entry["hooks"].as_array().unwrap();
            let waiters: Vec<&Value> =
                hooks.iter().filter(|hook| hook["asyncRewake"] == true).collect();
            assert_eq!(hooks.len() - waiters.len(), 1, "{event}");
            let expected: &[&str] = if event == "Stop" { &["sisyphus-wake"] } else { &[] };
            assert_eq!(waiters.into_iter().map(binary).collect::<Vec<_>>(), expected, "{event}");
            matched.extend(entry["matcher"].as_str().unwrap_or_default().split('|'));
        }
        let tools = matched.len();
        matched.sort_unstable();
        matched.dedup();
        assert_eq!(matched.len(), tools, "{event}");
    }
}
