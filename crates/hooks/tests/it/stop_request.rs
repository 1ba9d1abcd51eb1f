//! A hook notes that the model requested a stop, before the stop happens.

use serde_json::Value;
use sisyphus_testing::TestEnv;

use crate::payload::with;
use crate::session::Session;
use crate::start::is_swallowed;

#[test]
fn task_stop_is_noted_as_the_models_wish() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let other = Session::other(&env);
    for it in [&session, &other] {
        it.call(1).starts();
        it.call(2).starts();
    }
    session.tell(&session.call(1).stop("pre-tool-use.task-stop"));
    let asked: Vec<Value> =
        session.active().iter().map(|task| task["stop_asked"]["by"].clone()).collect();
    assert_eq!(asked, [Value::from("model"), Value::Null]);
    assert!(other.active().iter().all(|task| task["stop_asked"].is_null()));
}

#[test]
fn the_older_name_of_task_stop_is_understood() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.call(1).starts();
    let mut event = session.event("pre-tool-use.task-stop");
    event["tool_name"] = "KillShell".into();
    event["tool_input"] = serde_json::json!({ "shell_id": "b1" });
    session.tell(&event);
    assert_eq!(session.active()[0]["stop_asked"]["by"], "model");
}

/// UserPromptSubmit files a task that the model stopped as cancelled by the model, and does not report it.
#[test]
fn a_task_that_the_model_stopped_is_not_reported() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    call.starts();
    session.tell(&call.stop("pre-tool-use.task-stop"));
    assert_eq!(session.submits(&call.notice_of("killed", "was stopped")).stdout, "");
    let [task] = session.failed().try_into().unwrap();
    assert_eq!(task["status"]["outcome"], "cancelled");
    assert_eq!(task["status"]["by"], "model");
    assert!(is_swallowed(&session.submits(&call.notice_of("killed", "was stopped"))));
}

/// If the model stopped an observed task, PostToolUse of TaskStop ends it without a notice.
#[test]
fn a_stopped_observed_task_needs_no_notice() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    session.tell(&call.after());
    session.tell(&call.stop("pre-tool-use.task-stop"));
    session.tell(&call.stop("post-tool-use.task-stop"));
    assert_eq!(session.active(), Vec::<Value>::new());
    assert_eq!(session.failed()[0]["status"]["by"], "model");
}

/// If the model stops a call that no runner claimed, PostToolUse of TaskStop ends it.
#[test]
fn an_unclaimed_call_ends_when_stopped() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    call.starts();
    session.tell(&call.stop("pre-tool-use.task-stop"));
    session.tell(&call.stop("post-tool-use.task-stop"));
    assert_eq!(session.active(), Vec::<Value>::new());
    assert_eq!(session.failed()[0]["status"]["by"], "model");
}

/// SessionEnd notes a stop request on each running task of its session, and keeps that of the model.
#[test]
fn session_end_keeps_the_models_stop() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let other = Session::other(&env);
    let (stopped, running, elsewhere) = (session.call(1), session.call(2), other.call(3));
    let _runners = [&stopped, &running, &elsewhere].map(|call| {
        call.starts();
        call.is_attached()
    });
    session.tell(&stopped.stop("pre-tool-use.task-stop"));
    session.tell(&session.event("session-end.prompt-input-exit"));
    let asked: Vec<Value> =
        session.active().iter().map(|task| task["stop_asked"]["by"].clone()).collect();
    assert_eq!(asked, ["model", "session_end"]);
    assert_eq!(other.active()[0]["stop_asked"], Value::Null);
}

/// SessionEnd closes as lost what only Claude Code watched in this session.
#[test]
fn session_end_closes_observed_tasks() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let other = Session::other(&env);
    session.call(1).starts();
    session.tell(&session.call(2).after());
    other.call(3).of_command("make").starts();
    session.tell(&session.event("session-end.other"));
    assert_eq!(session.active(), Vec::<Value>::new());
    let outcomes: Vec<Value> =
        session.failed().iter().map(|task| task["status"]["outcome"].clone()).collect();
    assert_eq!(outcomes, ["lost", "lost"]);
    assert_eq!(other.active().len(), 1);
}

#[test]
fn a_cleared_conversation_ends_nothing_that_runs() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.call(1).starts();
    session.tell(&session.call(2).after());
    let _runner = session.call(1).is_attached();
    session.tell(&with(session.event("session-end.other"), "/reason", "clear"));
    let active = session.active();
    assert_eq!(active.len(), 2);
    assert!(active.iter().all(|task| task["stop_asked"].is_null()), "{active:?}");
}
