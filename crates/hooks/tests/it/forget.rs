//! Calls that never ran are forgotten.

use serde_json::Value;
use sisyphus_testing::TestEnv;

use crate::session::Session;

/// Stop forgets a call that Claude Code denied, and removes its announcement.
#[test]
fn a_denied_call_is_forgotten() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.tell(&session.call(1).before());
    assert_eq!(session.announced().len(), 1);

    session.tell(&session.event("stop.idle"));
    assert_eq!(session.active(), Vec::<Value>::new());
    assert!(!session.announced_dir().exists());
    assert_eq!(session.failed(), Vec::<Value>::new(), "it never was a task");
    assert_eq!(session.types().stdout, "");
}

#[test]
fn a_call_that_the_client_started_is_not_forgotten() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.call(1).starts();
    session.tell(&session.event("stop.shell-running"));
    assert_eq!(session.active().len(), 1);
}

/// Stop keeps the announcement of a subagent's call, and SessionEnd removes it.
#[test]
fn a_subagents_call_outlives_the_main_turn() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.tell(&session.call(1).of_agent("a1").before());
    session.tell(&session.event("stop.subagent-running"));
    assert_eq!(session.announced().len(), 1);

    session.tell(&session.event("session-end.other"));
    assert_eq!(session.active(), Vec::<Value>::new());
    assert!(!session.announced_dir().exists());
}

#[test]
fn another_sessions_call_is_not_forgotten() {
    let env = TestEnv::new();
    let (here, there) = (Session::new(&env), Session::other(&env));
    there.tell(&there.call(1).before());
    here.tell(&here.call(2).before());
    here.tell(&here.event("stop.idle"));
    here.tell(&here.event("session-end.other"));
    assert_eq!((here.announced().len(), there.announced().len()), (0, 1));
}
