//! `sisyphus run --after` and `--after-any`.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sisyphus_testing::{Client, Process, Shell, TestEnv, wait_until};

use super::run::{detach, ended, tasks};
use crate::support::{assert_good, task_once};

const UNTIL_GO: &str = "while [ ! -e go ]; do sleep 0.01; done; ";

fn open(client: &Client) {
    fs::write(client.env.project().join("go"), "").unwrap();
}

/// One after the other, over three commands; what comes after is listed with it, and holds no slot.
#[test]
fn a_chain_runs_in_its_order() {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "max_background_tasks": 2 }));
    let first = detach(&client.env, &["--", "sh", "-c", &format!("{UNTIL_GO} echo first >>order")]);
    let second = detach(&client.env, &["--after", &first, "sh", "-c", "echo second >>order"]);
    let third = detach(&client.env, &["--after", &second, "sh", "-c", "echo third >>order"]);
    let listed = client.env.run("sisyphus", &["list"]).stdout;
    assert!(listed.contains(&format!("after {first}: sh -c")), "{listed}");
    let beside = detach(&client.env, &["true"]);
    assert_eq!(ended(&client.env, &beside)["status"], "completed");
    open(&client);
    assert_eq!(ended(&client.env, &third)["status"], "completed");
    let order = fs::read_to_string(client.env.project().join("order")).unwrap();
    assert_eq!(order, "first\nsecond\nthird\n");
}

/// A failure skips what needs success, and what needs that in turn. What needs only an end runs.
#[test]
fn a_failure_skips_what_needs_success() {
    let client = Client::new(Shell::Bash);
    let failing = detach(&client.env, &["sh", "-c", &format!("{UNTIL_GO} exit 3")]);
    let needs = detach(&client.env, &["--after", &failing, "touch", "needs"]);
    let next = detach(&client.env, &["--after", &needs, "touch", "next"]);
    let any = detach(&client.env, &["--after-any", &failing, "touch", "any"]);
    open(&client);
    let skipped = ended(&client.env, &needs);
    assert_eq!(
        (&skipped["status"], &skipped["skipped"]["after"]),
        (&json!("skipped"), &json!(failing))
    );
    let because = skipped["skipped"]["because"].as_str().unwrap();
    assert!(because.starts_with("failed with exit code 3"), "{because}");
    assert_eq!(ended(&client.env, &next)["status"], "skipped");
    let shown = client.env.run("sisyphus", &["show", &next]).stdout;
    assert!(
        shown.contains(&format!("was skipped: {needs} was skipped: {failing} failed")),
        "{shown}"
    );
    assert_eq!(ended(&client.env, &any)["status"], "completed");
    let exists = ["needs", "next", "any"].map(|it| client.env.project().join(it).exists());
    assert_eq!(exists, [false, false, true]);
}

/// In a terminal a skipped command is an error of its own.
#[test]
fn what_is_skipped_says_so_and_exits_with_125() {
    let client = Client::new(Shell::Bash);
    let failing = detach(&client.env, &["false"]);
    ended(&client.env, &failing);
    let output = client.env.run("sisyphus", &["run", "--after", &failing, "touch", "ran"]);
    assert_eq!(output.code, Some(125));
    let expected = format!("sisyphus: not run: {failing} failed with exit code 1");
    assert!(output.stderr.contains(&expected), "{output:?}");
    assert!(!client.env.project().join("ran").exists());
}

/// A command of Claude Code is a task like others. If its runner is killed, nothing saw it succeed.
#[test]
fn a_lost_command_is_no_success() {
    let client = Client::new(Shell::Bash);
    let before = client.background("echo ready; sleep 3600");
    before.wait_for_line("ready");
    let id = task_once(&client, &before, "running")["id"].as_str().unwrap().to_owned();
    let after = detach(&client.env, &["--after", &id, "touch", "ran"]);
    before.process.signal(Signal::SIGKILL);
    drop(before.wait());
    let task = ended(&client.env, &after);
    assert_eq!(task["status"], "skipped", "{task:#}");
    let because = task["skipped"]["because"].as_str().unwrap();
    assert!(because.contains("was lost"), "{because}");
}

/// A person may remove the list of tasks: what waits goes on waiting, because what runs has a copy of its record.
#[test]
fn a_removed_list_of_tasks_ends_no_wait() {
    waits_on_after(|list| fs::remove_file(list).unwrap());
}

