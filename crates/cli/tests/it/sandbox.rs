//! Claude Code's sandbox: `sisyphus cancel` stops what runs in it from outside, and stops nothing from within.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, Process, Shell, env, wait_until};

use crate::planted::assert_fails;
use crate::support::{assert_good, fixture, id_of, task_of, task_once};

/// Puts a command into mount and process namespaces of its own, with a home that it can't write to.
fn enter(client: &Client, command: &mut Command) {
    let mut sandbox = Command::new("unshare");
    // Other users than root need a user namespace, in which they are root.
    if !nix::unistd::geteuid().is_root() {
        sandbox.args(["--user", "--map-root-user"]);
    }
    sandbox.args(["--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c"]);
    // The shell stays, because the first process of a namespace is deaf to many signals.
    sandbox.arg(
        "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" || exit 90\n\"$@\"; exit $?",
    );
    sandbox.arg(client.env.home()).arg(command.get_program()).args(command.get_args());
    client.env.apply(&mut sandbox);
    *command = sandbox;
}

/// Starts a background command in the sandbox.
fn start(client: &Client, command: &str) -> (Running, Value) {
    client.env.switch_sandbox_on();
    let call = client.announce(command);
    let running = client.spawn(&client.attached(command), |shell, path| {
        enter(client, shell);
        let file = File::options().append(true).open(path).unwrap();
        shell
            .env("SHELL", client.shell.program())
            .env("CLAUDE_CODE_TMPDIR", client.env.client_tmp());
        shell.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
    });
    client.bind(call, &running);
    running.wait_for_line("ready");
    let task = task_once(client, &running, "running");
    (running, task)
}

fn below(process: Process) -> Vec<Process> {
    let mut tree = process.children();
    let mut next = 0;
    while let Some(process) = tree.get(next) {
        tree.extend(process.children());
        next += 1;
    }
    tree
}

/// `sisyphus cancel` waits the grace of five seconds: the sandboxed runner can't identify the process that signals.
#[test]
fn a_task_in_the_sandbox_is_stopped_from_outside() {
    let client = Client::new(Shell::Bash);
    let count = fixture(&client, "count-term");
    let file = client.env.client_tmp().join("count");
    let command = format!("trap '' TERM; echo ready; {count} {} & wait; wait", file.display());
    let (running, task) = start(&client, &command);
    wait_until("the counting", || file.exists());
    let tree = below(running.process);
    assert!(tree.len() >= 4, "{tree:?}");
    let before = Instant::now();
    assert_good(&client.env.run("sisyphus", &["cancel", id_of(&task)]));
    let took = before.elapsed();
    assert!((5..8).contains(&took.as_secs()), "what ignores TERM had a grace of {took:?}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "waits\nTERM\n");
    let left: Vec<_> = tree.iter().filter(|it| it.is_alive()).collect();
    assert!(left.is_empty(), "{left:?} survived");
    let task = task_of(&client, &running);
    assert_eq!((&task["status"], &task["by"]), (&json!("cancelled"), &json!("user")), "{task:#}");
    assert!(task["duration_ms"].is_u64(), "its runner could not say how it ended: {task:#}");
}

/// A runner in the sandbox can't make a control group. The command runs without its limit, and `sisyphus show` says so.
#[test]
fn in_the_sandbox_no_memory_limit_is_in_force() {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "memory_limit_mb": 64 }));
    let (running, task) = start(&client, "echo ready; exec sleep 600");
    let shows = |task: &Value| client.env.run("sisyphus", &["show", id_of(task)]).stdout;
    let line =
        "\nmemory limit: 64 MB, not in force: Claude Code's sandbox hides the control groups\n";
    assert!(shows(&task).contains(line), "{}", shows(&task));
    assert_good(&client.env.run("sisyphus", &["cancel", id_of(&task)]));
    let task = task_of(&client, &running);
    assert!(shows(&task).contains(line), "{}", shows(&task));
}

/// Within Claude Code's sandbox, `sisyphus cancel` stops nothing and `sisyphus clean` removes nothing.
#[test]
fn the_sandbox_stops_and_removes_nothing() {
    let client = Client::new(Shell::Bash);
    let command = format!("echo ready; {} 3600", fixture(&client, "sleep"));
    let running = client.background(&command);
    running.wait_for_line("ready");
    let task = task_once(&client, &running, "running");
    let old = client.env.state().join("active.json.1-1.tmp");
    let written = File::create(&old).unwrap();
    written.set_modified(std::time::UNIX_EPOCH).unwrap();
    let expected = "run this outside of Claude Code's sandbox, or make the folder writable";
    for args in [&["cancel", id_of(&task)][..], &["clean"]] {
        let mut command = client.env.command("sisyphus");
        command.args(args);
        enter(&client, &mut command);
        let output = env::run(command, b"");
        assert_ne!(output.code, Some(90), "this test must be able to mount: {output:?}");
        assert_fails(&output, 1, expected);
    }
    assert!(running.process.is_alive() && old.exists());
}
