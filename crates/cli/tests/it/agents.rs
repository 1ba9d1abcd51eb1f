//! Claude Code's agents, which have neither a command nor output.

use serde_json::{Value, json};
use sisyphus_testing::{TestEnv, gone_client, wait_until};

use crate::planted::{assert_fails, ended, failed, listed, plant, plant_text, prints, running};
use crate::pty::Terminal;

fn agent(mut task: Value) -> Value {
    task["kind"] = "agent".into();
    task["command"] = "".into();
    task["client"] = json!({ "id": "a1" });
    task["launched"] = json!({ "agent_type": "Explore", "resolved_model": "claude-opus-4-5",
                               "prompt": "find it", "prompt_length": 7 });
    task
}

fn rate_limited() -> Value {
    let mut task = agent(failed("t2", "the other", 5));
    task["status"]["outcome"] = "agent_failed".into();
    task["status"]["why"] = "rate_limit".into();
    task
}

/// A running agent, and one that waits for the only slot.
fn plant_one_in_line(env: &TestEnv) {
    env.set(&json!({ "max_background_tasks": 1 }));
    let mut task = agent(running("t1", "look around"));
    // How long it has been running takes room on the screen.
    task["status"]["started_at"] = json!(chrono::Utc::now());
    let mut waiting = agent(running("t3", "the third"));
    waiting["client"]["id"] = "a3".into();
    waiting["launched"] = json!({ "agent_type": "Plan", "prompt": "plan", "prompt_length": 4 });
    waiting["status"] = json!({ "state": "queued", "queued_at": chrono::Utc::now() });
    plant(env, "active.json", &[task, waiting]);
}

#[test]
fn agents_are_listed_and_shown_as_what_they_are() {
    let env = TestEnv::new();
    plant_one_in_line(&env);
    plant(&env, "failed.json", &[rate_limited()]);

    let text = prints(&env, &["list"]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[1].starts_with("t1         running")
            && lines[1].ends_with("agent Explore: look around"),
        "{text}"
    );
    assert!(
        lines[2].starts_with("t3         queued(1)") && lines[2].ends_with("agent Plan: the third"),
        "{text}"
    );
    assert!(
        lines[3].starts_with("t2         failed(rate limit)")
            && lines[3].ends_with("agent Explore: the other"),
        "{text}"
    );
    let tasks = listed(&env, &[]);
    let fields = |number: usize| {
        let task = &tasks[number];
        ["kind", "status", "agent_type", "model", "failed_because"].map(|name| task[name].clone())
    };
    assert_eq!(json!(fields(0)), json!(["agent", "running", "Explore", "claude-opus-4-5", null]));
    assert_eq!(json!(fields(1)), json!(["agent", "queued", "Plan", null, null]));
    assert_eq!(
        json!(fields(2)),
        json!(["agent", "failed", "Explore", "claude-opus-4-5", "rate_limit"])
    );
    let all: Value = serde_json::from_str(&prints(&env, &["list", "--json"])).unwrap();
    assert_eq!(all["in_line"], json!([]));
    let shown = prints(&env, &["show", "a3"]);
    assert!(shown.contains("place in queue: 1\n"), "{shown}");

    let shown = prints(&env, &["show", "a1"]);
    assert!(shown.starts_with("t1 (\"look around\") is running, for "), "{shown}");
    assert!(!shown.contains("watched:"), "{shown}");
    let shown = prints(&env, &["show", "t2"]);
    let expected = "[sisyphus] Background task t2 (\"the other\") failed at a rate limit.\n\
                    agent: Explore, model claude-opus-4-5\nprompt: find it\nfolder: ";
    assert!(shown.starts_with(expected), "{shown}");
}

/// The module in Claude Code reads which agents wait, and nothing if the user wants no marks.
#[test]
fn the_module_reads_which_agents_wait() {
    let env = TestEnv::new();
    let marks = || {
        let text = prints(&env, &["statusline", "--json"]);
        serde_json::from_str::<Value>(&text).unwrap()["queued_agents"].clone()
    };
    assert_eq!(marks(), json!({}));
    plant_one_in_line(&env);
    assert_eq!(marks(), json!({ "a3": "queued(1)" }));
    env.set(&json!({ "max_background_tasks": 1, "mark_queued_agents": false }));
    assert_eq!(marks(), json!({}));
}

