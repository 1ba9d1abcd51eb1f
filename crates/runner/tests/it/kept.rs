//! `sisyphus.keep_patterns`: commands that go on when their session ends.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, Process, Shell, wait_for, wait_until};

const KEPT: &str = "echo $$ >pid; while [ ! -e go ]; do sleep 0.01; done; echo over; exit 3 # keep";

fn keeping(shell: Shell) -> Client {
    let client = Client::new(shell);
    client.env.set(&json!({ "keep_patterns": ["*# keep"] }));
    client
}

/// Starts the kept command, and returns its shell too.
fn start(client: &Client) -> (Running, Process) {
    let running = client.background(KEPT);
    client.wait_until_running(&running);
    let command = wait_for("the command", || {
        let text = fs::read_to_string(client.env.project().join("pid")).ok()?;
        Process::of(text.trim().parse().ok()?)
    });
    (running, command)
}

fn go(client: &Client) {
    fs::write(client.env.project().join("go"), "").unwrap();
}

fn end_session(client: &Client) {
    client.hook(
        "sisyphus-session-end",
        json!({ "hook_event_name": "SessionEnd", "reason": "other" }),
    );
}

/// What a new session of the same project reads at its start.
fn told_to_next(client: &mut Client, session: &str) -> String {
    let mut hook = client.env.command("sisyphus-session-start");
    hook.env("CLAUDE_CODE_SESSION_ATTENDED", "1");
    let event = json!({ "hook_event_name": "SessionStart", "source": "startup", "session_id": session,
                        "cwd": client.env.project(), "transcript_path": "/dev/null" });
    sisyphus_testing::env::run(hook, event.to_string().as_bytes()).stdout
}

fn task(client: &Client) -> Value {
    let output = client.env.run("sisyphus", &["list", "--json"]);
    output.json()["tasks"][0].clone()
}

/// Without an end of the session it is a command like others: its exit, its output, its record.
#[test]
fn a_kept_command_ends_as_any_other() {
    for shell in Shell::BOTH {
        let client = keeping(shell);
        let (running, command) = start(&client);
        assert!(!running.process.children().iter().any(|it| it.pid == command.pid));
        go(&client);
        let finished = running.wait();
        assert_eq!(finished.status.code(), Some(3));
        assert_eq!(finished.output, b"over\n");
        let task = task(&client);
        assert_eq!((&task["status"], &task["exit_code"]), (&json!("failed"), &json!(3)));
        assert_eq!(task["survival"], "kept");
    }
}

/// The end of its session leaves it running. The next session of the project reads that it runs, then how it ended.
#[test]
fn it_outlives_its_session() {
    let mut client = keeping(Shell::Bash);
    let (running, command) = start(&client);
    running.process.signal(Signal::SIGTERM);
    end_session(&client);
    assert_eq!(running.wait().status.code(), None, "the stand-in ends by the signal");
    let left = task(&client);
    assert_eq!(left["status"], "running");
    assert!(left["left_at"].is_string(), "{left:#}");
    let shown = client.env.run("sisyphus", &["show", left["id"].as_str().unwrap()]).stdout;
    assert!(shown.contains("left it running"), "{shown}");
    let told = told_to_next(&mut client, "session-2");
    assert!(told.contains("The user keeps 1 background command"), "{told}");
    assert!(command.is_alive());
    assert_eq!(told_to_next(&mut client, "session-3"), "", "one session reads it");
    go(&client);
    wait_until("its end", || task(&client)["status"] == "failed");
    client.switch("session-2");
    let prompt = json!({ "hook_event_name": "UserPromptSubmit", "prompt": "and?" });
    let reply = client.hook("sisyphus-user-prompt-submit", prompt);
    let said = reply["hookSpecificOutput"]["additionalContext"].as_str().unwrap();
    assert!(said.contains("failed with exit code 3") && said.contains("| over"), "{said}");
}

/// It goes on after Claude Code has killed the stand-in without a word, if that was because it exits.
#[test]
fn it_outlives_a_killed_stand_in() {
    let client = keeping(Shell::Bash);
    let (running, command) = start(&client);
    running.process.signal(Signal::SIGKILL);
    end_session(&client);
    drop(running.wait());
    let after_doubt = std::time::Instant::now() + std::time::Duration::from_secs(11);
    wait_until("the end of the doubt", || std::time::Instant::now() > after_doubt);
    assert!(command.is_alive());
    assert_eq!(task(&client)["status"], "running");
    go(&client);
    wait_until("its end", || task(&client)["status"] == "failed");
}

