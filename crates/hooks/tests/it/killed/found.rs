//! What the search of the transcript must not report twice, or report at all.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

use super::hooks::{answered, client_ids, noticed, stops};
use crate::payload::with;
use crate::session::Session;
use crate::start::{log, told};

/// Leaves `from` for `to` in the same Claude Code process.
fn switches(from: &Session<'_>, to: &Session<'_>, source: &str) -> String {
    from.tell(&with(from.event("session-end.other"), "/reason", source));
    told(&to.send(&with(to.event("session-start.resume"), "/source", source)))
}

/// A call that was reported in another conversation of the same Claude Code process is not reported again after a return
/// to its own.
#[test]
fn a_return_repeats_no_result() {
    for source in ["clear", "resume"] {
        let env = TestEnv::new();
        let (first, second) = (Session::new(&env), Session::other(&env));
        first.call(1).starts();
        let mut lines = answered(&first, 1);
        lines.push(noticed(&first.call(1)));
        switches(&first, &second, source);
        let text = told(&second.submits(&first.call(1).notice()));
        assert!(text.contains("failed with exit code 4"), "{text}");
        second.time_goes_by();
        assert_eq!(told(&second.types()), "");
        assert_eq!(second.active(), [Value::Null; 0]);
        assert_eq!(switches(&second, &first, "resume"), "");
        assert_eq!(stops(&first, &lines, &[]), "", "{source}");
        assert_eq!(told(&first.types()), "", "{source}");
    }
}

/// A conversation that branches off in the same Claude Code process begins with the lines of the first one.
#[test]
fn a_branch_repeats_no_result() {
    let env = TestEnv::new();
    let (first, branch) = (Session::new(&env), Session::other(&env));
    first.call(1).starts();
    let mut lines = answered(&first, 1);
    lines.push(noticed(&first.call(1)));
    switches(&first, &branch, "clear");
    let text = told(&branch.submits(&first.call(1).notice()));
    assert!(text.contains("failed with exit code 4"), "{text}");
    branch.time_goes_by();
    assert_eq!(told(&branch.types()), "");
    assert_eq!(stops(&branch, &lines, &[]), "");
    assert_eq!(told(&branch.types()), "");
}

/// A plugin that is switched off records no call from the transcript, and reports none when it is switched on again.
#[test]
fn a_plugin_that_is_off_finds_nothing() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.call(1).starts();
    let seconds = |ago| json!(chrono::Utc::now() - chrono::Duration::seconds(ago));
    edit_book(&session, |book| book["settled_until"] = seconds(60));
    env.set(&json!({ "background_execution": false }));
    session.call(2).starts();
    let mut lines = answered(&session, 2);
    lines[1]["timestamp"] = seconds(10);
    lines.push(noticed(&session.call(2)));
    assert_eq!(told(&session.submits(&session.call(2).notice())), "");
    stops(&session, &lines, &["b1"]);
    assert_eq!(told(&session.types()), "");
    env.set(&json!({}));
    stops(&session, &lines, &["b1"]);
    assert_eq!(told(&session.types()), "");
}

/// The clock is set back after a call: its record is retired before it was answered, by that clock.
#[test]
fn a_clock_that_is_set_back_repeats_no_result() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    call.starts();
    let mut lines = answered(&session, 1);
    lines[1]["timestamp"] = json!(chrono::Utc::now() + chrono::Duration::minutes(5));
    lines.push(noticed(&call));
    assert!(told(&session.submits(&call.notice())).contains("failed with exit code 4"));
    session.time_goes_by();
    assert_eq!(told(&session.types()), "");
    // As if its record had been retired long enough ago for the search to settle it.
    edit_book(&session, |book| {
        book["retired"][0][1] = json!(chrono::Utc::now() - chrono::Duration::seconds(10));
    });
    for _ in 0..3 {
        assert_eq!(stops(&session, &lines, &[]), "");
        assert_eq!(told(&session.types()), "");
        session.time_goes_by();
    }
}

/// Changes what the state says of the session's calls.
fn edit_book(session: &Session<'_>, change: impl FnOnce(&mut Value)) {
    session
        .env
        .edit_state("active.json", |active| change(&mut active["sessions"][&session.id]["calls"]));
}

