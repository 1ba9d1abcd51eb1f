//! What is known of a command when it has ended, and what its runner costs until then.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use chrono::{DateTime, Utc};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sisyphus_testing::{Client, Shell, wait_until};

use crate::support::{fixture, in_both};

const KEPT: u64 = 10 * 1024 * 1024;

fn time(task: &Value, field: &str) -> DateTime<Utc> {
    serde_json::from_value(task[field].clone()).unwrap()
}

fn kept(task: &Value) -> Vec<u8> {
    fs::read(task["output_file"].as_str().unwrap()).unwrap()
}

#[test]
fn times_and_output_are_true() {
    in_both(|client| {
        let command =
            format!("echo before; {} 0.5; echo after >&2; exit 3", fixture(client, "sleep"));
        let before = Utc::now();
        let running = client.background(&command);
        let finished = running.wait();
        let after = Utc::now();
        let task = client.task();
        let (started, ended) = (time(&task, "started_at"), time(&task, "ended_at"));
        assert!(before <= started && ended <= after, "{before} {after} {task:#}");
        let duration = task["duration_ms"].as_i64().unwrap();
        assert!(duration >= 500, "{task:#}");
        assert!((duration - (ended - started).num_milliseconds()).abs() < 100, "{task:#}");
        assert_eq!(kept(&task), b"before\nafter\n");
        assert_eq!(finished.text(), "before\nafter\n");
        assert_eq!((&task["output_bytes"], &task["output_dropped_bytes"]), (&json!(13), &json!(0)));
        assert!(!client.run_dir(&finished.id).exists(), "left behind");
        let claims = fs::read_dir(client.env.state().join("claims")).unwrap();
        assert_eq!(claims.count(), 0, "a handoff was left behind");
    });
}

/// S20: the next hook keeps what children write after the shell has ended, and reports it. S21: it does not keep the
/// line that Claude Code appends. Claude Code's file may be gone then.
#[test]
fn what_is_written_after_the_end_is_kept() {
    in_both(|client| {
        let commands = [
            "echo early; (until [ -e go ]; do sleep 0.02; done; echo late) &",
            "exec > >(while read -r l; do echo $l; until [ -e go ]; do sleep 0.02; done; echo late; done); echo early",
        ];
        for command in commands {
            let _ = fs::remove_file(client.env.project().join("go"));
            let running = client.background(command);
            let (id, path) = (running.id.clone(), running.output.clone());
            running.wait_for_line("early");
            running.wait();
            let mut file = fs::File::options().append(true).open(&path).unwrap();
            file.write_all(b"\n[exited with code 0]\n").unwrap();
            fs::write(client.env.project().join("go"), "").unwrap();
            wait_until("the late line", || fs::read_to_string(&path).unwrap().ends_with("late\n"));
            let told = client.types();
            assert!(told.contains("\n| early\n| late\n"), "{command}: {told}");
            assert!(told.contains("output (2 lines, 11 bytes;"), "{command}: {told}");
            fs::remove_file(&path).unwrap();
            let output = client.env.run("sisyphus", &["output", &id]);
            assert_eq!(output.stdout, "early\nlate\n", "{command}");
        }
    });
}

/// S20: a longer file of the same name that begins with something else is another task's.
#[test]
fn a_longer_file_of_another_task_is_not_read() {
    let client = Client::new(Shell::Bash);
    let running = client.background("echo early");
    let (id, path) = (running.id.clone(), running.output.clone());
    running.wait();
    let output = || client.env.run("sisyphus", &["output", &id]).stdout;
    fs::write(&path, "early\n\n[exited with code 0]\nlate\n").unwrap();
    assert_eq!(output(), "early\nlate\n");
    fs::write(&path, "of another task, and longer\n").unwrap();
    assert_eq!(output(), "early\nlate\n");
}

/// S21: Claude Code's `[killed]` is not part of the command's output.
#[test]
fn the_clients_word_for_a_stop_is_not_kept() {
    in_both(|client| {
        let running = client.background("echo early; exec sleep 3600");
        running.wait_for_line("early");
        client.wait_until_running(&running);
        let mut file = fs::File::options().append(true).open(&running.output).unwrap();
        file.write_all(b"\n[killed]\n").unwrap();
        running.process.signal(Signal::SIGTERM);
        running.command().signal(Signal::SIGTERM);
        running.wait();
        let task = client.task();
        assert_eq!(
            (task["status"].as_str(), kept(&task)),
            (Some("cancelled"), b"early\n".to_vec())
        );
        assert_eq!(task["output_bytes"], 6);
    });
}

