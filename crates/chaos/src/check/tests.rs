//! Each check is seen to fail: one line of a ledger that is right is broken.

use serde_json::json;

use super::*;
use crate::ledger::{Call, Cause, HookRun};

const REPORT: &str = "[sisyphus] Background task t1 (\"call 1\") failed with exit code 3 after 1 s.\n\
                      command: true\noutput (1 line):\n| output of call 1\n";

fn call(number: usize) -> Event {
    Event::Called(Call {
        number,
        session: "s".to_owned(),
        tool_use_id: format!("toolu_{number}"),
        client_id: format!("b{number}"),
        command: "true".to_owned(),
        description: format!("call {number}"),
        folder: "/".into(),
        kind: Kind::Background,
        agent: None,
    })
}

fn hook(name: &str, text: &str, names: &[usize], fate: Fate) -> Event {
    let answer = json!({ "hookSpecificOutput": { "additionalContext": text } });
    Event::Hook(HookRun {
        hook: name.to_owned(),
        session: "s".to_owned(),
        agent: None,
        names: names.to_vec(),
        since: 0,
        fate,
        stdout: if text.is_empty() { String::new() } else { answer.to_string() },
    })
}

fn started(call: usize) -> Event {
    Event::Started { call, by: "sisyphus-run".to_owned() }
}

/// One command from its call to its report.
fn right() -> Vec<Event> {
    vec![
        call(1),
        hook("sisyphus-pre-tool-use", "", &[1], Fate::Exited),
        Event::Launched { call: 1 },
        started(1),
        hook("sisyphus-post-tool-use", "", &[1], Fate::Exited),
        Event::Answered { call: 1 },
        Event::Ended { call: 1, code: 3 },
        Event::Exited { call: 1, code: Some(3), signal: None },
        hook("sisyphus-user-prompt-submit", REPORT, &[1], Fate::Exited),
    ]
}

fn judge(events: Vec<Event>) -> Verdict {
    let lines: Vec<Line> =
        events.into_iter().zip(0..).map(|(event, at)| Line { at, event }).collect();
    check(&lines)
}

/// Never, twice, wrong, other violations, excused.
fn counts(verdict: &Verdict) -> [usize; 5] {
    let Verdict { never, twice, wrong, violations, excused, .. } = verdict;
    [never.len(), twice.len(), wrong.len(), violations.len(), excused.values().sum()]
}

fn with_report(text: &str) -> Vec<Event> {
    let mut events = right();
    events[8] = hook("sisyphus-user-prompt-submit", text, &[1], Fate::Exited);
    events
}

#[test]
fn a_right_ledger_passes() {
    let verdict = judge(right());
    assert_eq!(counts(&verdict), [0; 5], "{verdict:?}");
    assert_eq!((verdict.endings, verdict.at_once), (1, 1));
}

/// What was killed is over, though the model stops it later.
#[test]
fn the_first_of_two_kills_counts() {
    let killed = |cause| Event::Killed { call: 1, cause };
    let told = REPORT.replace("code 3", "code 137");
    let mut events = with_report(&told.replace("output of call 1", ""));
    events[6] = killed(Cause::Shell);
    events[7] = Event::Exited { call: 1, code: None, signal: Some(9) };
    events.push(killed(Cause::TaskStop));
    assert_eq!(counts(&judge(events)), [0; 5]);
}

#[test]
fn silence_is_found() {
    assert_eq!(counts(&judge(with_report(""))), [1, 0, 0, 0, 0]);
}

/// Of a command that only a killed client watched, a report may say so while it runs, and of no other.
#[test]
fn a_command_out_of_sight() {
    let lost = "was lost, exit code unknown: it may still run";
    let report = REPORT.replace("failed with exit code 3 after 1 s", lost);
    let told = |by: &str, is_killed: bool| {
        let mut events = with_report(&report.replace("output of call 1", ""));
        events[3] = Event::Started { call: 1, by: by.to_owned() };
        events.swap(6, 8);
        if is_killed {
            events.push(Event::ClientKilled { session: "s".to_owned() });
        }
        counts(&judge(events))
    };
    assert_eq!(told("bash", true), [0; 5]);
    assert_eq!(told("bash", false), [0, 0, 1, 0, 0]);
    assert_eq!(told("sisyphus-run", true), [0, 0, 1, 0, 0]);
}

#[test]
fn telling_twice_is_found() {
    let mut events = right();
    events.push(hook("sisyphus-stop", REPORT, &[], Fate::Exited));
    assert_eq!(counts(&judge(events.clone())), [0, 1, 0, 0, 0]);
    events[9] = hook("stop", &format!("(possibly repeated) {REPORT}"), &[], Fate::Exited);
    assert_eq!(counts(&judge(events)), [0; 5]);
}

/// Another exit code, lost, the text and the output of another, and the report of a call that is none.
#[test]
fn a_wrong_report_is_found() {
    let wrong = [
        ("code 3", "code 4"),
        ("failed with exit code 3 after 1 s", "was lost, exit code unknown: it died"),
        ("failed with exit code 3 after 1 s", "was stopped by the user"),
        ("command: true", "command: false"),
        ("output of call 1", "output of call 2"),
    ];
    for (from, to) in wrong {
        let verdict = judge(with_report(&REPORT.replace(from, to)));
        assert_eq!(counts(&verdict), [0, 0, 1, 0, 0], "{to}: {verdict:?}");
    }
    let stranger = REPORT.replace("\"call 1\"", "\"call 8\"");
    assert_eq!(counts(&judge(with_report(&stranger))), [1, 0, 1, 0, 0]);
}

