//! A model starts one failing command after the other, and Claude Code announces none of the results. The waiters wake
//! it a bounded number of times, and nothing is lost.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::Stdio;

use serde_json::json;
use sisyphus_testing::{Output, TestEnv, wait_for};

use crate::payload::with;
use crate::session::{Call, Session};
use crate::start::{is_swallowed, log, told};

/// How often the model tries.
const TRIES: u32 = 100;
/// How often an idle session is woken within an hour.
const WAKES: usize = 20;
/// How many results a hook reports at one event.
const TOLD_AT_ONCE: usize = 20;

/// Of 100 failures in a row, the waiter wakes the session for 20. The hooks report the rest with the next events.
#[test]
fn a_loop_of_100_failures() {
    let env = TestEnv::new();
    // All of them run.
    env.set(&json!({ "max_background_tasks": 0 }));
    let session = Session::new(&env);
    let running: Vec<Running<'_>> = (1..=TRIES).map(|number| start(&session, number)).collect();
    let mut reports = BTreeMap::new();
    let mut running = running.into_iter();
    let mut wakes = 0;
    for running in running.by_ref() {
        running.fails();
        let Wake::Yes(prompt) = stops(&session) else { break };
        // A turn of the model; its end is the next Stop.
        wakes += 1;
        let output = session.submits(&prompt);
        assert!(!is_swallowed(&output), "a wake for nothing: {output:?}");
        assert_eq!(count(&told(&output), &mut reports), 1, "{output:?}");
    }
    assert_eq!(wakes, WAKES);
    // Without a turn there is no Stop, and so no other waiter.
    running.for_each(Running::fails);
    // Each next event reports as many results as there is room for, and how many are left.
    for left in [60, 40, 20, 0] {
        let text = told(&session.types());
        assert_eq!(count(&text, &mut reports), TOLD_AT_ONCE, "{text}");
        let foot = match left {
            0 => "All 100 background commands have finished: 100 failed.".to_owned(),
            left => format!(
                "No other background command is running. {left} more results follow with the next event."
            ),
        };
        assert!(text.ends_with(&foot), "{text}");
    }
    assert_eq!((session.types().stdout.as_str(), session.owed().len()), ("", 0));
    assert!(matches!(stops(&session), Wake::No));
    assert_eq!((reports.len(), reports.values().max()), (100, Some(&1)), "{reports:?}");
    assert_eq!(log(&env), "");
}

/// A background command whose runner is this test.
struct Running<'a> {
    call: Call<'a>,
    lock: File,
}

fn start<'a>(session: &'a Session<'a>, number: u32) -> Running<'a> {
    let call = session.call(number);
    session.tell(&call.before());
    let lock = call.is_attached();
    session.tell(&call.after());
    Running { call, lock }
}

impl Running<'_> {
    /// The command failed, and Claude Code's time to announce that is over.
    fn fails(self) {
        self.call.has_ended(1, 10);
        drop(self.lock);
    }
}

enum Wake {
    /// With the prompt that Claude Code makes of the waiter's words.
    Yes(String),
    No,
}

/// What the waiter of a Stop does. The Stop hook beside it does not run here: it would report the result in the same
/// turn, and this test is about a result that comes later.
fn stops(session: &Session<'_>) -> Wake {
    let output = wait(session);
    match output.code {
        Some(0) if output.stderr.is_empty() => Wake::No,
        Some(2) => {
            let rewake = session.event("user-prompt-submit.notification-rewake");
            let prompt = rewake["prompt"].as_str().unwrap();
            let recorded = "\"PostToolUse:Bash\": REWAKE-TEXT: task finished exit 3";
            assert!(prompt.contains(recorded), "{prompt}");
            Wake::Yes(prompt.replace(recorded, &format!("\"Stop\": {}", output.stderr.trim_end())))
        }
        _ => panic!("the waiter said {output:?}"),
    }
}

/// Runs the waiter to its end, which comes at once: what it could wait for is there.
fn wait(session: &Session<'_>) -> Output {
    let event = with(session.event("stop.idle"), "/stop_hook_active", false);
    let input = session.env.path().join("stop.json");
    fs::write(&input, event.to_string()).unwrap();
    let mut command = session.env.command("sisyphus-wake");
    command
        .env("CLAUDE_CODE_SESSION_ATTENDED", "1")
        .stdin(File::open(&input).unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    wait_for("the waiter to end", || child.try_wait().unwrap());
    let output = child.wait_with_output().unwrap();
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Counts the reports in a text by their task; returns how many there are.
fn count(text: &str, reports: &mut BTreeMap<String, usize>) -> usize {
    let ids = text.lines().filter_map(|line| line.strip_prefix("[sisyphus] Background task "));
    let ids: Vec<&str> = ids.filter_map(|rest| rest.split(' ').next()).collect();
    for id in &ids {
        *reports.entry((*id).to_owned()).or_default() += 1;
    }
    assert_eq!(text.matches(" failed with exit code 1 after 0 s.\n").count(), ids.len(), "{text}");
    ids.len()
}
