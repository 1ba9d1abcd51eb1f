//! A killed Claude Code announces no result.

use serde_json::Value;
use sisyphus_testing::TestEnv;

use crate::session::Session;
use crate::start::{binary_of, feed, is_swallowed, log, told};

/// Sends an event to its hook as a Claude Code that exits right after: the parent of the hook is a process of its own.
fn last_words(session: &Session<'_>, event: &Value) {
    let hook = session.env.command(&binary_of(event["hook_event_name"].as_str().unwrap()));
    let mut client = session.env.plain("sh");
    // More than one command, or the shell would become the hook.
    client.args(["-c", "\"$0\"; :"]).arg(hook.get_program());
    assert_eq!(feed(client, event.to_string().as_bytes()).stdout, "");
}

/// The next hook calls a command lost that only a killed Claude Code watched. SessionStart reports it at the resume.
#[test]
fn an_observed_command_is_lost_with_its_client() {
    let env = TestEnv::new();
    let (session, other) = (Session::new(&env), Session::other(&env));
    other.tell(&other.call(2).of_command("make").after());
    session.call(1).prints("compiling\n");
    last_words(&session, &session.call(1).after());
    assert_eq!(session.active()[0]["status"]["watch"], "observed");

    assert_eq!(told(&other.types()), "");
    assert_eq!(session.active(), [Value::Null; 0]);
    assert_eq!(session.failed()[0]["status"]["outcome"], "lost");
    assert_eq!(other.active().len(), 1, "its client lives");

    let resumed = told(&session.send(&session.event("session-start.resume")));
    let lost = "was lost, exit code unknown: only Claude Code watched it, and its session ended; it may still run";
    assert!(resumed.contains(lost) && resumed.contains("| compiling\n"), "{resumed}");
    // In the same conversation Claude Code sends a notice of its own for it.
    let notice = session.call(1).notice_of("killed", "ended: no completion record was found");
    assert!(is_swallowed(&session.submits(&notice)));
    assert_eq!(told(&session.types()), "");
    assert_eq!(log(&env), "");
}

#[test]
fn a_session_that_goes_on_is_not_told_that_it_runs() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    last_words(&session, &session.call(1).after());
    let resumed = told(&session.send(&session.event("session-start.resume")));
    assert!(resumed.contains("was lost") && !resumed.contains("has not finished"), "{resumed}");
}

#[test]
fn what_has_a_runner_outlives_the_client() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.tell(&session.call(1).before());
    let _runner = session.call(1).is_attached();
    last_words(&session, &session.call(1).after());
    assert_eq!(told(&Session::other(&env).types()), "");
    assert_eq!(session.active().len(), 1);
}