/// In another session, or before its command says that it ends.
#[test]
fn a_report_in_the_wrong_place_is_found() {
    let mut events = right();
    if let Event::Hook(run) = &mut events[8] {
        run.session = "other".to_owned();
    }
    assert_eq!(counts(&judge(events)), [0, 0, 1, 0, 0]);
    let mut events = right();
    events.swap(6, 8);
    assert_eq!(counts(&judge(events)), [0, 0, 1, 0, 0]);
}

/// The command ran twice, or not at all, or the fake client saw another exit code than its own.
#[test]
fn a_command_that_was_not_left_alone_is_found() {
    let mut events = right();
    events.insert(4, started(1));
    assert_eq!(counts(&judge(events)), [0, 0, 0, 1, 0]);
    let mut events = right();
    events.remove(3);
    assert_eq!(counts(&judge(events)), [0, 0, 0, 1, 0]);
    let mut events = right();
    events[7] = Event::Exited { call: 1, code: Some(0), signal: None };
    assert_eq!(counts(&judge(events)), [0, 0, 0, 1, 0]);
}

/// What ran is counted from the lines' order, and a command that was killed does not run any more.
#[test]
fn the_overlap_is_measured() {
    let at_once = |events: &[Event]| judge(events.to_vec()).at_once;
    let end = |call| Event::Ended { call, code: 0 };
    let calls = [call(1), call(2), call(3)];
    let overlapping = [started(1), started(2), end(1), started(3)];
    assert_eq!(at_once(&[&calls[..], &overlapping].concat()), 2);
    let exceeding = [started(1), started(2), started(3), end(1)];
    assert_eq!(at_once(&[&calls[..], &exceeding].concat()), 3);
    let alone = Event::Started { call: 2, by: "sisyphus-chaos".to_owned() };
    let verdict = judge([&calls[..], &[started(1), alone.clone()]].concat());
    assert_eq!((verdict.at_once, verdict.limited_at_once), (2, 0));
    let answer = |call, fate| hook("sisyphus-post-tool-use", "", &[call], fate);
    let answered = [answer(1, Fate::Exited), answer(2, Fate::Exited)];
    let verdict = judge([&calls[..], &answered, &[started(1), alone]].concat());
    assert_eq!((verdict.at_once, verdict.limited_at_once), (2, 1));
    let killed = [answer(1, Fate::Exited), answer(2, Fate::Exited), answer(3, Fate::Killed)];
    let verdict = judge([&calls[..], &killed, &exceeding].concat());
    assert_eq!((verdict.at_once, verdict.limited_at_once), (3, 2));
    let killed = Event::Killed { call: 1, cause: Cause::Runner };
    assert_eq!(at_once(&[&calls[..], &[started(1), killed, started(2)]].concat()), 1);
}

/// What a killed hook or client knew alone is counted apart; what the transcript says too is not.
#[test]
fn an_excuse_needs_that_all_knowledge_was_killed() {
    let mut events = right();
    for index in [1, 4, 8] {
        if let Event::Hook(run) = &mut events[index] {
            run.fate = Fate::Killed;
            run.stdout.clear();
        }
    }
    assert_eq!(counts(&judge(events.clone())), [0, 0, 0, 0, 1]);
    events[1] = hook("sisyphus-pre-tool-use", "", &[1], Fate::Exited);
    assert_eq!(counts(&judge(events.clone())), [1, 0, 0, 0, 0]);
    events.remove(5);
    assert_eq!(counts(&judge(events)), [0, 0, 0, 0, 1]);
}

/// A hook whose client was killed may have reported the result. That excuses it unless an earlier prompt had to report
/// it.
#[test]
fn an_answer_on_its_way_is_an_excuse_once() {
    let on_its_way = |since| {
        let mut event = hook("sisyphus-user-prompt-submit", "", &[], Fate::Orphaned);
        if let Event::Hook(run) = &mut event {
            run.since = since;
        }
        event
    };
    let mut events = right();
    events[8] = on_its_way(8);
    assert_eq!(counts(&judge(events)), [0, 0, 0, 0, 1]);
    // It started before the command ended, and read the results later.
    let mut events = right();
    events[8] = on_its_way(2);
    assert_eq!(counts(&judge(events)), [0, 0, 0, 0, 1]);
    // It ended before the command did.
    let mut events = right();
    events.remove(8);
    events.insert(5, on_its_way(2));
    assert_eq!(counts(&judge(events)), [1, 0, 0, 0, 0]);
    let mut events = with_report("");
    if let Event::Hook(run) = &mut events[8] {
        run.since = 8;
    }
    events.push(on_its_way(9));
    assert_eq!(counts(&judge(events)), [1, 0, 0, 0, 0]);
}

/// A runner that was killed may have left nothing behind; nothing else may be called lost.
#[test]
fn lost_is_true_of_a_killed_runner_alone() {
    let lost = REPORT.replace("failed with exit code 3 after 1 s", "was lost, exit code unknown");
    let mut events = with_report(&lost);
    events[6] = Event::Killed { call: 1, cause: Cause::Runner };
    events[7] = Event::Exited { call: 1, code: None, signal: Some(9) };
    assert_eq!(counts(&judge(events.clone())), [0; 5]);
    events[6] = Event::Killed { call: 1, cause: Cause::Shell };
    assert_eq!(counts(&judge(events)), [0, 0, 1, 0, 0]);
}
