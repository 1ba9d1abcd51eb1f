//! What the transcript says of a prompt or an event, and what each event makes of it.

use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

use super::{NAME, REPORT, added, blocked, event, types};
use crate::session::Session;
use crate::start::{log, told};

/// More than a hook reads of a transcript.
const LONG: usize = 600_000;

pub(super) fn long_line(seconds: i64) -> Vec<Value> {
    let at = chrono::Utc::now() + chrono::Duration::seconds(seconds);
    vec![
        json!({ "type": "user", "message": "x".repeat(LONG) }),
        json!({ "type": "system", "timestamp": at }),
    ]
}

pub(super) fn written_before(mut entry: Value, seconds: i64) -> Value {
    entry["timestamp"] = json!(chrono::Utc::now() - chrono::Duration::seconds(seconds));
    entry
}

/// What the event `name` does with a result that went out with the event `carrier` 5 seconds ago, in a word.
fn fate(carrier: &str, name: &str, entries: &[Value]) -> &'static str {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, None, 60);
    assert!(told(&session.send(&event(&session, carrier, ""))).contains(REPORT));
    session.time_goes_by();
    let transcript: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
    let said = told(&session.send(&event(&session, name, &transcript)));
    assert_eq!(log(&env), "");
    word(&env, &said)
}

/// What an event did with the result if it said this.
pub(super) fn word(env: &TestEnv, said: &str) -> &'static str {
    if said.contains(NAME) {
        return if said.contains("(possibly repeated)") { "marked" } else { "again" };
    }
    let active = env.state_file("active.json");
    let Some(task) = active["tasks"].as_array().and_then(|tasks| tasks.first()) else {
        return "read";
    };
    let delivery = &task["delivery"];
    match (delivery["state"].as_str().unwrap(), delivery["attempt"].as_str()) {
        ("delivered", _) => "read",
        ("sent", _) => "open",
        ("owed", Some("first")) => "again",
        ("owed", Some("redelivery")) => "marked",
        other => panic!("{other:?}"),
    }
}

/// A transcript, made when it is tried because its lines have the time, and what each event makes of it.
type Row<'a> = (&'a dyn Fn() -> Vec<Value>, &'a str);

/// The columns of both tables: the next typed prompt, the next notice, the resumed session, the end of the turn, the end
/// of the session.
pub(super) const ASKERS: [&str; 5] =
    [TYPED, "user-prompt-submit.notification-agent-finished", RESUMED, STOP, "session-end.other"];
const TYPED: &str = "user-prompt-submit.typed";
const RESUMED: &str = "session-start.resume";
const STOP: &str = "stop.idle";
pub(super) const CALL: &str = "post-tool-use.bash-foreground";

/// A result that went out with a prompt. One row a transcript.
#[test]
fn each_event_has_its_own_doubt() {
    let report = || added(REPORT);
    let notice = || {
        let prompt =
            "<task-notification>\n<summary>Agent \"sub\" finished</summary>\n</task-notification>";
        json!({ "type": "user", "timestamp": chrono::Utc::now(), "message": { "content": prompt } })
    };
    let asked = || json!({ "type": "user", "timestamp": chrono::Utc::now(), "message": { "content": "go" } });
    let block = || blocked("no", 0);
    let cases: [Row<'_>; 15] = [
        (&|| vec![], "marked open marked read open"),
        (&|| vec![report()], "read read read read read"),
        (&|| vec![block()], "again again again again again"),
        (&|| vec![report(), block()], "read read read read read"),
        // The report is that of an earlier attempt.
        (&|| vec![written_before(report(), 60)], "marked open marked read open"),
        (&|| vec![written_before(report(), 60), block()], "again again again again again"),
        // A later prompt has overtaken it. As long as other hooks may run, only a notice says so.
        (&|| vec![asked()], "marked open marked marked open"),
        (&|| vec![notice()], "marked marked marked marked open"),
        (&|| vec![report(), notice()], "read read read read read"),
        (&|| vec![written_before(notice(), 60)], "marked open marked read open"),
        (&|| [long_line(0), vec![notice()]].concat(), "marked open marked read open"),
        // The report precedes what is read, or may do so.
        (
            &|| [vec![report()], long_line(0), vec![block()]].concat(),
            "marked marked marked marked marked",
        ),
        (&|| [long_line(0), vec![block()]].concat(), "marked marked marked marked marked"),
        (&|| [long_line(-60), vec![block()]].concat(), "again again again again again"),
        (&|| [long_line(0), vec![report()]].concat(), "read read read read read"),
    ];
    for (number, (entries, expected)) in cases.iter().enumerate() {
        let fates = ASKERS.map(|name| fate(TYPED, name, &entries())).join(" ");
        assert_eq!(&fates, expected, "case {number}");
    }
}

/// What Claude Code writes when the user presses Esc.
pub(super) fn interrupted() -> Value {
    let content = json!([{ "type": "text", "text": "[Request interrupted by user for tool use]" }]);
    json!({ "type": "user", "timestamp": chrono::Utc::now(), "message": { "content": content } })
}