/// The same, if another process has begun a new list before the waiting ones look.
#[test]
fn a_new_list_of_tasks_ends_no_wait() {
    waits_on_after(|list| {
        let new = list.with_extension("new");
        fs::write(&new, r#"{"version":2,"tasks":[]}"#).unwrap();
        fs::rename(new, list).unwrap();
    });
}

fn waits_on_after(loses: fn(&Path)) {
    let client = Client::new(Shell::Bash);
    let first = detach(&client.env, &["sh", "-c", UNTIL_GO]);
    let second = detach(&client.env, &["--after", &first, "touch", "ran"]);
    let mut waits = client.env.command("sisyphus");
    let mut waits = waits.args(["wait", &first]).stdout(Stdio::null()).spawn().unwrap();
    wait_until("the first", || {
        tasks(&client.env).iter().any(|it| it["id"] == first && it["status"] == "running")
    });
    // It finds the task by its name in the list. Then a second thread waits for the lock of the task's runner. Before that
    // one may have waited for the lock of the state.
    wait_until("the look of `sisyphus wait`", || {
        let waiting = Process::of(waits.id().cast_signed()).unwrap();
        waiting.status_line("Threads").is_some_and(|threads| threads != "1")
            && has_open_lock_of_run(waits.id())
    });
    loses(&client.env.state().join("active.json"));
    let seen = Instant::now();
    wait_until("two looks of each", || seen.elapsed() > Duration::from_millis(2_200));
    open(&client);
    assert_eq!(waits.wait().unwrap().code(), Some(0));
    // Its runner puts the record into the new list when it starts the command.
    wait_until("the second", || tasks(&client.env).iter().any(|it| it["id"] == second));
    assert_eq!(ended(&client.env, &second)["status"], "completed");
    assert!(client.env.project().join("ran").exists());
}

fn has_open_lock_of_run(pid: u32) -> bool {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut targets = open.filter_map(|entry| fs::read_link(entry.path()).ok());
    targets
        .any(|file| file.ends_with("lock") && file.components().any(|it| it.as_os_str() == "runs"))
}

/// Only tasks that exist come before, so no task waits for itself.
#[test]
fn a_task_that_does_not_exist_is_refused() {
    let client = Client::new(Shell::Bash);
    let output = client.env.run("sisyphus", &["run", "--after", "nothing", "true"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(tasks(&client.env).is_empty());
}

/// A command that waits for another one can be stopped, and the other one goes on.
#[test]
fn a_waiting_link_is_cancelled_alone() {
    let client = Client::new(Shell::Bash);
    let first = detach(&client.env, &["sh", "-c", UNTIL_GO]);
    let second = detach(&client.env, &["--after", &first, "touch", "ran"]);
    wait_until("the first", || {
        tasks(&client.env).iter().any(|it| it["id"] == first && it["status"] == "running")
    });
    assert_eq!(client.env.run("sisyphus", &["cancel", &second]).code, Some(0));
    assert_eq!(ended(&client.env, &second)["status"], "cancelled");
    open(&client);
    assert_eq!(ended(&client.env, &first)["status"], "completed");
    assert!(!client.env.project().join("ran").exists());
}

/// A chained command is queued for people, in the events as in the list. The JSON keeps its words.
#[test]
fn a_chained_command_is_queued() {
    let env = TestEnv::new();
    let first = detach(&env, &["sleep", "3600"]);
    let chained = detach(&env, &["--after", &first, "true"]);
    let printed = |args: &[&str]| env.run("sisyphus", &[&["events"], args].concat()).stdout;
    wait_until("its line", || printed(&[]).contains(&chained));
    let text = printed(&["--json"]);
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let line = lines.into_iter().find(|line| line["id"] == *chained).unwrap();
    assert_eq!((&line["to"], &line["said"]), (&json!("pending"), &json!("is announced")));
    let said = format!("⏳ {chained}  true: is queued\n");
    assert!(printed(&[]).contains(&said), "{}", printed(&[]));
    assert_good(&env.run("sisyphus", &["cancel", &first, &chained]));
}

/// It would wait for ever. A detached command may come after the task that starts it.
#[test]
fn a_command_does_not_wait_for_the_task_around_it() {
    let client = Client::new(Shell::Bash);
    let sisyphus = client.env.command("sisyphus").get_program().to_str().unwrap().to_owned();
    for option in ["--after", "--after-any"] {
        for more in ["", "--keep-going"] {
            let line = format!("{sisyphus} run {more} {option} outer -- touch ran");
            let args = ["run", "--timeout", "20", "-d", "outer", "--", "sh", "-c", &line];
            let output = client.env.run("sisyphus", &args);
            assert_eq!(output.code, Some(2), "{line}: {output:?}");
            assert!(output.stderr.contains("would wait for itself"), "{line}: {output:?}");
        }
    }
    assert!(!client.env.project().join("ran").exists());
    let line = format!("{sisyphus} run --detach --after outer2 -- true");
    let output = client.env.run("sisyphus", &["run", "-d", "outer2", "--", "sh", "-c", &line]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(ended(&client.env, output.stdout.trim_end())["status"], "completed");
}
