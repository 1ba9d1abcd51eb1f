//! The one thing that PreToolUse may change: the time limit of a service, where nobody else rewrites calls.

use std::fs;

use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

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

#[test]
fn a_service_gets_the_clients_longest_limit_and_everything_else_as_it_was() {
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
    assert_eq!(task["limit_ms"], Value::Null, "nobody asked for a limit");
}

#[test]
fn anything_else_is_left_alone() {
    let env = TestEnv::new();
    let ours = session(&env, "only_ours");
    let cases = [
        ("a limit was given", with(service(&ours), "/tool_input/timeout", 60_000)),
        ("no service", with(service(&ours), "/tool_input/command", "npm test")),
        ("not certainly a service", with(service(&ours), "/tool_input/command", "npm run dev; ls")),
        ("foreground", with(service(&ours), "/tool_input/run_in_background", false)),
    ];
    for (why, event) in cases {
        assert_eq!(ours.send(&event).stdout, "", "{why}");
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
