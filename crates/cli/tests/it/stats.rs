//! `sisyphus stats`.

use std::fs;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use sisyphus_testing::{Client, Shell, TestEnv, wait_until};

use crate::planted::{ended, failed, plant, plant_text, prints, running};
use crate::pty::Terminal;

fn took(mut task: Value, command: &str, ms: u64, waited: u64) -> Value {
    task["command"] = command.into();
    task["status"]["duration_ms"] = ms.into();
    task["status"]["waited_ms"] = waited.into();
    task
}

fn stats(env: &TestEnv, more: &[&str]) -> Value {
    let text = prints(env, &[&["stats", "--json"], more].concat());
    let stats: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(stats["version"], 1);
    stats
}

fn planted() -> TestEnv {
    let env = TestEnv::new();
    let tests = (1..=3).map(|number| {
        took(ended(&format!("t{number}"), "", number), "npm test", u64::from(number) * 1_000, 0)
    });
    let mut completed: Vec<Value> = tests.collect();
    completed.push(took(ended("t4", "", 4), "npm   test", 60_000, 9_000));
    plant(&env, "completed.json", &completed);
    let mut lost = failed("t6", "", 6);
    lost["status"] = json!({ "state": "finished", "outcome": "lost", "why": "runner_died", "ended_at": "2026-11-21T02:30:06Z" });
    plant(&env, "failed.json", &[took(failed("t5", "", 5), "npm test", 4_000, 0), lost]);
    plant_text(
        &env,
        "archive/2026-10.jsonl",
        &format!("{}\n", took(failed("told", "", 1), "make", 10, 0)),
    );
    plant(&env, "active.json", &[running("t7", "")]);
    env
}

#[test]
fn figures_are_counted_by_command_and_in_all() {
    let env = planted();
    let said = stats(&env, &[]);
    assert_eq!(said["not_ended"], 1);
    let commands = said["commands"].as_array().unwrap();
    let names: Vec<&Value> = commands.iter().map(|it| &it["command"]).collect();
    assert_eq!(names, ["npm test", "make"]);
    // The lost one has the same command, but says nothing about it.
    assert_eq!(
        commands[0],
        json!({
            "command": "npm test", "runs": 6, "outcomes": { "completed": 4, "failed": 1, "lost": 1 },
            "success_rate": 0.8,
            "duration_ms": { "count": 5, "median": 3_000, "p95": 60_000 },
            "waited_ms": { "count": 5, "median": 0, "p95": 9_000 },
            "cpu_ms": null, "largest_process_bytes": null,
        })
    );
    assert_eq!(commands[1]["success_rate"], 0.0);
    assert_eq!(said["total"]["runs"], 7);
    assert_eq!(stats(&env, &["--top", "1"])["commands"].as_array().unwrap().len(), 1);
}

#[test]
fn services_are_commands_and_agents_are_not() {
    let env = TestEnv::new();
    let of_kind = |mut task: Value, kind: &str, command: &str| {
        (task["kind"], task["command"]) = (kind.into(), command.into());
        task
    };
    let agents = ["t2", "t3"].map(|id| of_kind(ended(id, "look around", 2), "agent", ""));
    plant(&env, "completed.json", &agents);
    plant(&env, "active.json", &[of_kind(running("t4", ""), "agent", "")]);
    assert_eq!(prints(&env, &["stats"]), "No background command has ended yet.\n");
    let with_service = [&agents[..], &[of_kind(ended("t1", "", 1), "service", "npm start")]];
    plant(&env, "completed.json", &with_service.concat());
    let said = stats(&env, &[]);
    let commands = said["commands"].as_array().unwrap();
    let rows: Vec<_> = commands.iter().map(|it| (&it["command"], &it["runs"])).collect();
    assert_eq!(rows, [(&json!("npm start"), &json!(1))], "{said:#}");
    assert_eq!(said["total"]["outcomes"], json!({ "completed": 1 }));
    assert_eq!(said["not_ended"], 0);
}

#[test]
fn only_the_last_days_count_if_that_is_wanted() {
    let env = planted();
    let mut recent = took(ended("tnew", "", 1), "cargo build", 5, 0);
    recent["status"]["ended_at"] = (Utc::now() - TimeDelta::hours(1)).to_rfc3339().into();
    let mut old = recent.clone();
    old["id"] = "tolder".into();
    old["status"]["ended_at"] = (Utc::now() - TimeDelta::days(9)).to_rfc3339().into();
    plant(&env, "completed.json", &[old, recent]);
    plant(&env, "failed.json", &[]);
    plant_text(&env, "archive/2026-10.jsonl", "");
    assert_eq!(stats(&env, &["--days", "1"])["total"]["runs"], 1);
    assert_eq!(stats(&env, &["--days", "10"])["total"]["runs"], 2);
}

