//! The user presses Esc while another hook of a notice still runs. Claude Code puts the notice back into its queue, and
//! the hooks of the same prompt run once more.

use std::fs;

use serde_json::Value;
use sisyphus_testing::TestEnv;

use super::{added, blocked};
use crate::payload::{payload, with};
use crate::session::Session;
use crate::start::{log, told};

const REPORT: &str = "failed with exit code 3";

/// What the transcript has when the notice comes again, and what our hook answers then.
type Row<'a> = (&'a dyn Fn(&str) -> Vec<Value>, &'a str);

#[test]
fn a_notice_that_comes_again_repeats_its_results() {
    let cases: [Row<'_>; 4] = [
        (&|_| vec![], "(possibly repeated) [sisyphus] Background task "),
        (&|_| vec![blocked("no", 0)], "[sisyphus] Background task "),
        (&|report| vec![added(report)], "Claude knows"),
        // Claude Code writes that of a later notice too.
        (&|report| vec![added(report), blocked("no", 0)], "Claude knows"),
    ];
    for (entries, expected) in cases {
        let env = TestEnv::new();
        let session = Session::new(&env);
        let (call, other) = (session.call(1), session.call(2));
        for (call, code) in [(&call, 3), (&other, 4)] {
            call.starts();
            let runner = call.is_attached();
            call.is_started();
            call.has_ended(code, 1);
            drop(runner);
        }
        let path = env.path().join("transcript.jsonl");
        let submits = |notice: &str, entries: &[Value]| {
            let lines: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
            fs::write(&path, lines).unwrap();
            let event = session.submission(notice);
            session.send(&with(event, "/transcript_path", path.to_str().unwrap())).json()
        };
        let text = |answer: &Value| {
            let context = &answer["hookSpecificOutput"]["additionalContext"];
            context.as_str().or(answer["reason"].as_str()).unwrap_or_default().to_owned()
        };
        let first = text(&submits(&call.notice(), &[]));
        assert!(first.contains(REPORT) && first.contains("exit code 4"), "{first}");
        // The notice of the other one comes for the first time: its result is on its way.
        let of_other = text(&submits(&other.notice(), &[]));
        assert!(of_other.contains("Claude knows"), "{of_other}");
        let again = text(&submits(&call.notice(), &entries(&first)));
        assert!(again.contains(expected), "{again}");
        assert_eq!(log(&env), "");
    }
}

/// One of several notices carries all results. If all notices come again, it repeats them, and the others are known.
#[test]
fn of_several_notices_one_repeats() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let calls = [session.call(1), session.call(2), session.call(3)];
    for call in &calls {
        call.starts();
        let runner = call.is_attached();
        call.is_started();
        call.has_ended(3, 1);
        drop(runner);
    }
    let round = || {
        let all = calls.iter().map(|call| {
            let answer = session.send(&event_of(&session, &call.notice())).json();
            let context = &answer["hookSpecificOutput"]["additionalContext"];
            context.as_str().unwrap_or_default().matches(REPORT).count()
        });
        all.collect::<Vec<_>>()
    };
    assert_eq!([round(), round(), round()], [[3, 0, 0]; 3]);
    assert_eq!(log(&env), "");
}

/// Our own wake, and Claude Code's notice of an agent.
#[test]
fn other_prompts_that_come_again_repeat_too() {
    let wake = "<task-notification>\n<summary>Stop hook feedback</summary>\n</task-notification>\n<system-reminder>\n\
        Stop hook blocking error from command \"Stop\": [sisyphus] There is news of background commands.\n\n</system-reminder>";
    let agent = payload("user-prompt-submit.notification-agent-finished", &[])["prompt"].clone();
    for prompt in [wake, agent.as_str().unwrap()] {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.owe(1, None, 60);
        let submits = || told(&session.send(&event_of(&session, prompt)));
        let first = submits();
        assert!(first.contains(REPORT), "{first}");
        let again = submits();
        assert!(again.contains("(possibly repeated) [sisyphus] Background task t1"), "{again}");
        assert_eq!(log(&env), "");
    }
}

/// The prompt, in a conversation whose transcript is empty.
fn event_of(session: &Session<'_>, prompt: &str) -> Value {
    let path = session.env.path().join("transcript.jsonl");
    fs::write(&path, "").unwrap();
    with(session.submission(prompt), "/transcript_path", path.to_str().unwrap())
}
