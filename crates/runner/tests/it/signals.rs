//! Signals to the runner, which is in the place where Claude Code expects the command's shell.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use nix::sys::signal::Signal;
use serde_json::json;
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, wait_until};

use crate::support::{fixture, in_both, kill_as_stranger};

/// Says which signals it gets, until the file `stop` is there.
const REPORT: &str = "trap 'echo got HUP' HUP; trap 'echo got INT' INT; trap 'echo got TERM' TERM; echo ready; until [ -e stop ]; do sleep 0.02; done; exit 7";

fn stop(client: &Client) {
    std::fs::write(client.env.project().join("stop"), "").unwrap();
}

/// What the command said. The shells' own lines about a `sleep` that a signal ended are left out.
fn said(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("got ") || *line == "ready").collect()
}

#[test]
fn what_a_stranger_sends_reaches_the_command_once() {
    in_both(|client| {
        let running = client.background(REPORT);
        running.wait_for_line("ready");
        for signal in ["TERM", "INT", "HUP"] {
            kill_as_stranger(running.process, signal);
            running.wait_for_line(&format!("got {signal}"));
        }
        stop(client);
        let finished = running.wait();
        assert_eq!(said(&finished.text()), ["ready", "got TERM", "got INT", "got HUP"]);
        assert_eq!(finished.status.code(), Some(7));
        // It took them as hints and ended in its own way.
        let task = client.task();
        assert_eq!((&task["status"], &task["exit_code"]), (&json!("failed"), &json!(7)));
    });
}

/// The runner does not pass on what Claude Code sends to every process, so it arrives at the command once.
#[test]
fn a_signal_to_every_process_arrives_once() {
    in_both(|client| {
        let running = client.background(REPORT);
        running.wait_for_line("ready");
        // What comes while the command is being started is passed on.
        client.wait_until_running(&running);
        let shell = running.command();
        running.process.signal(Signal::SIGTERM);
        // The runner takes signals in order: this one has arrived, so the TERM before it has been seen.
        kill_as_stranger(running.process, "HUP");
        running.wait_for_line("got HUP");
        assert_eq!(said(&running.text()), ["ready", "got HUP"], "passed on what Claude Code sends");
        shell.signal(Signal::SIGTERM);
        running.wait_for_line("got TERM");
        stop(client);
        let finished = running.wait();
        assert_eq!(said(&finished.text()), ["ready", "got HUP", "got TERM"]);
        assert_eq!(finished.status.code(), Some(7));
    });
}

/// Sends TERM to a shell and to all below it, as Claude Code's TaskStop does, and returns how the shell ended.
fn stop_tree(running: Running) -> ExitStatus {
    let mut tree = vec![running.process];
    let mut next = 0;
    while let Some(process) = tree.get(next) {
        tree.extend(process.children());
        next += 1;
    }
    for process in tree {
        process.signal(Signal::SIGTERM);
    }
    running.wait().status
}

#[test]
fn a_stopped_task_ends_as_the_command_ends() {
    in_both(|client| {
        let command = format!("echo ready; {} 3600", fixture(client, "sleep"));
        let start = |running: Running| {
            running.wait_for_line("ready");
            wait_until("the sleep", || {
                let children = running.process.children();
                let below = children.iter().flat_map(|child| child.children());
                children.iter().copied().chain(below).any(|it| {
                    it.program().is_some_and(|program| program.ends_with("fixture-sleep"))
                })
            });
            running
        };
        let plain = stop_tree(start(client.start_plain(&command)));
        let running = start(client.background(&command));
        client.hook(
            "sisyphus-pre-tool-use",
            json!({ "hook_event_name": "PreToolUse", "tool_name": "TaskStop", "tool_use_id": "toolu_stop", "tool_input": { "task_id": running.id } }),
        );
        assert_eq!(stop_tree(running), plain);
        let task = client.task();
        assert_eq!((&task["status"], &task["by"]), (&json!("cancelled"), &json!("model")));
    });
}

/// If the runner is killed, the kernel kills the command's shell, and the task is lost.
#[test]
fn killing_the_runner_kills_the_shell() {
    in_both(|client| {
        let command = format!("echo ready; {} 3600; echo never", fixture(client, "sleep"));
        let running = client.background(&command);
        running.wait_for_line("ready");
        client.running_task();
        let shell = running.command();
        running.process.signal(Signal::SIGKILL);
        wait_until("the end of the shell", || !shell.is_alive());
        assert_eq!(running.wait().status.signal(), Some(9));
        let task = client.task();
        assert_eq!(
            (&task["status"], &task["lost_because"]),
            (&json!("lost"), &json!("runner_died"))
        );
        assert_eq!((&task["exit_code"], &task["duration_ms"]), (&json!(null), &json!(null)));
    });
}

#[test]
fn a_suspended_runner_still_runs_its_task() {
    in_both(|client| {
        let running = client.background("until [ -e stop ]; do sleep 0.02; done; exit 5");
        client.running_task();
        let shell = running.command();
        running.process.signal(Signal::SIGSTOP);
        wait_until("the runner to stand still", || {
            running.process.stat().is_some_and(|stat| stat.state == 'T')
        });
        // The command ends while its runner can't report that.
        stop(client);
        wait_until("the end of the command", || !shell.is_alive());
        assert_eq!(client.task()["status"], "running");
        running.process.signal(Signal::SIGCONT);
        assert_eq!(running.wait().status.code(), Some(5));
        assert_eq!(client.task()["exit_code"], 5);
    });
}
