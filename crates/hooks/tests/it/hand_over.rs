//! `/clear`: another conversation is on the screen, and Claude Code's tasks go on.

use serde_json::Value;
use sisyphus_testing::TestEnv;

use crate::payload::with;
use crate::session::Session;
use crate::start::{binary_of, feed, log, told};

fn ends(session: &Session<'_>, reason: &str) {
    session.tell(&with(session.event("session-end.other"), "/reason", reason));
}

fn start_of(session: &Session<'_>) -> Value {
    with(session.event("session-start.resume"), "/source", "clear")
}

/// A command that runs with this test as its runner; `end` ends it.
fn runs<'a>(session: &'a Session<'_>) -> impl FnOnce() + use<'a> {
    let call = session.call(1);
    session.tell(&call.before());
    let lock = call.is_attached();
    session.tell(&call.after());
    call.is_started();
    move || {
        session.call(1).has_ended(4, 0);
        drop(lock);
    }
}

#[test]
fn what_runs_is_told_in_the_conversation_that_goes_on() {
    let env = TestEnv::new();
    let (before, after) = (Session::new(&env), Session::other(&env));
    let end = runs(&before);
    before.call(1).prints("its lines\n");
    ends(&before, "clear");
    let table = told(&after.send(&start_of(&after)));
    assert!(table.contains("(\"run slow test\") still running since "), "{table}");
    end();
    // The notice names a file of the conversation before.
    let report = told(&after.submits(&before.call(1).notice()));
    assert!(report.contains("failed with exit code 4"), "{report}");
    assert!(report.contains("| its lines"), "{report}");
    assert!(report.ends_with("No other background command is running."), "{report}");
    assert_eq!(after.failed().len(), 1);
    assert_eq!(told(&before.types()), "");
    assert_eq!(log(&env), "");
}

#[test]
fn what_has_ended_untold_goes_along() {
    let env = TestEnv::new();
    let (before, after) = (Session::new(&env), Session::other(&env));
    runs(&before)();
    ends(&before, "clear");
    let report = told(&after.send(&start_of(&after)));
    assert!(report.contains("failed with exit code 4"), "{report}");
    // Its notice comes late.
    let notice = after.submits(&before.call(1).notice());
    assert_eq!(notice.json()["decision"], "block", "{notice:?}");
    let reason = notice.json()["reason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("sisyphus: \""), "{reason}");
    assert!(reason.contains("\" failed with exit code 4"), "{reason}");
    assert!(reason.ends_with("; Claude knows"), "{reason}");
    assert_eq!((before.owed().len(), told(&before.types())), (0, String::new()));
}

/// SessionStart takes over no task of another Claude Code process or of a conversation that ended without `/clear`.
#[test]
fn only_clear_in_one_client_hands_over() {
    let env = TestEnv::new();
    let (before, after) = (Session::new(&env), Session::other(&env));
    let end = runs(&before);
    ends(&before, "clear");
    let mut stranger = env.plain("sh");
    stranger
        .arg("-c")
        .arg("\"$0\"; exit")
        .arg(env.command(&binary_of("SessionStart")).get_program());
    let output = feed(stranger, start_of(&after).to_string().as_bytes());
    assert_eq!(told(&output), "");
    end();
    assert!(told(&before.types()).contains("failed with exit code 4"));

    let env = TestEnv::new();
    let (before, after) = (Session::new(&env), Session::other(&env));
    let _end = runs(&before);
    ends(&before, "other");
    assert_eq!(told(&after.send(&start_of(&after))), "");
    assert_eq!(before.active().len(), 1);
}