#[test]
fn of_a_long_output_head_and_tail_are_kept() {
    let client = Client::new(Shell::Bash);
    let command = "echo first; head -c 12000000 /dev/zero | tr '\\0' x; echo last";
    let finished = client.background(command).wait();
    let task = client.task();
    let bytes = finished.output.len() as u64;
    assert_eq!(bytes, 12_000_011);
    let dropped = bytes - KEPT;
    assert_eq!(
        (&task["output_bytes"], &task["output_dropped_bytes"]),
        (&json!(bytes), &json!(dropped))
    );
    let kept = kept(&task);
    let mark = format!("\n[sisyphus: {dropped} bytes dropped here]\n");
    let half = usize::try_from(KEPT / 2).unwrap();
    assert_eq!(kept.len(), 2 * half + mark.len());
    assert!(kept.starts_with(b"first\nx") && kept.ends_with(b"xlast\n"));
    assert!(&kept[half..half + mark.len()] == mark.as_bytes(), "the mark is not in the middle");
}

#[test]
fn binary_output_survives() {
    in_both(|client| {
        let finished = client.background("printf '\\0\\1\\377\\376\\r\\n\\033[1m\\0'").wait();
        assert_eq!(finished.output, b"\0\x01\xff\xfe\r\n\x1b[1m\0");
        assert_eq!(kept(&client.task()), finished.output);
    });
}

#[test]
fn an_output_file_that_is_gone_costs_only_the_output() {
    in_both(|client| {
        let command = format!("echo ready; {} 0.3; exit 6", fixture(client, "sleep"));
        let call = client.announce(&command);
        let running = client.start(&command);
        running.wait_for_line("ready");
        client.bind(call, &running);
        fs::remove_file(&running.output).unwrap();
        assert_eq!(running.wait().status.code(), Some(6));
        let task = client.task();
        assert_eq!((&task["status"], &task["exit_code"]), (&json!("failed"), &json!(6)));
        assert!(task["duration_ms"].as_u64().unwrap() >= 300);
    });
}

/// I6: without Claude Code's output file on its standard output a shell has no name, so no runner takes its place.
#[test]
fn a_shell_with_a_pipe_for_an_output_is_left_alone() {
    in_both(|client| {
        let command = "until [ -e stop ]; do sleep 0.02; done; exit 6";
        let call = client.announce(command);
        let errors = client.env.path().join("errors");
        let running = client.spawn(&client.attached(command), |shell, _| {
            shell.stdout(Stdio::piped()).stderr(fs::File::create(&errors).unwrap());
        });
        client.bind(call, &running);
        assert!(!client.run_dir(&running.id).join("attached.json").exists());
        let (id, program) = (running.id.clone(), running.process.program());
        assert_ne!(program, Some(client.runner()));
        fs::write(client.env.project().join("stop"), "").unwrap();
        assert_eq!(running.wait().status.code(), Some(6));
        assert_eq!(fs::read_to_string(&errors).unwrap(), "");
        let task = client.task();
        assert_eq!((&task["status"], &task["client_id"]), (&json!("pending"), &json!(id)));
    });
}

/// What each waiting runner costs is its own memory. The pages of its program are the same for all runners, and those of
/// a debug build say nothing of what a user runs: `cargo xtask bench memory` measures both in a release build.
#[test]
fn a_waiting_runner_is_small_and_idle() {
    let client = Client::new(Shell::Bash);
    let command = format!("{} 3600; true", fixture(&client, "sleep"));
    let running = client.background(&command);
    client.running_task();
    let size = |line: &str| -> u64 {
        let said = running.process.status_line(line).unwrap();
        println!("{line} of a waiting runner of a debug build: {said}");
        said.split(' ').next().unwrap().parse().unwrap()
    };
    assert!(size("RssAnon") < 1024);
    assert!(size("VmRSS") < 10 * 1024);
    assert_eq!(running.process.status_line("Threads").as_deref(), Some("1"));
    wait_until("it to sleep", || running.process.stat().is_some_and(|stat| stat.state == 'S'));
}
