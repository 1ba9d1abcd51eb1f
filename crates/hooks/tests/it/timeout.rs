//! The one thing that PreToolUse may change: the time limit of a service, where no other hook rewrites calls.

use std::fs;

use serde_json::{Value, json};
use sisyphus_testing::env::run;
use sisyphus_testing::{Output, TestEnv};

use crate::payload::with;
use crate::session::Session;

/// A session whose SessionStart noted `rewriting`.
fn session<'a>(env: &'a TestEnv, rewriting: &str) -> Session<'a> {
    let session = Session::new(env);
    let folder = env.state().join("sessions");
    fs::create_dir_all(&folder).unwrap();
    let noted = json!({ "version": 1, "rewriting": rewriting }).to_string();
    fs::write(folder.join(format!("{}.json", session.id)), noted).unwrap();
    session
}

fn service(session: &Session<'_>) -> Value {
    with(session.call(1).before(), "/tool_input/command", "npm run dev")
}

/// PreToolUse gives a service Claude Code's longest limit, and leaves every other field of the call as it was.
#[test]
fn a_service_gets_the_longest_limit() {
    let env = TestEnv::new();
    let session = session(&env, "only_ours");
    let odd = json!({ "nested": [1, 2.5, null, { "ü\n": "\"'\\" }], "empty": "" });
    let event = with(service(&session), "/tool_input/of_a_newer_client", odd);
    let mut expected = event["tool_input"].clone();
    expected["timeout"] = 7_200_000.into();
    assert_eq!(
        session.send(&event).json(),
        json!({ "hookSpecificOutput": { "hookEventName": "PreToolUse", "updatedInput": expected } })
    );
    let [task] = session.announced().try_into().unwrap();
    assert_eq!(task["command"], "npm run dev");
    assert_eq!(task["client_limit_ms"], 7_200_000);
    assert_eq!(task["limit_ms"], Value::Null, "no setting asks for a limit");
}

#[test]
fn anything_else_is_left_alone() {
    let payloads = TestEnv::new();
    let ours = session(&payloads, "only_ours");
    let cases = [
        ("a limit was given", with(service(&ours), "/tool_input/timeout", 60_000)),
        ("no service", with(service(&ours), "/tool_input/command", "npm test")),
        ("not certainly a service", with(service(&ours), "/tool_input/command", "npm run dev; ls")),
        // S22: what was repaired when it was read can't be given back as it was.
        ("half a character", with(service(&ours), "/tool_input/description", "\u{fffd}")),
        ("foreground", with(service(&ours), "/tool_input/run_in_background", false)),
    ];
    for (why, event) in cases {
        // Beside another announced call it may have to wait.
        let env = TestEnv::new();
        assert_eq!(session(&env, "only_ours").send(&event).stdout, "", "{why}");
    }
}

#[test]
fn where_others_may_rewrite_calls_none_is_changed() {
    for rewriting in ["maybe_others", "something_new", ""] {
        let env = TestEnv::new();
        let session = session(&env, rewriting);
        assert_eq!(session.send(&service(&session)).stdout, "", "{rewriting}");
        assert_eq!(session.announced().len(), 1, "{rewriting}: announced nevertheless");
    }
    let env = TestEnv::new();
    let unknown = Session::new(&env);
    assert_eq!(unknown.send(&service(&unknown)).stdout, "", "no session file");
    let env = TestEnv::new();
    let ours = session(&env, "only_ours");
    let other = Session::other(&env);
    assert_eq!(other.send(&service(&other)).stdout, "", "the file of another session");
    assert_ne!(ours.send(&service(&ours)).stdout, "");
}

/// Starts the hook of this event as Claude Code in a terminal does.
fn send_attended(session: &Session<'_>, event: &Value) -> Output {
    let name = match event["hook_event_name"].as_str().unwrap() {
        "PreToolUse" => "sisyphus-pre-tool-use",
        _ => "sisyphus-post-tool-use",
    };
    let mut hook = session.env.command(name);
    hook.env("CLAUDE_CODE_SESSION_ATTENDED", "1");
    run(hook, event.to_string().as_bytes())
}

/// S24: in a terminal Claude Code has no limit, so PreToolUse raises none and notes none.
#[test]
fn in_a_terminal_no_limit_is_raised() {
    let env = TestEnv::new();
    let session = session(&env, "only_ours");
    assert_eq!(send_attended(&session, &service(&session)).stdout, "");
    let [task] = session.announced().try_into().unwrap();
    assert_eq!((&task["limit_ms"], &task["client_limit_ms"]), (&Value::Null, &Value::Null));
}

/// S24: in a terminal a call's `timeout` is one for foreground commands: it shortens no limit of a background command.
#[test]
fn in_a_terminal_a_timeout_only_lengthens_our_limit() {
    for (timeout, limit) in
        [(json!(null), 1_800_000), (json!(4_000), 1_800_000), (json!(3_600_000), 3_600_000)]
    {
        let env = TestEnv::new();
        let session = session(&env, "only_ours");
        let event = with(session.call(1).before(), "/tool_input/timeout", timeout.clone());
        assert_eq!(send_attended(&session, &event).stdout, "");
        let [task] = session.announced().try_into().unwrap();
        assert_eq!(
            (&task["limit_ms"], &task["client_limit_ms"]),
            (&json!(limit), &Value::Null),
            "{timeout}"
        );
        let service = with(service(&session), "/tool_input/timeout", timeout.clone());
        assert_eq!(send_attended(&session, &with(service, "/tool_use_id", "toolu_2")).stdout, "");
        assert_eq!(session.announced()[1]["limit_ms"], Value::Null, "{timeout}");
    }
}

/// PostToolUse names our own limit when a command with a runner starts, and only in a terminal.
#[test]
fn our_limit_is_said_at_launch() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let bin = env.state().join("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join(concat!("sisyphus-run-", env!("CARGO_PKG_VERSION"))), "").unwrap();
    let calls = [1, 2, 3].map(|number| session.call(number));
    for call in &calls {
        assert_eq!(send_attended(&session, &call.before()).stdout, "");
    }
    let runner = calls[0].is_attached();
    let said = send_attended(&session, &calls[0].after()).json();
    let said = said["hookSpecificOutput"]["additionalContext"].as_str().unwrap().to_owned();
    assert!(said.starts_with("[sisyphus] Background task t"), "{said}");
    let clause = " has a time limit of 30 min (user setting `sisyphus.task_ttl_minutes`).";
    assert!(said.ends_with(clause) && said.len() < 160, "{said}");
    drop(runner);
    assert_eq!(send_attended(&session, &calls[1].after()).stdout, "", "no runner has it");
    let _runner = calls[2].is_attached();
    assert_eq!(
        session.send(&calls[2].after()).stdout,
        "",
        "without a terminal the hook says nothing"
    );
}