#[test]
fn the_table_says_it_to_people() {
    let env = planted();
    let text = prints(&env, &["stats"]);
    let lines: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["RUNS", "OK", "MEDIAN", "P95", "WAIT", "WAIT", "P95", "COMMAND"]);
    assert_eq!(lines[1], ["6", "80", "%", "3", "s", "60", "s", "0", "s", "9", "s", "npm", "test"]);
    assert_eq!(lines[2], ["1", "0", "%", "0", "s", "0", "s", "0", "s", "0", "s", "make"]);
    assert_eq!(lines[3][..3], ["7", "67", "%"]);
    assert!(text.ends_with("\n7 ended: 4 completed, 2 failed, 1 lost\n"), "{text}");
    assert_eq!(prints(&TestEnv::new(), &["stats"]), "No background command has ended yet.\n");
    let narrow = Terminal::new(&env).with("NO_COLOR", "1").sized(60, 24).run("stats").stdout;
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    let narrow = Terminal::new(&env).with("NO_COLOR", "1").sized(50, 24).run("stats").stdout;
    assert!(narrow.contains("  COMMAND\n") && narrow.contains("  all commands\n"), "{narrow}");
}

/// The help says of each status whether it counts for OK, as the figures count it.
#[test]
fn the_help_explains_ok() {
    let env = TestEnv::new();
    let help = prints(&env, &["stats", "--help"]);
    let (_, ok) = help.split_once("\nOK is ").unwrap();
    let (counts, rest) = ok.split_once('.').unwrap();
    for (word, more) in [
        ("failed", json!({ "exit_code": 3 })),
        ("killed", json!({ "signal": 9 })),
        ("timed_out", json!({ "limit_ms": 5 })),
        ("cancelled", json!({ "by": "user" })),
        ("lost", json!({ "why": "runner_died" })),
        ("skipped", json!({ "after": "t9", "because": "failed" })),
        ("unknown", json!({})),
    ] {
        let mut other = ended("t2", "", 2);
        other["status"]["outcome"] = word.into();
        other["status"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        plant(&env, "completed.json", &[ended("t1", "", 1), other]);
        let said = stats(&env, &[]);
        assert_eq!(said["total"]["outcomes"], json!({ "completed": 1, word: 1 }));
        let is_counted = said["total"]["success_rate"] == 0.5;
        assert_eq!(said["total"]["success_rate"], if is_counted { 0.5 } else { 1.0 });
        let place = if is_counted { counts } else { rest };
        assert!(place.contains(&word.replace('_', " ")), "{word}: {help}");
    }
}

/// Times add up and sizes do not. A record without figures adds nothing.
#[test]
fn what_commands_used_is_summed_up() {
    let env = TestEnv::new();
    let used = |mut task: Value, command: &str, cpu_ms: u64, largest: u64| {
        task["status"]["usage"] = json!({ "cpu_ms": cpu_ms, "largest_process_bytes": largest });
        task["command"] = command.into();
        task
    };
    let tasks = [
        used(ended("t1", "", 1), "make", 2_000, 300_000_000),
        used(ended("t2", "", 2), "make", 1_500, 1_200_000_000),
        used(ended("t3", "", 3), "npm test", u64::MAX, u64::MAX),
        ended("t4", "", 4),
    ];
    plant(&env, "completed.json", &tasks);
    let said = stats(&env, &[]);
    let of = |name: &str| {
        let commands = said["commands"].as_array().unwrap().iter();
        let mut found = commands.filter(|it| it["command"] == name);
        let found = found.next().unwrap();
        (found["cpu_ms"].as_u64(), found["largest_process_bytes"].as_u64())
    };
    assert_eq!(of("make"), (Some(3_500), Some(1_200_000_000)));
    assert_eq!(said["total"]["cpu_ms"], u64::MAX, "it does not overflow");
    plant(&env, "completed.json", &tasks[..2]);
    let text = prints(&env, &["stats"]);
    let lines: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][7..], ["CPU", "LARGEST", "PROCESS", "COMMAND"], "{text}");
    assert_eq!(
        lines[1].iter().rev().take(5).rev().copied().collect::<Vec<_>>(),
        ["3.5", "s", "1.2", "GB", "make"]
    );
    let narrow =
        |columns| Terminal::new(&env).with("NO_COLOR", "1").sized(columns, 24).run("stats").stdout;
    assert!(narrow(100).contains("LARGEST"));
    assert!(!narrow(60).contains("LARGEST"), "{}", narrow(60));
}

#[test]
fn a_hostile_command_is_text() {
    let env = TestEnv::new();
    plant(
        &env,
        "completed.json",
        &[took(ended("t1", "", 1), "\u{1b}]0;pwned\u{7}\u{202e}x\u{1b}[2J\ny", 1, 1)],
    );
    let text = prints(&env, &["stats"]);
    assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']) && !text.contains("pwned"), "{text:?}");
    assert_eq!(text.lines().count(), 5, "{text:?}");
}

#[test]
fn the_time_in_the_queue_is_that_of_real_commands() {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "max_background_tasks": 1 }));
    let first = client.background("until [ -e go ]; do sleep 0.02; done; sleep 2");
    wait_until("one that runs", || client.tasks().iter().any(|it| it["status"] == "running"));
    let second = client.background("true");
    wait_until("one that waits", || client.tasks().iter().any(|it| it["status"] == "queued"));
    fs::write(client.env.project().join("go"), "").unwrap();
    first.wait();
    second.wait();
    let said = stats(&client.env, &[]);
    assert_eq!(said["total"]["waited_ms"]["count"], 2, "{said:#}");
    assert!(said["total"]["waited_ms"]["p95"].as_u64().unwrap() >= 1_900, "{said:#}");
    assert!(said["total"]["waited_ms"]["median"].as_u64().unwrap() < 1_900, "{said:#}");
}