/// A command that Claude Code lists as running is not lost, although its process left and resumed the conversation since.
#[test]
fn a_listed_command_is_not_lost() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.call(1).starts();
    let lines = answered(&session, 2);
    switches(&session, &session, "resume");
    assert_eq!(stops(&session, &lines, &["b1", "b2"]), "");
    assert_eq!(told(&session.types()), "");
    assert_eq!(client_ids(&session.active()), ["b1", "b2"]);
}

/// Lines of many megabytes, broken text, cut lines and foreign clocks cost no answer and no error.
#[test]
fn hostile_transcripts_name_nothing() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.call(1).starts();
    let path = env.path().join("hostile.jsonl");
    let lines: String = answered(&session, 2).iter().map(|line| format!("{line}\n")).collect();
    let [request, answer] = answered(&session, 2).try_into().unwrap();
    let printed = format!("{request}\n{answer}\n").repeat(3);
    let mut broken = b"\xff\xfe\x00{\"backgroundTaskId\"\n".to_vec();
    broken.extend(std::iter::repeat_n(0u8, 100_000));
    let of_command = json!({
        "type": "user", "timestamp": chrono::Utc::now(), "cwd": "/",
        "message": { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "toolu_9", "content": printed }] },
        "toolUseResult": { "stdout": printed, "stderr": "", "interrupted": false },
    });
    let far = |at: &str| format!("{request}\n{}\n", with(answer.clone(), "/timestamp", at));
    let cases: Vec<Vec<u8>> = vec![
        [lines.clone().into_bytes(), vec![b'x'; 8 << 20]].concat(),
        [vec![b'x'; 8 << 20], b"\n".to_vec(), lines.clone().into_bytes()[..50].to_vec()].concat(),
        broken,
        format!("{of_command}\n").into_bytes(),
        far("1970-01-01T00:00:00Z").into_bytes(),
        far("yesterday").into_bytes(),
        far("2020-01-01T00:00:00+14:00").into_bytes(),
        format!("{}\n", "[".repeat(200_000)).into_bytes(),
        format!("{{\"backgroundTaskId\":{}\n", "[".repeat(400_000)).into_bytes(),
        vec![],
        vec![b'\n'; 600_000],
    ];
    for (number, text) in cases.iter().enumerate() {
        fs::write(&path, text).unwrap();
        let begin = Instant::now();
        let event = with(session.event("stop.idle"), "/transcript_path", path.to_str().unwrap());
        let said = told(&session.send(&with(
            event,
            "/background_tasks",
            json!([{ "id": "b1", "type": "shell" }]),
        )));
        assert_eq!(said, "", "{number}");
        assert_eq!(client_ids(&session.active()), ["b1"], "{number}");
        assert!(begin.elapsed() < Duration::from_secs(3), "{number}: {:?}", begin.elapsed());
        assert_eq!(log(&env), "", "{number}");
    }
    for special in ["/dev/zero", "/dev/tty", "/proc/self/mem", "/", "/nonexistent/x", ""] {
        let event = with(session.event("stop.idle"), "/transcript_path", special);
        let begin = Instant::now();
        assert_eq!(
            told(&session.send(&with(
                event,
                "/background_tasks",
                json!([{ "id": "b1", "type": "shell" }])
            ))),
            ""
        );
        assert!(begin.elapsed() < Duration::from_secs(3), "{special}");
    }
    assert_eq!(client_ids(&session.active()), ["b1"]);
}

/// Ids of other zones and the same line many times name one call.
#[test]
fn the_same_line_many_times_is_one_call() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.call(1).starts();
    let mut lines = answered(&session, 2);
    lines[1]["timestamp"] = json!(
        (chrono::Utc::now())
            .with_timezone(&chrono::FixedOffset::east_opt(9 * 3600).unwrap())
            .to_rfc3339()
    );
    lines.push(noticed(&session.call(2)));
    let lines: Vec<Value> = lines.iter().cycle().take(60).cloned().collect();
    stops(&session, &lines, &["b1"]);
    let text = told(&session.types());
    assert_eq!(text.matches("failed with exit code 4").count(), 1, "{text}");
    for _ in 0..3 {
        session.time_goes_by();
        stops(&session, &lines, &["b1"]);
        assert_eq!(told(&session.types()), "");
    }
}