/// A stop of the user's or the model's in Claude Code stops it, with all that it has started.
#[test]
fn a_stop_in_claude_code_stops_it() {
    let client = keeping(Shell::Bash);
    let (running, command) = start(&client);
    let input = json!({ "hook_event_name": "PreToolUse", "tool_name": "TaskStop", "tool_use_id": "toolu_stop",
                        "tool_input": { "task_id": running.id } });
    client.hook("sisyphus-pre-tool-use", input);
    running.process.signal(Signal::SIGTERM);
    drop(running.wait());
    wait_until("the end of the command", || !command.is_alive());
    wait_until("its record", || task(&client)["status"] == "cancelled");
    assert_eq!(task(&client)["by"], "model");
    // The user's stop fires no hook: then the keeper waits whether Claude Code exits.
    fs::remove_file(client.env.project().join("pid")).unwrap();
    let (running, command) = start(&client);
    running.process.signal(Signal::SIGTERM);
    drop(running.wait());
    wait_until("the end of the command", || !command.is_alive());
    wait_until("its record", || task(&client)["status"] == "cancelled");
}

/// What a signal to the shell means is for the command to say, as with other commands.
#[test]
fn a_message_to_the_shell_reaches_it() {
    let client = keeping(Shell::Bash);
    let traps = ["USR1", "USR2", "ALRM"].map(|name| format!("trap 'echo got {name}' {name}; "));
    let running = client.background(&format!("{}echo ready; {KEPT}", traps.concat()));
    running.wait_for_line("ready");
    client.wait_until_running(&running);
    for signal in [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGALRM] {
        running.process.signal(signal);
        running.wait_for_line(&format!("got {}", &signal.as_str()[3..]));
    }
    go(&client);
    assert_eq!(running.wait().status.code(), Some(3));
    assert_eq!(task(&client)["exit_code"], 3);
}

/// `sisyphus cancel` stops it at once, in its session and after it.
#[test]
fn cancel_stops_it() {
    for is_left in [false, true] {
        let client = keeping(Shell::Bash);
        let (running, command) = start(&client);
        if is_left {
            running.process.signal(Signal::SIGTERM);
            end_session(&client);
        }
        let id = task(&client)["id"].as_str().unwrap().to_owned();
        let output = client.env.run("sisyphus", &["cancel", &id]);
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(!command.is_alive());
        assert_eq!(task(&client)["by"], "user");
        drop(running.wait());
    }
}

/// If the keeper is killed, the kernel kills the command, and Claude Code sees a killed shell.
#[test]
fn a_killed_keeper_takes_the_command_along() {
    let client = keeping(Shell::Bash);
    let (running, command) = start(&client);
    let keeper = Process::of(command.stat().unwrap().parent).unwrap();
    assert_ne!(keeper, running.process);
    keeper.signal(Signal::SIGKILL);
    wait_until("the end of the command", || !command.is_alive());
    drop(running.wait());
    assert_eq!(task(&client)["status"], "lost");
}

/// Only the user keeps: a project's settings can't. In the sandbox nothing is kept.
#[test]
fn only_the_users_settings_keep() {
    let client = Client::new(Shell::Bash);
    let project = client.env.project().join(".claude");
    fs::create_dir_all(&project).unwrap();
    let settings = json!({ "sisyphus": { "keep_patterns": ["*"] } });
    fs::write(project.join("settings.json"), settings.to_string()).unwrap();
    let (running, command) = start(&client);
    assert_eq!(task(&client)["survival"], "ends_with_session");
    assert_eq!(command.stat().unwrap().parent, running.process.pid);
    go(&client);
    drop(running.wait());
    let sandboxed = keeping(Shell::Bash);
    sandboxed.env.switch_sandbox_on();
    let (running, _) = start(&sandboxed);
    assert_eq!(task(&sandboxed)["survival"], "ends_with_session");
    go(&sandboxed);
    drop(running.wait());
}