/// Of an agent that has ended, people read how long it ran and how long it was queued before.
#[test]
fn an_agent_has_its_times() {
    let env = TestEnv::new();
    let mut task = agent(ended("t1", "look around", 5));
    task["status"]["started_at"] = "2026-11-21T02:28:00Z".into();
    task["launched"]["waited_ms"] = 42_000.into();
    plant(&env, "completed.json", &[task]);
    let shown = prints(&env, &["show", "t1"]);
    let line = |name: &str| shown.lines().find(|line| line.starts_with(name)).unwrap();
    assert!(line("started: ").ends_with(", after 42 s in the queue"), "{shown}");
    assert!(line("ended: ").ends_with(", after 2 min 5 s"), "{shown}");
    let text = prints(&env, &["list"]);
    assert!(text.contains(" 2 min 5 s "), "{text}");
    let task = &listed(&env, &[])[0];
    assert_eq!((&task["duration_ms"], &task["waited_ms"]), (&json!(125_000), &json!(42_000)));
}

/// `sisyphus list --watch` draws the queued agents, also on a terminal with few lines.
#[test]
fn watch_draws_the_agent_line() {
    let env = TestEnv::new();
    plant_one_in_line(&env);
    let many: Vec<Value> = (10..30).map(|it| ended(&format!("t{it}"), "", it)).collect();
    plant(&env, "completed.json", &many);
    for (height, drawn) in [(40, 24), (8, 7)] {
        let screen = Terminal::new(&env).sized(80, height).start("list --watch");
        let again = format!("\u{1b}[{drawn}A");
        wait_until("the second drawing", || screen.text().contains(&again));
        let first = screen.text().split(&again).next().unwrap().to_owned();
        let lines: Vec<&str> = first.lines().collect();
        assert!(lines[1].contains("agent Explore: look around"), "{height}: {first:?}");
        assert!(lines[2].contains("queued(1)"), "{height}: {first:?}");
        assert!(lines[2].ends_with("agent Plan: the third"), "{height}: {first:?}");
        // The newest of what has ended.
        assert!(lines[3].starts_with("t29 "), "{height}: {first:?}");
    }
}

/// `sisyphus output` does not print an agent's transcript, and `sisyphus cancel` leaves the agent to Claude Code.
#[test]
fn an_agent_has_no_output_and_no_stop_of_ours() {
    let env = TestEnv::new();
    plant(&env, "active.json", &[agent(running("t1", "look around"))]);
    let folder = env.client_tmp().join("-home-dev-proj/session-1/tasks");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a1.output"), "{\"secret\":1}\n").unwrap();
    assert_fails(&env.run("sisyphus", &["output", "t1"]), 1, "it has no output");
    assert_fails(&env.run("sisyphus", &["cancel", "t1"]), 1, "only Claude Code can stop it");
}

/// `sisyphus output` and `sisyphus show` give what an ended agent said last, from our file and no other.
#[test]
fn an_agents_last_message_is_shown() {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[agent(ended("t1", "look around", 5))]);
    plant(&env, "failed.json", &[rate_limited()]);
    let folder = env.client_tmp().join("-home-dev-proj/session-1/tasks");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a1.output"), "{\"secret\":1}\n").unwrap();
    assert_fails(&env.run("sisyphus", &["output", "t1"]), 1, "it has no output");
    plant_text(&env, "output/t1.log", "Found 3 places.\n\n- one\n");
    assert_eq!(prints(&env, &["output", "t1"]), "Found 3 places.\n\n- one\n");
    assert_eq!(prints(&env, &["output", "-n", "1", "t1"]), "- one\n");
    let shown = prints(&env, &["show", "t1"]);
    let expected = "\nlast message (23 bytes; all of it; each line after \"| \" is the agent's):\n\
                    | Found 3 places.\n| \n| - one\n";
    assert!(shown.ends_with(expected), "{shown}");
    plant_text(&env, "output/t2.log", &"a line\n".repeat(30));
    let shown = prints(&env, &["show", "t2"]);
    assert!(
        shown.starts_with("[sisyphus] Background task t2 (\"the other\") failed at"),
        "{shown}"
    );
    assert!(shown.contains("\nlast message (210 bytes; its last 20 whole lines; each"), "{shown}");
    assert_eq!(shown.matches("| a line\n").count(), 20, "{shown}");
    let file = env.state().join("output/t1.log");
    let view: Value = serde_json::from_str(&prints(&env, &["show", "t1", "--json"])).unwrap();
    assert_eq!(view["task"]["output_file"], file.to_str().unwrap());
}

#[test]
fn an_agent_whose_client_is_gone_does_not_run() {
    let env = TestEnv::new();
    let mut task = agent(running("t1", "look around"));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    task["host"] = host.trim().into();
    task["launched"]["process"] = gone_client();
    plant(&env, "active.json", &[task]);
    assert_eq!(listed(&env, &[])[0]["status"], "lost");
    assert!(prints(&env, &["show", "t1"]).contains("was lost: its session ended"));
}
