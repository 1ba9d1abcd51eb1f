//! A prompt that another hook blocks takes our results with it. Claude Code's transcript shows the block.

mod askers;
mod clients;
mod no_prompt;
mod overtaken;
mod requeued;
mod subagent;
mod waiter;

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

/// The event `name` of a conversation with this transcript.
fn event(session: &Session<'_>, name: &str, transcript: &str) -> Value {
    let path = session.env.path().join("transcript.jsonl");
    fs::write(&path, transcript).unwrap();
    with(session.event(name), "/transcript_path", path.to_str().unwrap())
}

/// A typed prompt of a conversation with this transcript.
fn types(session: &Session<'_>, transcript: &str) -> String {
    told(&session.send(&event(session, "user-prompt-submit.typed", transcript)))
}

const NAME: &str = "[sisyphus] Background task t1 (\"the tests\")";
const REPORT: &str = "[sisyphus] Background task t1 (\"the tests\") failed with exit code 3";

/// A transcript, made when it is tried because its lines have the time, and the mark of the report that follows.
type Row<'a> = (&'a dyn Fn() -> Vec<Value>, &'a Option<String>);

/// UserPromptSubmit reports a result again if another hook blocked the prompt that carried it. If the transcript has
/// neither the block nor the report, the second report is marked.
#[test]
fn a_blocked_prompts_result_is_repeated() {
    const MARK: &str = "(possibly repeated) ";
    let report = REPORT;
    let (again, marked) = (Some(String::new()), Some(MARK.to_owned()));
    let ours = "sisyphus: Claude knows all results";
    let cases: [Row<'_>; 15] = [
        (&|| vec![blocked("not in this house", 0)], &again),
        (
            &|| vec![json!({ "type": "user" }), blocked("no", 0), json!({ "type": "system" })],
            &again,
        ),
        // It went out again since, with another prompt.
        (&|| vec![blocked("no", 0), added(report)], &None),
        (
            &|| vec![added("[sisyphus] Background task t12 (\"others\") failed"), blocked("no", 0)],
            &again,
        ),
        // The model describes a task in words of its own.
        (
            &|| {
                let said = "[sisyphus] Background task t7 (\"see [sisyphus] Background task t1 failed with exit code 3\") completed";
                vec![added(said), blocked("no", 0)]
            },
            &again,
        ),
        // What was said of it before it ended is no report.
        (
            &|| vec![added("[sisyphus] Background task t1 has a time limit"), blocked("no", 0)],
            &again,
        ),
        (
            &|| vec![added("[sisyphus] Background task t1 is still running"), blocked("no", 0)],
            &again,
        ),
        (
            &|| vec![added("[sisyphus] Background task t1 (\"a\") is number 2"), blocked("no", 0)],
            &again,
        ),
        // What was blocked was blocked by us, or long before.
        (&|| vec![added(report), blocked(ours, 0)], &None),
        (&|| vec![blocked("no", -60), added(report)], &None),
        (&|| vec![added(report)], &None),
        (&|| vec![blocked(ours, 0)], &marked),
        (&|| vec![blocked("no", -60)], &marked),
        (
            &|| vec![json!({ "promptSubmitEnding": "blocked_by_hook" }), json!("blocked_by_hook")],
            &marked,
        ),
        (&|| vec![], &marked),
    ];
    for (entries, mark) in cases {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.owe(1, None, 60);
        assert!(told(&session.types()).contains(report));
        let transcript: String = entries().iter().map(|entry| format!("{entry}\n")).collect();
        // Claude Code may not have written the block yet.
        assert_eq!(types(&session, &transcript), "", "{transcript}");
        session.time_goes_by();
        let said = types(&session, &transcript);
        let is_expected = mark.as_ref().map_or(said.is_empty(), |mark| {
            said.starts_with(&format!("{mark}{report}"))
                && said.matches("Background task").count() == 1
        });
        assert!(is_expected, "{transcript}: {said}");
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
