//! What still runs while the plugin is removed together with its state, and while only the state is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, copy_program, wait_until};

use crate::queue::{job, let_go, session, wait_for_line, wait_for_start};

/// A session of an installed plugin: its folder.
fn installed(client: &Client) -> PathBuf {
    let plugin = client.env.path().join("plugin");
    let notifier = plugin.join("sisyphus-notify");
    fs::create_dir(&plugin).unwrap();
    fs::write(&notifier, "").unwrap();
    fs::write(client.env.state().join("bin/notifier"), notifier.to_str().unwrap()).unwrap();
    plugin
}

/// One that runs and one that waits.
fn jobs(client: &Client) -> [Running; 2] {
    let first = job(client, 1);
    wait_for_start(client, &[1]);
    let second = job(client, 2);
    wait_for_line(client, 1);
    client.wait_until_running(&first);
    [first, second]
}

fn end(client: &Client, [first, second]: [Running; 2]) {
    let_go(client, 1);
    assert_eq!(first.wait().status.code(), Some(1));
    wait_for_start(client, &[1, 2]);
    let_go(client, 2);
    assert_eq!(second.wait().status.code(), Some(2));
}

/// S26: commands that run or wait end as they would, and no state comes back.
#[test]
fn runners_leave_a_purged_state_away() {
    let client = session(1);
    let plugin = installed(&client);
    let jobs = jobs(&client);
    fs::remove_dir_all(plugin).unwrap();
    fs::remove_dir_all(client.env.state()).unwrap();
    end(&client, jobs);
    assert!(!client.env.state().exists());
}

/// S26: a person's background command that waits starts all the same, and its output goes nowhere.
#[test]
fn a_detached_command_leaves_a_purged_state_away() {
    let client = session(1);
    let plugin = installed(&client);
    let first = job(&client, 1);
    wait_for_start(&client, &[1]);
    let line =
        "echo secret; echo $PPID >pid; mv pid runner; until [ -e go-2 ]; do sleep 0.02; done";
    let output = client.env.run("sisyphus", &["run", "--detach", "--", "sh", "-c", line]);
    assert_eq!(output.code, Some(0), "{output:?}");
    wait_for_line(&client, 1);
    fs::remove_dir_all(plugin).unwrap();
    fs::remove_dir_all(client.env.state()).unwrap();
    let_go(&client, 1);
    drop(first.wait());
    let runner = client.env.project().join("runner");
    wait_until("the command", || runner.exists());
    let_go(&client, 2);
    let runner = Path::new("/proc").join(fs::read_to_string(runner).unwrap().trim());
    wait_until("the end of its runner", || !runner.exists());
    assert!(!client.env.state().exists());
}

/// S19: while the plugin is there, a person gave up the history and nothing else.
#[test]
fn runners_make_a_removed_state_anew() {
    let client = session(1);
    let _plugin = installed(&client);
    let jobs = jobs(&client);
    fs::remove_dir_all(client.env.state()).unwrap();
    let ids = [jobs[0].id.clone(), jobs[1].id.clone()];
    end(&client, jobs);
    for id in ids {
        assert!(client.run_dir(&id).join("result.json").exists(), "{id}");
    }
}

/// S26: a hook that was started before and reads its event after.
#[test]
fn a_hook_leaves_a_purged_state_away() {
    for is_purged in [true, false] {
        let client = session(1);
        let mut call = json!({
            "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "toolu_late",
            "tool_input": { "command": "true", "description": "late", "run_in_background": true },
        });
        client.complete(&mut call);
        let program = client.env.path().join("sisyphus-pre-tool-use");
        copy_program(client.env.command("sisyphus-pre-tool-use").get_program(), &program);
        let mut command = Command::new(&program);
        client.env.apply(&mut command);
        let mut hook = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let state = client.env.state();
        let exe = format!("/proc/{}/exe", hook.id());
        wait_until("it to run", || fs::read_link(&exe).is_ok_and(|it| it == program));
        if is_purged {
            fs::remove_file(&program).unwrap();
        }
        fs::remove_dir_all(&state).unwrap();
        serde_json::to_writer(hook.stdin.take().unwrap(), &call).unwrap();
        assert_eq!(hook.wait().unwrap().code(), Some(0));
        assert_eq!(state.exists(), !is_purged);
    }
}
