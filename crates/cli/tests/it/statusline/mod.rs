//! `sisyphus statusline`: what Claude Code shows below its prompt, and above it.

mod band;

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use nix::fcntl::{Flock, FlockArg};
use serde_json::{Value, json};
use sisyphus_testing::{Client, Shell, TestEnv, env, wait_until};

use crate::planted::{failed, plant, plant_text, running, task};
use crate::pty::Terminal;

/// What it says for an input.
fn says(env: &TestEnv, input: &str) -> String {
    let mut command = env.command("sisyphus");
    command.arg("statusline");
    let output = env::run(command, input.as_bytes());
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
    output.stdout
}

/// The fields of Claude Code's input that matter here.
fn of_session(session: &str) -> String {
    json!({ "hook_event_name": "Status", "session_id": session, "model": { "id": "m" }, "cwd": "/" })
        .to_string()
}

fn failed_ago(id: &str, minutes: i64) -> Value {
    let mut task = failed(id, "", 1);
    task["status"]["ended_at"] = (Utc::now() - TimeDelta::minutes(minutes)).to_rfc3339().into();
    task
}

#[test]
fn it_says_what_runs_what_waits_and_what_went_wrong() {
    let env = TestEnv::new();
    let mut other = running("t9", "");
    other["session"] = "session-2".into();
    plant(&env, "active.json", &[running("t1", ""), running("t2", ""), other]);
    assert_eq!(says(&env, &of_session("session-1")), "▶2\n");
    assert_eq!(says(&env, &of_session("session-2")), "▶1\n");
    assert_eq!(says(&env, &of_session("session-3")), "");
    // The input names no session.
    assert_eq!(says(&env, ""), "▶3\n");
    plant(&env, "failed.json", &[failed_ago("t6", 60), failed_ago("t5", 1)]);
    let mut cancelled = failed_ago("t7", 1);
    cancelled["status"]["outcome"] = "cancelled".into();
    cancelled["status"]["by"] = "user".into();
    plant(&env, "failed.json", &[failed_ago("t6", 60), failed_ago("t5", 1), cancelled]);
    assert_eq!(says(&env, &of_session("session-1")), "▶2 ✖1\n");
    assert_eq!(says(&env, &of_session("session-2")), "▶1\n");
}

/// Where nothing runs, `sisyphus statusline` prints nothing and creates nothing.
#[test]
fn where_nothing_runs_it_says_nothing() {
    let env = TestEnv::new();
    assert_eq!(says(&env, &of_session("session-1")), "");
    assert!(!env.home().join(".claude").exists());
    plant(&env, "failed.json", &[failed_ago("t5", 1)]);
    plant(&env, "active.json", &[]);
    assert_eq!(says(&env, &of_session("session-1")), "");
}

#[test]
fn a_real_queue_is_counted() {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "max_background_tasks": 1 }));
    let first = client.background("until [ -e go ]; do sleep 0.02; done");
    wait_until("one that runs", || says(&client.env, "") == "▶1\n");
    let second = client.background("true");
    wait_until("one that waits", || says(&client.env, &of_session("session-1")) == "▶1 ⏳1\n");
    fs::write(client.env.project().join("go"), "").unwrap();
    first.wait();
    second.wait();
    wait_until("the end of both", || says(&client.env, "").is_empty());
}

/// Whatever its input and the state hold, `sisyphus statusline` answers soon and never fails.
#[test]
fn any_question_is_answered_soon() {
    let env = TestEnv::new();
    plant(&env, "active.json", &[running("t1", "")]);
    let huge = format!("{{\"x\": \"{}\"}}", "y".repeat(5 << 20));
    for input in
        ["{", "[]", "null", "{\"session_id\": 5}", "{\"session_id\": \"../x\"}", "\u{0}", &huge]
    {
        assert_eq!(says(&env, input), "▶1\n", "{}", &input[..input.len().min(40)]);
    }
    // `statusline` does not wait for a caller that never closes its end, whether the caller writes or not.
    for written in ["", &of_session("session-1")] {
        let begun = Instant::now();
        let mut command = env.command("sisyphus");
        let mut child =
            command.arg("statusline").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, written.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "▶1\n");
        assert!(begun.elapsed() < Duration::from_secs(5));
        drop(stdin);
    }
    // What can't be read is nothing to say.
    plant_text(&env, "failed.json", "{broken");
    assert_eq!(says(&env, ""), "▶1\n");
    plant_text(&env, "active.json", "{\"version\": 99}");
    assert_eq!(says(&env, ""), "");
    assert_eq!(env::run(without_home(&env), b"").code, Some(0));
}

fn without_home(env: &TestEnv) -> Command {
    let mut command = env.command("sisyphus");
    command.arg("statusline").env_remove("HOME");
    command
}

#[test]
fn it_does_not_wait_for_whoever_holds_the_lock() {
    let env = TestEnv::new();
    // The run of a queued task is gone, which the state does not know yet.
    let mut gone =
        task("tgone1111", "", json!({ "state": "queued", "queued_at": "2026-01-01T00:00:00Z" }));
    gone["client"] = json!({ "id": "bgone" });
    plant(&env, "active.json", &[gone, running("t1", "")]);
    let file = fs::File::create(env.state().join("state.lock")).unwrap();
    let lock = Flock::lock(file, FlockArg::LockExclusive).unwrap();
    assert_eq!(says(&env, ""), "▶1 ⏳1\n");
    drop(lock);
    assert_eq!(says(&env, ""), "▶1 ✖1\n");
}

#[test]
fn a_person_at_a_terminal_sees_all() {
    let env = TestEnv::new();
    plant(&env, "active.json", &[running("t1", "")]);
    assert_eq!(Terminal::new(&env).run("statusline").stdout, "▶1\n");
}
