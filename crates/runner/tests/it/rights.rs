//! Whatever umask Claude Code was started with, what we write is for its owner alone.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::stat::{Mode, umask};
use serde_json::{Value, json};
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, Shell, TestEnv, env};

/// Another user of this machine.
const STRANGER: u32 = 65_534;

/// Starts `command` with an empty umask, which restricts no file.
fn forbid_nothing(command: &mut Command) {
    let open = || {
        umask(Mode::empty());
        Ok(())
    };
    // SAFETY: between fork and exec only this one system call is made.
    unsafe { command.pre_exec(open) };
}

fn hook(client: &Client, binary: &str, mut event: Value) -> Value {
    client.complete(&mut event);
    let mut command = client.env.command(binary);
    command.env("CLAUDE_ENV_FILE", client.env.path().join("env-session-1.sh"));
    forbid_nothing(&mut command);
    let output = env::run(command, event.to_string().as_bytes());
    assert_eq!(output.code, Some(0), "{output:?}");
    output.json()
}

/// A background call, all of it without a umask.
fn background(client: &Client, id: &str, command: &str) -> Running {
    let call = |name: &str| {
        json!({ "hook_event_name": name, "tool_name": "Bash", "tool_use_id": id,
                "tool_input": { "command": command, "description": "a test", "run_in_background": true } })
    };
    hook(client, "sisyphus-pre-tool-use", call("PreToolUse"));
    let running = client.spawn(&client.attached(command), |shell, _| forbid_nothing(shell));
    let mut after = call("PostToolUse");
    after["tool_response"] = json!({ "stdout": "", "stderr": "", "backgroundTaskId": running.id });
    hook(client, "sisyphus-post-tool-use", after);
    running
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(below(&path)) } else { found.push(path) }
    }
    found
}

/// Those of tasks and of the state say so in their names; those of the queue are all that is there without an extension.
fn is_lock(path: &Path) -> bool {
    let of_queue = path.iter().any(|part| part == "queue") && path.extension().is_none();
    of_queue || path.extension().is_some_and(|end| end == "lock") || path.ends_with("lock")
}

/// Checks everything of ours; returns how much there was.
fn assert_private(client: &Client, when: &str) -> usize {
    let mut count = 0;
    for path in [client.env.state(), client.env.runs()].iter().flat_map(|folder| below(folder)) {
        // Another process may have removed it.
        let Ok(metadata) = path.symlink_metadata() else { continue };
        // What lies beside the runner says where the notifier is.
        let program =
            path.starts_with(client.env.state().join("bin")) && !path.ends_with("notifier");
        let expected = match () {
            () if metadata.is_dir() || program => 0o700,
            () if is_lock(&path) => 0o200,
            () => 0o600,
        };
        assert_eq!(metadata.mode() & 0o7777, expected, "{when}: {}", path.display());
        count += 1;
    }
    count
}

/// Every process writes the files of a task for their owner alone.
#[test]
fn files_of_a_task_are_for_their_owner_alone() {
    let client = Client::new(Shell::Bash);
    fs::remove_dir_all(client.env.home().join(".claude/plugins")).unwrap();
    let _ = fs::remove_dir_all(client.env.runs());
    let start = json!({ "hook_event_name": "SessionStart", "source": "startup" });
    let env_file = client.env.path().join("env-session-1.sh");
    fs::remove_file(&env_file).unwrap();
    hook(&client, "sisyphus-session-start", start);
    client.env.set(&json!({ "max_background_tasks": 1 }));
    let first = background(
        &client,
        "toolu_1",
        "echo ready; until [ -e stop ]; do sleep 0.02; done; exit 3",
    );
    first.wait_for_line("ready");
    let second = background(&client, "toolu_2", "echo second");
    sisyphus_testing::wait_until("the second to wait", || {
        client.tasks().iter().any(|task| task["status"] == "queued")
    });
    let count = assert_private(&client, "while one runs and one waits");
    assert!(count > 15, "{count}");
    fs::write(client.env.project().join("stop"), "").unwrap();
    assert_eq!(first.wait().status.code(), Some(3));
    assert_eq!(second.wait().status.code(), Some(0));
    let prompt = json!({ "hook_event_name": "UserPromptSubmit", "prompt": "go on" });
    let told = hook(&client, "sisyphus-user-prompt-submit", prompt);
    assert!(told.to_string().contains("exit code 3"), "{told}");
    let output = client.env.run("sisyphus", &["show", client.tasks()[0]["id"].as_str().unwrap()]);
    assert_eq!(output.code, Some(0), "{output:?}");
    hook(
        &client,
        "sisyphus-session-end",
        json!({ "hook_event_name": "SessionEnd", "reason": "other" }),
    );
    let count = assert_private(&client, "at the end");
    assert!(count > 10, "{count}");
}

/// The runner does not use a folder that another user has taken over, and runs the command. Claude Code's folder
/// belongs to another user when the shell starts. What runs outside the sandbox does not need that folder.
#[test]
fn a_folder_of_another_user_stops_no_command() {
    if !nix::unistd::geteuid().is_root() {
        // Past the harness, which keeps to itself what a test prints that passes.
        let _ = writeln!(io::stderr(), "NOT TESTED: only root can make a folder of another user");
        return;
    }
    for whose in [TestEnv::client_tmp, TestEnv::runs] {
        let client = Client::new(Shell::Bash);
        let call = client.announce("echo ran; exit 4");
        let folder = whose(&client.env);
        let before = below(&client.env.runs());
        chown(&folder, Some(STRANGER), Some(STRANGER)).unwrap();
        let running = client.start("echo ran; exit 4");
        let _ = client.bind(call, &running);
        let finished = running.wait();
        assert_eq!((finished.status.code(), finished.text().as_str()), (Some(4), "ran\n"));
        assert_eq!(below(&client.env.runs()), before, "{}", folder.display());
        assert_eq!(client.task()["exit_code"], 4);
        chown(&folder, Some(0), Some(0)).unwrap();
    }
}