/// A result that went out with the answer of a tool, the end of a turn, or the start of a session. One row a transcript. Only
/// the next end of a turn is sure without it.
#[test]
fn an_event_is_doubted_when_nothing_goes_on() {
    let report = || added(REPORT);
    let printed =
        || added("[sisyphus] Background task t1 (\"the tests\") printed 1 line:\n| ready");
    let quoted = || added(&format!("[sisyphus] Background task t9 failed:\n| {REPORT}"));
    let user = |content: Value| {
        let at = chrono::Utc::now();
        json!({ "type": "user", "timestamp": at, "message": { "content": content } })
    };
    let words = "[Request interrupted by user]";
    let unsure = "open open marked read open";
    let cases: [Row<'_>; 15] = [
        (&|| vec![], unsure),
        (&|| vec![report()], "read read read read read"),
        (&|| vec![written_before(report(), 60)], unsure),
        // No hook takes an event back.
        (&|| vec![blocked("no", 0)], unsure),
        // So much was written since that Claude Code did not end at that moment.
        (&|| [vec![report()], long_line(0)].concat(), "read read read read read"),
        (&|| long_line(-60), unsure),
        (&|| [long_line(0), vec![report()]].concat(), "read read read read read"),
        (&|| vec![interrupted()], "marked marked marked marked marked"),
        (&|| vec![report(), interrupted()], "read read read read read"),
        (&|| vec![written_before(interrupted(), 60)], unsure),
        // The report may precede what is read.
        (&|| [long_line(0), vec![interrupted()]].concat(), "marked marked marked marked marked"),
        // A line that the command printed before, and one that another command printed.
        (&|| vec![printed(), interrupted()], "marked marked marked marked marked"),
        (&|| vec![quoted(), interrupted()], "marked marked marked marked marked"),
        // The user and a command can write these words too.
        (&|| vec![user(json!(words))], unsure),
        (&|| vec![user(json!([{ "type": "tool_result", "content": words }]))], unsure),
    ];
    for (number, (entries, expected)) in cases.iter().enumerate() {
        for carrier in [CALL, STOP, RESUMED] {
            let fates = ASKERS.map(|name| fate(carrier, name, &entries())).join(" ");
            assert_eq!(&fates, expected, "case {number} with {carrier}");
        }
    }
}

/// Lines that the model watches for are asked for as results are: Esc takes them away, the end of a turn settles them.
#[test]
fn watched_lines_are_doubted_too() {
    const LINES: &str = "(\"run slow test\") printed 1 line that you watch for";
    // The lines went out 5 seconds ago.
    let report = |milliseconds| {
        let mut report = added(&format!("[sisyphus] Background task TASK {LINES}"));
        let age = chrono::Duration::milliseconds(milliseconds);
        report["timestamp"] = json!(chrono::Utc::now() - age);
        report
    };
    let cases: [(&dyn Fn() -> Vec<Value>, bool); 4] = [
        (&|| vec![], false),
        (&|| vec![interrupted()], true),
        (&|| vec![report(0), interrupted()], false),
        // Earlier lines of the same command.
        (&|| vec![report(5_500), interrupted()], true),
    ];
    for (entries, is_lost) in cases {
        let env = TestEnv::new();
        let session = Session::new(&env);
        let running = session.call(1);
        running.starts();
        let _runner = running.is_attached();
        running.is_started();
        env.edit_state("active.json", |active| {
            active["tasks"][0]["matches"] =
                json!({ "unread": { "lines": ["ERROR x"] }, "since": 1 });
        });
        let said = told(&session.send(&event(&session, CALL, "")));
        assert!(said.contains(LINES), "{said}");
        let transcript: String = entries().iter().map(|entry| format!("{entry}\n")).collect();
        let id = env.state_file("active.json")["tasks"][0]["id"].clone();
        let transcript = transcript.replace("TASK", id.as_str().unwrap());
        session.time_goes_by();
        let said = told(&session.send(&event(&session, STOP, &transcript)));
        let is_repeated = said.starts_with("(possibly repeated) [sisyphus] Background task");
        let out = &env.state_file("active.json")["tasks"][0]["matches"]["out"];
        assert_eq!((is_repeated, out.is_null()), (is_lost, !is_lost), "{said} {out}");
    }
}

/// Claude Code dies while another hook still runs: the resumed session reads the result once more, marked.
#[test]
fn a_prompt_that_died_with_its_client_is_repeated() {
    for ends in [true, false] {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.owe(1, None, 60);
        assert!(types(&session, "").contains(REPORT));
        if ends {
            session.tell(&event(&session, "session-end.other", ""));
        }
        session.time_goes_by();
        let mut said = Vec::new();
        for name in ["session-start.resume", "user-prompt-submit.typed", "stop.idle"] {
            said.push(told(&session.send(&event(&session, name, ""))));
        }
        let said = said.concat();
        assert_eq!(said.matches(REPORT).count(), 1, "{said}");
        assert!(said.contains(&format!("(possibly repeated) {REPORT}")), "{said}");
    }
}

/// The summary for a session counts a result once, however often it went out.
#[test]
fn a_repeated_result_is_counted_once() {
    for entries in [vec![], vec![blocked("no", 0)]] {
        let env = TestEnv::new();
        let session = Session::new(&env);
        let running = session.call(2);
        running.starts();
        let _runner = running.is_attached();
        running.is_started();
        session.owe(1, None, 60);
        assert!(types(&session, "").contains(REPORT));
        for _ in 0..2 {
            session.time_goes_by();
            let transcript: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
            assert!(types(&session, &transcript).contains(REPORT), "{transcript}");
        }
        let reported = &env.state_file("active.json")["sessions"][&session.id]["reported"];
        assert_eq!(reported["failed"], 1, "{entries:?}: {reported}");
    }
}
