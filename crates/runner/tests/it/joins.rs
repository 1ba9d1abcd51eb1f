//! Which call a run belongs to, and that nothing keeps a run from its call.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sisyphus_state::store::Lock;
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, Shell, failure_notice, wait_until};

use crate::line::counted;
use crate::support::in_both;

/// Exits with the code in the file `stop` of its folder.
const COMMAND: &str = "echo ready; until [ -s stop ]; do sleep 0.02; done; exit \"$(cat stop)\"";

/// A call in a folder of its own.
struct Worktree {
    name: &'static str,
    dir: PathBuf,
    code: i32,
    call: Value,
}

impl Worktree {
    fn announce(client: &Client, name: &'static str, code: i32) -> Self {
        let dir = client.env.path().join(name);
        fs::create_dir(&dir).unwrap();
        let call = json!({
            "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": format!("toolu_{name}"), "cwd": dir,
            "tool_input": { "command": COMMAND, "description": name, "run_in_background": true },
        });
        assert_eq!(client.hook("sisyphus-pre-tool-use", call.clone()), Value::Null);
        Self { name, dir, code, call }
    }

    fn start(&self, client: &Client) -> Running {
        client.spawn(&client.attached(COMMAND), |shell, _| {
            shell.current_dir(&self.dir);
        })
    }

    fn end(&self, running: Running) -> String {
        fs::write(self.dir.join("stop"), self.code.to_string()).unwrap();
        let finished = running.wait();
        assert_eq!(finished.status.code(), Some(self.code));
        finished.id
    }

    fn assert_recorded(&self, client: &Client, id: &str, how: &str) {
        let tasks = client.tasks();
        let task = tasks.iter().find(|task| task["client_id"] == id).unwrap();
        let found = (&task["description"], &task["exit_code"], &task["cwd"]);
        let expected = (&json!(self.name), &json!(self.code), &json!(self.dir));
        assert_eq!(found, expected, "{how}: {task:#}");
        assert!(!task["duration_ms"].is_null(), "{how}: {task:#}");
        assert_eq!(tasks.len(), 2, "{how}: {tasks:#?}");
    }
}

/// I6, S4: two equal commands run in two folders at once, and the second shell comes up first. Each ends as its own
/// call. Claude Code names both, in either order.
#[test]
fn equal_commands_in_two_folders() {
    for order in [[0, 1], [1, 0]] {
        in_both(|client| {
            let how = format!("answered in the order {order:?}");
            let trees = [("worktree-A", 3), ("worktree-B", 9)]
                .map(|(name, code)| Worktree::announce(client, name, code));
            let second = trees[1].start(client);
            client.wait_until_attached(&second);
            let first = trees[0].start(client);
            client.wait_until_attached(&first);
            let shells = [first, second];
            for number in order {
                client.bind(trees[number].call.clone(), &shells[number]);
            }
            let mut ids = Vec::new();
            for (tree, shell) in trees.iter().zip(shells) {
                ids.push(tree.end(shell));
                let text = client.types();
                assert!(text.contains(&format!("\"{}\"", tree.name)), "{how}: {text:?}");
                assert!(text.contains(&format!("exit code {}", tree.code)), "{how}: {text}");
                assert_eq!(text.matches("[sisyphus] ").count(), 1, "{how}: {text}");
            }
            for (tree, id) in trees.iter().zip(&ids) {
                tree.assert_recorded(client, id, &how);
            }
        });
    }
}

/// I6, S4: the same if both PostToolUse were lost: Claude Code's notices name both ids.
#[test]
fn equal_commands_are_told_apart_by_their_notices() {
    let client = Client::new(Shell::Bash);
    let trees = [("worktree-A", 3), ("worktree-B", 9)]
        .map(|(name, code)| Worktree::announce(&client, name, code));
    let second = trees[1].start(&client);
    client.wait_until_attached(&second);
    let first = trees[0].start(&client);
    client.wait_until_attached(&first);
    let mut ids = Vec::new();
    for (tree, shell) in trees.iter().zip([first, second]) {
        let notice = failure_notice(&tree.call, &shell, tree.code);
        ids.push(tree.end(shell));
        let text = client.submits(&notice);
        assert!(text.contains(&format!("exit code {}", tree.code)), "{text:?}");
    }
    for (tree, id) in trees.iter().zip(&ids) {
        tree.assert_recorded(&client, id, "by notices");
    }
}

fn wait_for_ready(running: &Running) {
    running.wait_for_line("ready");
}

fn say_end(client: &Client, running: Running, code: i32) {
    fs::write(client.env.project().join("stop"), code.to_string()).unwrap();
    assert_eq!(running.wait().status.code(), Some(code));
}

