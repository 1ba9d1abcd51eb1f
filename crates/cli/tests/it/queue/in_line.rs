//! `sisyphus run` and `sisyphus next` in the queue of Claude Code's commands.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;
use sisyphus_testing::files::set_mode;
use sisyphus_testing::{Client, Shell, wait_for, wait_until};

use super::run::{detach, ended, tasks};
use crate::pty::Terminal;
use crate::support::task_once;

/// A client whose only slot is held until the file `go` appears.
fn with_a_full_slot() -> (Client, sisyphus_testing::shell::Running) {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({
        "max_background_tasks": 1,
        "groups": { "build": { "patterns": ["make *"], "limit": 1 } },
    }));
    let holder = client.background("while [ ! -e go ]; do sleep 0.01; done; echo first >>order");
    task_once(&client, &holder, "running");
    (client, holder)
}

fn open(client: &Client) {
    fs::write(client.env.project().join("go"), "").unwrap();
}

fn order(client: &Client) -> String {
    fs::read_to_string(client.env.project().join("order")).unwrap_or_default()
}

fn status(client: &Client, id: &str) -> String {
    let all = tasks(&client.env);
    let task = all.iter().find(|task| task["id"] == id).unwrap_or_else(|| panic!("{all:#?}"));
    task["status"].as_str().unwrap().to_owned()
}

/// A person's command waits for the slot that a command of Claude Code holds, and says so.
#[test]
fn it_waits_behind_claude_codes_commands() {
    let (client, holder) = with_a_full_slot();
    let mut command = client.env.command("sisyphus");
    command.args(["run", "--", "sh", "-c", "echo second >>order"]);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the place in the queue", || {
        tasks(&client.env).iter().any(|it| it["status"] == "queued")
    });
    assert!(client.env.run("sisyphus", &["list"]).stdout.contains("queued(1)"));
    // The head of the queue looks again every half second, and says nothing new then.
    let seen = Instant::now();
    wait_until("two further looks", || seen.elapsed() > Duration::from_millis(1_200));
    open(&client);
    let said = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert_eq!(said.matches("waits for a slot, number 1 in the queue").count(), 1, "{said}");
    drop(holder.wait());
    assert_eq!(order(&client), "first\nsecond\n");
}

/// In a group that is full a command waits for that, and not for one of the slots that are free.
#[test]
fn it_says_that_it_waits_for_a_group() {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "groups": { "build": { "patterns": ["make *"], "limit": 1 } } }));
    let wait = "until [ -e go ]; do sleep 0.01; done";
    let holder = detach(&client.env, &["--group", "build", "--", "sh", "-c", wait]);
    wait_until("the holder", || status(&client, &holder) == "running");
    let mut command = client.env.command("sisyphus");
    command.args(["run", "--group", "build", "--", "true"]).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.ends_with(" waits for the group build, number 1 in its queue\n"), "{said}");
    open(&client);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Several commands may share standard error: a line in pieces would mix with theirs.
#[test]
fn each_line_is_written_in_one_call() {
    let (client, holder) = with_a_full_slot();
    let holding = tasks(&client.env)[0]["id"].as_str().unwrap().to_owned();
    let cases: [(&[&str], &str); 3] = [
        (&["run", "true"], "number 1 in the queue"),
        (&["run", "--after", &holding, "true"], "waits for"),
        (&["show", "nothing"], "no task `nothing`"),
    ];
    for (args, said) in cases {
        // A socket of datagrams keeps each call apart.
        let (errors, of_command) = UnixDatagram::pair().unwrap();
        errors.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut command = client.env.command("sisyphus");
        let mut child = command.args(args).stderr(OwnedFd::from(of_command)).spawn().unwrap();
        let mut call = [0; 1024];
        let length = errors.recv(&mut call).unwrap();
        let line = String::from_utf8_lossy(&call[..length]);
        assert!(line.starts_with("sisyphus: ") && line.contains(said), "{line:?}");
        assert!(line.ends_with('\n'), "{line:?}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    open(&client);
    drop(holder.wait());
}

/// `next` moves a waiting command before all others, also one of Claude Code's, and in both queues of a group.
#[test]
fn next_moves_to_the_front() {
    let (client, holder) = with_a_full_slot();
    let second = detach(&client.env, &["--", "sh", "-c", "echo second >>order"]);
    wait_until("second in the queue", || status(&client, &second) == "queued");
    let of_client = client.background("echo third >>order");
    let third = task_once(&client, &of_client, "queued")["id"].as_str().unwrap().to_owned();
    let fourth =
        detach(&client.env, &["--group", "build", "--", "sh", "-c", "echo fourth >>order"]);
    wait_until("fourth in the queue", || status(&client, &fourth) == "queued");
    for id in [&third, &fourth] {
        let output = client.env.run("sisyphus", &["next", id]);
        assert_eq!(output.stdout, format!("{id} is next in the queue\n"), "{output:?}");
    }
    open(&client);
    ended(&client.env, &second);
    drop((holder.wait(), of_client.wait()));
    assert_eq!(order(&client), "first\nfourth\nthird\nsecond\n");
}

/// Each runner moves, and the last one is the next: the others hear that they were passed, and not that they stand still.
#[test]
fn several_are_moved_at_once() {
    let (client, holder) = with_a_full_slot();
    let ids: Vec<String> = (0..3).map(|_| detach(&client.env, &["true"])).collect();
    for id in &ids {
        wait_until("the queue", || status(&client, id) == "queued");
    }
    thread::scope(|scope| {
        for id in &ids {
            let env = &client.env;
            scope.spawn(move || {
                let output = env.run("sisyphus", &["next", id]);
                let is_next = output.stdout == format!("{id} is next in the queue\n");
                let is_passed = output.stdout.starts_with(&format!("{id} is number "))
                    && output.stdout.ends_with(" in the queue: others were moved before it\n");
                assert!(output.code == Some(0) && (is_next || is_passed), "{output:?}");
            });
        }
    });
    open(&client);
    drop(holder.wait());
}

/// A suspended runner does not move its command.
#[test]
fn a_suspended_runner_does_not_move() {
    let (client, holder) = with_a_full_slot();
    let first = detach(&client.env, &["true"]);
    wait_until("the first in the queue", || status(&client, &first) == "queued");
    let second = client.background("true");
    let id = task_once(&client, &second, "queued")["id"].as_str().unwrap().to_owned();
    second.process.signal(Signal::SIGSTOP);
    let output = client.env.run("sisyphus", &["next", &id]);
    second.process.signal(Signal::SIGCONT);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("has not moved: its runner is suspended"), "{output:?}");
    open(&client);
    drop((holder.wait(), second.wait()));
}

/// What does not wait can't be moved.
#[test]
fn only_what_waits_is_moved() {
    let (client, holder) = with_a_full_slot();
    let running = tasks(&client.env)[0]["id"].as_str().unwrap().to_owned();
    let output = client.env.run("sisyphus", &["next", &running]);
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("runs already"), "{output:?}");
    open(&client);
    drop(holder.wait());
    wait_until("its end", || status(&client, &running) == "completed");
    let output = client.env.run("sisyphus", &["next", &running]);
    assert!(output.stderr.contains("completed with exit code 0"), "{output:?}");
}

