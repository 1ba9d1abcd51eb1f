//! `sisyphus statusline --json`: what the module draws inside Claude Code.

use std::fs;

use chrono::Utc;
use serde_json::{Value, json};
use sisyphus_testing::{Client, Shell, TestEnv, env, wait_until};

use crate::planted::{failed, plant, running};

/// The answer to the module of a session, or of none.
fn answers(env: &TestEnv, session: &str, more: &[&str]) -> Value {
    let mut command = env.command("sisyphus");
    command.args(["statusline", "--json"]).args(more);
    // The module knows the transcript of its session.
    let input =
        json!({ "transcript_path": format!("/home/dev/.claude/projects/p/{session}.jsonl") });
    let output = env::run(command, input.to_string().as_bytes());
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
    serde_json::from_str(&output.stdout).unwrap()
}

fn row(id: &str, tone: &str, sign: &str, what: &str, how: &str) -> Value {
    json!({ "id": id, "tone": tone, "sign": sign, "what": what, "how": how })
}

fn failed_now(id: &str, description: &str) -> Value {
    let mut task = failed(id, description, 1);
    task["status"]["ended_at"] = json!(Utc::now());
    task
}

fn running_now(id: &str, description: &str) -> Value {
    let mut task = running(id, description);
    task["status"]["started_at"] = json!(Utc::now());
    task
}

#[test]
fn the_newest_failure_stands_below_what_runs() {
    let env = TestEnv::new();
    plant(&env, "active.json", &[running_now("t1", "build")]);
    plant(&env, "failed.json", &[failed_now("t2", "old"), failed_now("t3", "tests")]);
    fs::create_dir_all(env.state().join("output")).unwrap();
    fs::write(env.state().join("output/t3.log"), "1 ok\n\u{1b}[2J3 of 40 failed\n\n").unwrap();
    let answer = answers(&env, "session-1", &[]);
    let failure = row("t3", "bad", "✖", "tests", "failed with exit code 3 · 3 of 40 failed");
    assert_eq!(answer["band"], json!([row("t1", "running", "▶", "build", "0 s"), failure]));
    assert_eq!(answer["tasks"].as_array().unwrap().len(), 3);
    assert_eq!((&answer["running"], &answer["failed"]), (&json!(1), &json!(2)));
    let other = answers(&env, "session-2", &[]);
    assert_eq!((&other["band"], &other["tasks"]), (&json!([]), &json!([])));
}

/// The band has room for four. The pane lists all.
#[test]
fn the_band_is_short() {
    let env = TestEnv::new();
    let tasks: Vec<Value> = (1..=9).map(|it| running_now(&format!("t{it}"), "build")).collect();
    plant(&env, "active.json", &tasks);
    let answer = answers(&env, "session-1", &[]);
    assert_eq!(answer["band"].as_array().unwrap().len(), 4);
    assert_eq!((&answer["more"], &answer["running"]), (&json!(5), &json!(9)));
    assert_eq!(answer["tasks"].as_array().unwrap().len(), 9);
}

#[test]
fn the_user_may_want_no_band() {
    let env = TestEnv::new();
    plant(&env, "active.json", &[running_now("t1", "build")]);
    env.set(&json!({ "band": false }));
    let answer = answers(&env, "session-1", &[]);
    assert_eq!((&answer["band"], &answer["more"]), (&json!([]), &json!(0)));
    assert_eq!(answer["tasks"].as_array().unwrap().len(), 1, "the pane still has it");
}

/// A project may want no band either. The module names no project: the program starts in its folder.
#[test]
fn a_project_may_want_no_band() {
    let env = TestEnv::new();
    plant(&env, "active.json", &[running_now("t1", "build")]);
    let settings = env.project().join(".claude/settings.json");
    fs::create_dir_all(settings.parent().unwrap()).unwrap();
    fs::write(&settings, json!({ "sisyphus": { "band": false } }).to_string()).unwrap();
    assert_eq!(answers(&env, "session-1", &[])["band"], json!([]));
}

/// Names and outputs are foreign. None of them reaches the screen as more than text on one line.
#[test]
fn hostile_texts_are_harmless() {
    let env = TestEnv::new();
    let hostile = "a\u{1b}]0;title\u{7}\nb\u{202e}c\u{9b}2J";
    plant(&env, "active.json", &[]);
    plant(&env, "failed.json", &[failed_now("t1", hostile)]);
    fs::create_dir_all(env.state().join("output")).unwrap();
    fs::write(env.state().join("output/t1.log"), format!("{hostile}\n\r\u{1b}[31mred\n")).unwrap();
    let answer = answers(&env, "session-1", &["--task", "t1"]);
    let mut texts = vec![answer["band"][0]["what"].clone(), answer["band"][0]["how"].clone()];
    texts.extend(answer["chosen"]["lines"].as_array().unwrap().iter().cloned());
    assert_eq!(texts.len(), 5, "{texts:?}");
    for text in texts {
        let text = text.as_str().unwrap();
        let is_harmless = |it: char| !it.is_control() && it != '\u{202e}';
        assert!(text.chars().all(is_harmless), "{text:?}");
    }
    assert_eq!(answer["chosen"]["can_cancel"], json!(false));
    assert_eq!(answers(&env, "session-1", &["--task", "../t1"])["chosen"], Value::Null);
}

/// A real queue: one runs, with its last line, and one waits.
#[test]
fn a_real_queue_is_drawn() {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "max_background_tasks": 1 }));
    let first = client.background("echo begun; until [ -e go ]; do sleep 0.02; done");
    wait_until("the last line", || {
        let answer = answers(&client.env, "session-1", &[]);
        answer["band"][0]["how"].as_str().is_some_and(|how| how.ends_with(" · begun"))
    });
    let second = client.background("true");
    wait_until("the place", || {
        let answer = answers(&client.env, "session-1", &[]);
        (&answer["band"][1]["how"], &answer["queued"]) == (&json!("queued, number 1"), &json!(1))
    });
    fs::write(client.env.project().join("go"), "").unwrap();
    first.wait();
    second.wait();
    wait_until("the end of both", || {
        let answer = answers(&client.env, "session-1", &[]);
        answer["band"] == json!([]) && answer["tasks"].as_array().unwrap().len() == 2
    });
}
