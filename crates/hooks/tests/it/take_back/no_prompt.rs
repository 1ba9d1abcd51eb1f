//! A conversation was continued, our hook printed a result at its start, and it ended without a prompt: the model has read
//! nothing.

use std::fs;

use serde_json::{Value, json};
use sisyphus_tasks::task::Task;
use sisyphus_testing::TestEnv;

use super::REPORT;
use crate::payload::with;
use crate::session::Session;
use crate::start::{log, told};

/// Claude Code writes the transcript of a conversation with its first prompt.
fn without_file(session: &Session<'_>, name: &str) -> Value {
    with(session.event(name), "/transcript_path", "/no/such/transcript.jsonl")
}

/// Moves the only record to the history, as a commit does some minutes after the end.
fn park(env: &TestEnv) {
    let mut active = env.state_file("active.json");
    let task: Task = serde_json::from_value(active["tasks"][0].take()).unwrap();
    let task = serde_json::to_string(&task).unwrap();
    let history = format!("{{\"version\":2,\"tasks\":[{task}]}}");
    fs::write(env.state().join("completed.json"), history).unwrap();
    env.edit_state("active.json", |active| active["tasks"] = json!([]));
}

/// At once, or when the record has moved to the history.
#[test]
fn the_next_resumed_session_reads_it() {
    for is_parked in [false, true] {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.owe(1, None, 60);
        let resumes = || told(&session.send(&without_file(&session, "session-start.resume")));
        assert!(resumes().starts_with(REPORT));
        session.tell(&without_file(&session, "session-end.other"));
        session.time_goes_by();
        if is_parked {
            park(&env);
        }
        let said = resumes();
        assert!(said.starts_with(&format!("(possibly repeated) {REPORT}")), "{is_parked}: {said}");
        session.time_goes_by();
        assert_eq!(told(&session.types()), "");
        session.tell(&without_file(&session, "stop.idle"));
        let delivery = &env.state_file("active.json")["tasks"][0]["delivery"];
        assert_eq!(delivery["state"], "delivered", "{delivery}");
        assert_eq!(log(&env), "");
    }
}