/// On a terminal, what follows a queued command shows a line until that one starts.
#[test]
fn what_follows_says_that_it_waits() {
    let (client, _holder) = with_a_full_slot();
    let screen = Terminal::new(&client.env).start("run --keep-going echo printed");
    let line = " is queued: echo printed";
    wait_until("the line that turns", || screen.text().matches(line).count() >= 2);
    open(&client);
    // The line is removed before the output.
    let removed = [line, "\r\u{1b}[Kprinted\n"].concat();
    wait_until("the output", || screen.text().ends_with(&removed));
}

/// A person's command that runs another one does not wait for the slot that the outer one holds.
#[test]
fn a_command_inside_a_command_does_not_wait_for_itself() {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "max_background_tasks": 1 }));
    let sisyphus = client.env.command("sisyphus").get_program().to_str().unwrap().to_owned();
    let output = client.env.run("sisyphus", &["run", "--", &sisyphus, "run", "echo", "inner"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "inner\n"), "{output:?}");
    // The runner of a background command is no descendant of the outer command.
    let run = ["run", "--timeout", "20", "--", &sisyphus];
    let output =
        client.env.run("sisyphus", &[&run[..], &["run", "--keep-going", "echo", "2"]].concat());
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "2\n"), "{output:?}");
    let id = detach(&client.env, &["-d", "again", "echo", "3"]);
    ended(&client.env, &id);
    let again = ["restart", "--yes", "--wait", &id];
    let output = client.env.run("sisyphus", &[&run[..], &again].concat());
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "3\n"), "{output:?}");
}

/// A command of a group waits for the group, whichever name or pattern brought it there.
#[test]
fn a_group_is_named_or_recognized() {
    let client = Client::new(Shell::Bash);
    let groups = json!({ "build": { "patterns": ["sleep *"], "limit": 1 } });
    client.env.set(&json!({ "groups": groups }));
    let first = detach(&client.env, &["sleep", "3600"]);
    wait_until("the first", || status(&client, &first) == "running");
    let named = detach(&client.env, &["--group", "build", "true"]);
    let in_a_shell = detach(&client.env, &["--", "sh", "-c", "cd . && sleep 0"]);
    let free = detach(&client.env, &["true"]);
    assert_eq!(ended(&client.env, &free)["status"], "completed");
    for id in [&named, &in_a_shell] {
        wait_until("the queue of the group", || status(&client, id) == "queued");
    }
    let shown = client.env.run("sisyphus", &["show", &named]).stdout;
    let holder = format!("{first} in `{}`", client.env.project().canonicalize().unwrap().display());
    assert!(shown.contains("in the group `build`") && shown.contains(&holder), "{shown}");
    assert_eq!(client.env.run("sisyphus", &["cancel", &first]).code, Some(0));
    for id in [&named, &in_a_shell] {
        assert_eq!(ended(&client.env, id)["status"], "completed");
    }
    let output = client.env.run("sisyphus", &["run", "--group", "nope", "true"]);
    assert!(output.stderr.contains("no such group"), "{output:?}");
}

/// A command that is stopped while it waits never starts.
#[test]
fn a_waiting_command_is_stopped_unstarted() {
    let (client, holder) = with_a_full_slot();
    let id = detach(&client.env, &["--", "touch", "started"]);
    wait_until("the queue", || status(&client, &id) == "queued");
    assert_eq!(client.env.run("sisyphus", &["cancel", &id]).code, Some(0));
    let task = wait_for("its end", || Some(ended(&client.env, &id)));
    assert_eq!((&task["status"], &task["by"]), (&json!("cancelled"), &json!("user")));
    open(&client);
    drop(holder.wait());
    assert!(!client.env.project().join("started").exists());
}

/// Where no queue can be, the command runs at once, and the person reads that nothing limits it.
#[test]
fn without_a_queue_it_runs_and_says_so() {
    let client = Client::new(Shell::Bash);
    fs::create_dir_all(client.env.runtime()).unwrap();
    set_mode(client.env.runtime(), 0o755).unwrap();
    let output = client.env.run("sisyphus", &["run", "--", "echo", "ran"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "ran\n"), "{output:?}");
    let said = "sisyphus: the command runs without a queue: refused `";
    assert!(output.stderr.starts_with(said), "{output:?}");
}