/// A session that ended leaves nothing behind, or the state would grow with every session of a week.
#[test]
fn ended_sessions_leave_no_book() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    call.starts();
    assert!(told(&session.submits(&call.notice())).contains("failed"));
    session.time_goes_by();
    session.tell(&session.event("user-prompt-submit.typed"));
    session.tell(&session.event("session-end.other"));
    let book = env.state_file("active.json")["sessions"][&session.id].clone();
    assert!(book.is_null() || !book["ended"].is_null(), "{book}");
}

/// A description with quotes and parentheses does not hide that its task was reported, nor pass for a report.
#[test]
fn a_description_neither_hides_nor_fakes_a_report() {
    let heading = |description: &str| format!("[sisyphus] Background task t1 ({description:?})");
    let cases = [
        (format!("{} failed with exit code 3", heading("grep (\"foo\") in src")), false),
        (format!("{} failed with exit code 3", heading("ends with \\")), false),
        (format!("{} is still running", heading("x\") was lost")), true),
        (format!("{} is still running", heading("(\"a\") failed ")), true),
    ];
    for (said, again) in cases {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.owe(1, None, 60);
        assert!(told(&session.types()).contains("failed with exit code 3"));
        session.time_goes_by();
        let now = chrono::Utc::now();
        let lines = [
            json!({
                "type": "system", "timestamp": now,
                "promptSubmitEnding": { "ending": { "kind": "blocked_by_hook", "reason": "no" } },
            }),
            json!({
                "type": "attachment", "timestamp": now,
                "attachment": { "type": "hook_additional_context", "content": [said] },
            }),
        ];
        let path = env.path().join("transcript.jsonl");
        fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        let event = session.event("user-prompt-submit.typed");
        let reply = session.send(&with(event, "/transcript_path", path.to_str().unwrap()));
        assert_eq!(!told(&reply).is_empty(), again, "{said}");
    }
}

/// Two Stop hooks at once find the same call. One record and one report come of it.
#[test]
fn two_hooks_at_once_find_one_call() {
    for _ in 0..5 {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.call(1).starts();
        let mut lines = answered(&session, 2);
        lines.push(noticed(&session.call(2)));
        let path = env.path().join("transcript.jsonl");
        fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        let listed = json!([{ "id": "b1", "type": "shell" }]);
        let event = with(session.event("stop.idle"), "/background_tasks", listed);
        let event = with(event, "/transcript_path", path.to_str().unwrap());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(told(&session.send(&event)), ""));
            }
        });
        let text = told(&session.types());
        assert_eq!(text.matches("failed with exit code 4").count(), 1, "{text}");
        session.time_goes_by();
        assert_eq!(told(&session.send(&event)), "");
        assert_eq!(told(&session.types()), "");
        assert_eq!(log(&env), "");
    }
}

/// The commands of a time without the plugin are not reported when it is back: Claude Code has announced their ends.
#[test]
fn calls_from_a_time_without_the_plugin_are_old() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    call.starts();
    assert!(told(&session.submits(&call.notice())).contains("failed"));
    session.time_goes_by();
    assert_eq!(told(&session.types()), "");
    session.tell(&session.event("session-end.other"));
    // The plugin is switched off, Claude Code resumes the conversation, and the plugin is switched on.
    let lines = [answered(&session, 2), vec![noticed(&session.call(2))]].concat();
    assert_eq!(told(&session.send(&session.event("session-start.resume"))), "");
    assert_eq!(stops(&session, &lines, &[]), "");
    assert_eq!(told(&session.types()), "");
}

/// A second hook found the same call and its end, and its events come when the record is retired.
#[test]
fn a_late_second_find_repeats_no_result() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.call(1).starts();
    let mut lines = answered(&session, 2);
    lines.push(noticed(&session.call(2)));
    let lock = session.holds_the_lock();
    assert_eq!(stops(&session, &lines, &["b1"]), "");
    drop(lock);
    let inbox = env.state().join("inbox");
    let posted: Vec<(std::path::PathBuf, Vec<u8>)> = fs::read_dir(&inbox)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(&path).unwrap()))
        .collect();
    assert_eq!(posted.len(), 2);
    assert!(told(&session.types()).contains("failed with exit code 4"));
    session.time_goes_by();
    assert_eq!(told(&session.types()), "");
    assert_eq!(session.finished().len(), 1);
    for (path, event) in posted {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        fs::write(inbox.join(name.replacen('0', "1", 1)), event).unwrap();
    }
    assert_eq!(told(&session.types()), "");
}