/// S7: the folder of a run is removed while its command runs. Its client, which is this test, lives: nothing is lost, and the runner
/// leaves the true end all the same.
#[test]
fn a_run_whose_folder_is_removed_leaves_its_end() {
    in_both(|client| {
        let running = client.background(COMMAND);
        wait_for_ready(&running);
        client.running_task();
        fs::remove_dir_all(client.run_dir(&running.id)).unwrap();
        assert_eq!((client.types(), client.stops()), (String::new(), String::new()));
        assert_eq!(client.task()["status"], "running");
        say_end(client, running, 7);
        let text = client.types();
        assert!(text.contains("failed with exit code 7 after "), "{text:?}");
        let task = client.task();
        assert_eq!((&task["exit_code"], &task["output_bytes"]), (&json!(7), &json!(6)), "{task:#}");
        assert_eq!(
            (client.types(), client.stops()),
            (String::new(), String::new()),
            "reported twice"
        );
    });
}

/// S7: the same of the whole state folder. The hook finds what the runner left when Claude Code's notice comes.
#[test]
fn a_run_whose_state_folder_is_removed_leaves_its_end() {
    let client = Client::new(Shell::Bash);
    let call = client.announce(COMMAND);
    let running = client.start(COMMAND);
    client.bind(call.clone(), &running);
    wait_for_ready(&running);
    client.running_task();
    remove_all_but_programs(&client.env.state());
    let notice = failure_notice(&call, &running, 7);
    say_end(&client, running, 7);
    let text = client.submits(&notice);
    assert!(text.contains("failed with exit code 7 after "), "{text:?}");
    assert_eq!(client.types(), "", "reported twice");
}

/// What the session's shells start stays: whether that is put back is another matter (S19).
fn remove_all_but_programs(state: &Path) {
    for entry in fs::read_dir(state).unwrap().map(Result::unwrap) {
        if entry.file_name() == "bin" {
            continue;
        }
        fs::remove_dir_all(entry.path()).or_else(|_| fs::remove_file(entry.path())).unwrap();
    }
}

/// S3: calls whose hooks find the lock of the state busy are announced and joined all the same, and the limit holds.
#[test]
fn calls_during_a_busy_lock_keep_the_limit() {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "max_background_tasks": 2 }));
    fs::write(client.env.project().join("counted.sh"), counted("0.4")).unwrap();
    let busy = Lock::acquire(&client.env.state().join("state.lock"), Duration::ZERO).unwrap();
    let commands: Vec<String> = (0..8).map(|number| format!("sh counted.sh {number}")).collect();
    let calls: Vec<Value> = commands.iter().map(|command| client.announce(command)).collect();
    let running: Vec<Running> = commands.iter().map(|command| client.start(command)).collect();
    for (call, running) in calls.into_iter().zip(&running) {
        client.bind(call, running);
    }
    drop(busy);
    for running in running {
        assert_eq!(running.wait().status.code(), Some(0));
    }
    let counts = fs::read_to_string(client.env.project().join("counts")).unwrap();
    let counts: Vec<i32> = counts.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!((counts.len(), counts.iter().max()), (16, Some(&2)), "{counts:?}");
    client.types();
    let tasks = client.tasks();
    let is_seen = |task: &&Value| task["status"] == "completed" && !task["duration_ms"].is_null();
    assert_eq!(tasks.iter().filter(is_seen).count(), 8, "{tasks:#?}");
}

/// S5: a runner is killed at any moment, also before it attached. The hook reports the result from Claude Code's
/// notice, once, and every view says the same.
#[test]
fn a_runner_killed_at_any_moment() {
    for delay in [0, 3, 6, 10, 20, 40, 80, 160] {
        let client = Client::new(Shell::Bash);
        let call = client.announce(COMMAND);
        let running = client.start(COMMAND);
        pause(delay);
        running.process.signal(Signal::SIGKILL);
        client.bind(call.clone(), &running);
        let notice = failure_notice(&call, &running, 137);
        running.wait();
        let text = client.submits(&notice);
        assert_eq!(text.matches("[sisyphus] ").count(), 1, "{delay} ms: {text:?}");
        let task = client.task();
        let ended = (&task["status"], &task["exit_code"], &task["signal"]);
        let is_said = ended == (&json!("failed"), &json!(137), &Value::Null)
            || ended == (&json!("killed"), &Value::Null, &json!(9));
        assert!(is_said && !text.contains("lost"), "{delay} ms: {text}\n{task:#}");
        assert_eq!((client.types(), client.stops()), (String::new(), String::new()), "{delay} ms");
    }
}

fn pause(milliseconds: u64) {
    let since = Instant::now();
    wait_until("a moment", || since.elapsed() >= Duration::from_millis(milliseconds));
}

/// Claude Code may name a run before its shell comes up. Of a long command the state then keeps only the beginning.
#[test]
fn a_late_shell_of_a_long_command_gets_its_runner() {
    in_both(|client| {
        let command = format!(": \"{}\"; exit 3", "it's ".repeat(1_000));
        let mut call = client.announce(&command);
        call["hook_event_name"] = "PostToolUse".into();
        call["tool_response"] =
            json!({ "stdout": "", "stderr": "", "backgroundTaskId": client.next_id() });
        client.hook("sisyphus-post-tool-use", call);
        assert_eq!(client.start(&command).wait().status.code(), Some(3));
        let task = client.task();
        assert_eq!((&task["watch"], &task["exit_code"]), (&Value::Null, &json!(3)), "{task:#}");
        assert!(!task["duration_ms"].is_null(), "no runner: {task:#}");
    });
}
