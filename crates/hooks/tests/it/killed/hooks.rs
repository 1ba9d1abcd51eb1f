//! Hooks that were killed: Claude Code's transcript names their calls and the results of these.

use std::fs;

use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

use crate::payload::with;
use crate::session::{Call, Session};
use crate::start::told;

/// The lines of the transcript for a call and its answer, and for what `with` changes in them.
pub(super) fn answered(session: &Session<'_>, number: u32) -> Vec<Value> {
    let (before, after) = (session.call(number).before(), session.call(number).after());
    vec![
        json!({
            "type": "assistant",
            "message": { "role": "assistant", "content": [
                { "type": "text", "text": "I start it." },
                { "type": "tool_use", "id": before["tool_use_id"], "name": "Bash", "input": before["tool_input"] },
            ] },
        }),
        json!({
            "type": "user", "isSidechain": false, "timestamp": chrono::Utc::now(), "cwd": "/home/dev/proj/sub",
            "message": { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": before["tool_use_id"], "content": "Running." },
            ] },
            "toolUseResult": after["tool_response"],
        }),
    ]
}

/// The line of a notice, as it is queued.
pub(super) fn noticed(call: &Call<'_>) -> Value {
    let at = chrono::Utc::now();
    json!({ "type": "queue-operation", "operation": "enqueue", "timestamp": at, "content": call.notice() })
}

/// The turn ends, with these lines in the transcript; returns what the hook said.
pub(super) fn stops(session: &Session<'_>, lines: &[Value], listed: &[&str]) -> String {
    let path = session.env.path().join("transcript.jsonl");
    fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let listed: Vec<Value> = listed.iter().map(|id| json!({ "id": id, "type": "shell" })).collect();
    let event = with(session.event("stop.idle"), "/background_tasks", listed);
    told(&session.send(&with(event, "/transcript_path", path.to_str().unwrap())))
}

pub(super) fn client_ids(tasks: &[Value]) -> Vec<&str> {
    tasks.iter().filter_map(|task| task["client"]["id"].as_str()).collect()
}

/// I6: the hooks before and after a call were killed. Its record comes from the transcript, and its end from the notice.
#[test]
fn a_call_without_its_hooks_is_recorded() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.call(1).starts();
    let lines = answered(&session, 2);
    assert_eq!(stops(&session, &lines, &["b1", "b2"]), "");
    let active = session.active();
    assert_eq!(client_ids(&active), ["b1", "b2"]);
    assert_eq!(active[1]["cwd"], "/home/dev/proj/sub");
    assert_eq!(active[1]["command"], session.call(2).before()["tool_input"]["command"]);
    assert_eq!(stops(&session, &lines, &["b1", "b2"]), "");
    assert_eq!(session.active().len(), 2);
    let text = told(&session.submits(&session.call(2).notice()));
    assert!(text.contains("failed with exit code 4"), "{text}");
}

/// I6: the hook of the notice was killed too. The end is in the transcript.
#[test]
fn a_call_without_any_hook_is_told() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.call(1).starts();
    session.call(2).prints("its output\n");
    let mut lines = answered(&session, 2);
    lines.push(noticed(&session.call(2)));
    stops(&session, &lines, &["b1"]);
    let text = told(&session.types());
    assert!(text.contains("failed with exit code 4") && text.contains("| its output"), "{text}");
    stops(&session, &lines, &["b1"]);
    assert_eq!(told(&session.types()), "");
    assert_eq!(client_ids(&session.active()), ["b1"]);
}

/// The Claude Code of a call without hooks is killed. After a resume the result is lost, and the report says that the
/// command may still run.
#[test]
fn a_call_of_a_former_client_is_lost() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.call(1).starts();
    let lines = answered(&session, 2);
    let live = told(&session.send(&session.event("session-start.resume")));
    assert_eq!(live.matches("run slow test").count(), 1, "{live}");
    stops(&session, &lines, &[]);
    let text = told(&session.types());
    assert!(text.contains("was lost") && text.contains("it may still run"), "{text}");
    assert_eq!(text.matches("Background task").count(), 1, "{text}");
}

/// The notice of a command that only Claude Code watched was missed: its exit code is in the transcript.
#[test]
fn an_observed_end_is_found() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.call(1).starts();
    let observed = session.call(2);
    session.tell(&observed.after());
    stops(&session, &[noticed(&observed)], &["b1"]);
    let text = told(&session.types());
    assert!(text.contains("failed with exit code 4"), "{text}");
}

/// A call that was reported is not reported from the transcript again, whatever became of the history.
#[test]
fn what_was_told_is_not_missed() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    session.tell(&call.after());
    assert!(told(&session.submits(&call.notice())).contains("failed with exit code 4"));
    session.time_goes_by();
    assert_eq!(told(&session.types()), "");
    fs::remove_file(env.state().join("failed.json")).unwrap();
    let mut lines = answered(&session, 1);
    lines.push(noticed(&call));
    for _ in 0..3 {
        assert_eq!(stops(&session, &lines, &[]), "");
        assert_eq!(session.active(), Vec::<Value>::new());
        assert_eq!(told(&session.types()), "");
    }
}

/// Only Claude Code's own lines count: not a subagent's call, one from before the session had a record, nor what was
/// printed.
#[test]
fn other_lines_name_no_call() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.call(1).starts();
    let [request, answer] = answered(&session, 2).try_into().unwrap();
    let before = chrono::Utc::now() - chrono::Duration::minutes(1);
    let printed = json!({ "type": "user", "message": { "content": answer.to_string() } });
    let as_result = with(answer.clone(), "/toolUseResult", json!({ "stdout": answer.to_string() }));
    for other in [
        with(answer.clone(), "/isSidechain", true),
        with(answer.clone(), "/timestamp", json!(before)),
        with(answer.clone(), "/type", "system"),
        with(answer.clone(), "/toolUseResult/backgroundTaskId", "../x"),
        printed,
        as_result,
    ] {
        assert_eq!(stops(&session, &[request.clone(), other.clone()], &["b1"]), "");
        assert_eq!(client_ids(&session.active()), ["b1"], "{other}");
    }
    let monitor = with(request.clone(), "/message/content/1/name", "Monitor");
    assert_eq!(stops(&session, &[monitor, answer], &["b1"]), "");
    assert_eq!(client_ids(&session.active()), ["b1"]);
}
