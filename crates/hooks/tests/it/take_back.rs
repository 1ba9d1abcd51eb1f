//! A prompt that another hook blocks takes our results with it. Claude Code's transcript shows the block.

use std::fs;

use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

use crate::payload::with;
use crate::session::Session;
use crate::start::{log, told};

/// What Claude Code writes when a hook blocked a prompt, `seconds` from now.
fn blocked(reason: &str, seconds: i64) -> Value {
    let at = chrono::Utc::now() + chrono::Duration::seconds(seconds);
    json!({
        "type": "system", "subtype": "informational", "timestamp": at,
        "content": format!("UserPromptSubmit operation blocked by hook:\n{reason}\n\nOriginal prompt: x"),
        "promptSubmitEnding": { "ending": { "kind": "blocked_by_hook", "reason": reason }, "promptKept": false },
    })
}

/// What it writes of a context that a hook had added.
fn added(text: &str) -> Value {
    json!({
        "type": "attachment", "timestamp": chrono::Utc::now(),
        "attachment": { "type": "hook_additional_context", "content": [text], "hookEvent": "UserPromptSubmit" },
    })
}

/// A typed prompt of a conversation with this transcript.
fn types(session: &Session<'_>, transcript: &str) -> String {
    let path = session.env.path().join("transcript.jsonl");
    fs::write(&path, transcript).unwrap();
    let event = session.event("user-prompt-submit.typed");
    told(&session.send(&with(event, "/transcript_path", path.to_str().unwrap())))
}

/// UserPromptSubmit reports a result again if and only if another hook blocked the prompt that carried it.
#[test]
fn a_blocked_prompts_result_is_repeated() {
    let report = "[sisyphus] Background task t1 (\"the tests\") failed with exit code 3";
    let cases = [
        (vec![blocked("not in this house", 0)], true),
        (vec![json!({ "type": "user" }), blocked("no", 0), json!({ "type": "system" })], true),
        // It went out again since, with another prompt.
        (vec![blocked("no", 0), added(report)], false),
        (vec![added("[sisyphus] Background task t12 (\"others\") failed"), blocked("no", 0)], true),
        // What was said of it before it ended is no report.
        (vec![added("[sisyphus] Background task t1 has a time limit"), blocked("no", 0)], true),
        (vec![added("[sisyphus] Background task t1 is still running"), blocked("no", 0)], true),
        (vec![added("[sisyphus] Background task t1 (\"a\") is number 2"), blocked("no", 0)], true),
        // What was blocked was blocked by us, or long before.
        (vec![blocked("sisyphus: all results were delivered already", 0)], false),
        (vec![blocked("no", -60)], false),
        (vec![added(report)], false),
        (vec![json!({ "promptSubmitEnding": "blocked_by_hook" }), json!("blocked_by_hook")], false),
        (vec![], false),
    ];
    for (entries, again) in cases {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.owe(1, None, 60);
        assert!(told(&session.types()).contains(report));
        let transcript: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
        // Claude Code may not have written the block yet.
        assert_eq!(types(&session, &transcript), "", "{transcript}");
        session.time_goes_by();
        let said = types(&session, &transcript);
        assert_eq!(said.starts_with(report), again, "{transcript}: {said}");
        assert_eq!(log(&env), "", "{transcript}");
    }
}

#[test]
fn a_transcript_that_cannot_be_read_tells_of_no_block() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, None, 60);
    assert!(told(&session.types()).contains("failed with exit code 3"));
    session.time_goes_by();
    let pipe = env.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let event = session.event("user-prompt-submit.typed");
    let event = with(event, "/transcript_path", pipe.to_str().unwrap());
    assert_eq!(told(&session.send(&event)), "");
    assert!(log(&env).contains("not a regular file"), "{}", log(&env));
}
