//! A command that reaches its time limit: the runner sends TERM, and KILL if the command ignores it.

use std::time::{Duration, Instant};

use serde_json::json;
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, Process, Shell, wait_for, wait_until};

use crate::support::{fixture, in_both};

const LIMIT_MS: u64 = 700;

/// As `timeout` of the coreutils exits.
const TIMED_OUT: i32 = 124;

/// The process whose number is in the line `number` of the output.
fn printed(running: &Running, number: usize) -> Process {
    wait_for("a process number in the output", || {
        let text = running.text();
        let whole = text.rsplit_once('\n')?.0;
        Process::of(whole.lines().nth(number)?.trim().parse().ok()?)
    })
}

fn assert_timed_out(client: &Client) {
    let task = client.task();
    assert_eq!((&task["status"], &task["limit_ms"]), (&json!("timed_out"), &json!(LIMIT_MS)));
    let duration = task["duration_ms"].as_u64().unwrap();
    assert!((LIMIT_MS..20_000).contains(&duration), "{task:#}");
}

#[test]
fn a_command_that_minds_term_ends_at_its_limit() {
    in_both(|client| {
        let [fork, sleep] = ["fork-child", "sleep"].map(|name| fixture(client, name));
        // One in the group, one in a session of its own.
        let command = format!("{sleep} 3600 & echo $!; {fork} {sleep} 3600 & {sleep} 30");
        let before = Instant::now();
        let running = client.background_with(&command, json!({ "timeout": LIMIT_MS }));
        let beside = [printed(&running, 0), printed(&running, 1)];
        let finished = running.wait();
        assert!(before.elapsed() < Duration::from_secs(5), "it was not TERM that ended it");
        assert_eq!(finished.status.code(), Some(TIMED_OUT), "{finished:?}");
        assert!(!beside.iter().any(|it| it.is_alive()), "a process beside it survived");
        assert_timed_out(client);
    });
}

/// At the time limit, the runner kills a tree that ignores TERM after its grace, and nothing else. Takes the grace of
/// five seconds.
#[test]
fn a_tree_that_ignores_term_is_killed() {
    let client = Client::new(Shell::Bash);
    let [ignore, fork, sleep] =
        ["ignore-term", "fork-child", "sleep"].map(|name| fixture(&client, name));
    let innocent = client.start_plain(&format!("{fork} {sleep} 3600 & {sleep} 3600"));
    let innocents = [innocent.process, printed(&innocent, 0)];

    // A child that ignores TERM, and a grandchild in a session of its own that does. Their shell minds it or not.
    let start = |trap: &str| {
        let command = format!("{trap} {ignore} & {fork} {ignore} & echo $$; wait; wait; wait");
        client.background_with(&command, json!({ "timeout": LIMIT_MS }))
    };
    let before = Instant::now();
    let trees = ["trap '' TERM;", ""].map(start).map(|running| {
        wait_until("all numbers", || running.text().lines().count() == 4);
        // `fork-child` and its child both say the same number.
        let mut tree: Vec<Process> = (0..4).map(|line| printed(&running, line)).collect();
        let parents = tree.clone().into_iter().filter_map(|it| Process::of(it.stat()?.parent));
        tree.extend(parents.filter(|parent| *parent != running.process));
        (running, tree)
    });
    for (running, tree) in trees {
        let finished = running.wait();
        assert!(before.elapsed() > Duration::from_secs(5), "it had no grace");
        assert_eq!(finished.status.code(), Some(TIMED_OUT), "{finished:?}");
        for process in tree {
            assert!(!process.is_alive(), "{process:?} survived");
        }
    }
    for process in innocents {
        assert!(process.is_alive(), "{process:?} was killed too");
    }
    for task in client.tasks() {
        assert_eq!(task["status"], "timed_out", "{task:#}");
    }
}

/// The runner also kills what a survivor starts after the TERM. Takes the grace of five seconds.
#[test]
fn a_child_of_a_survivor_is_killed() {
    let client = Client::new(Shell::Bash);
    let [fork, sleep] = ["fork-child", "sleep"].map(|name| fixture(&client, name));
    let pids = client.env.path().join("pids");
    // The shell ends at the TERM. A shell in a session of its own ignores it and starts another child.
    let stubborn = format!(
        "trap \"\" TERM; {sleep} 2; (trap - TERM; exec {sleep} 3600) & echo $! > {}; wait",
        pids.display()
    );
    let command = format!("{fork} bash -c '{stubborn}' & {sleep} 3600");
    let running = client.background_with(&command, json!({ "timeout": LIMIT_MS }));
    let finished = running.wait();
    assert_eq!(finished.status.code(), Some(TIMED_OUT), "{finished:?}");
    let late = std::fs::read_to_string(&pids).unwrap().trim().parse().unwrap();
    assert_eq!(Process::of(late), None, "started after the TERM, and left running");
}

/// Many programs take a second TERM for "at once, whatever gets lost".
#[test]
fn each_process_gets_one_term() {
    let client = Client::new(Shell::Bash);
    let count = fixture(&client, "count-term");
    let files: Vec<_> =
        (0..20).map(|number| client.env.path().join(format!("count-{number}"))).collect();
    let all: Vec<String> =
        files.iter().map(|file| format!("{count} {} &", file.display())).collect();
    let command = format!("{} wait", all.join(" "));
    let call = client.announce_with(&command, json!({ "timeout": 1_500 }));
    let running = client.start(&command);
    let shell = running.command();
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    // The limit strikes no command that Claude Code has not called a background command.
    wait_until("all to wait", || files.iter().all(|file| !read(file).is_empty()));
    client.bind(call, &running);
    let counted =
        || -> Vec<usize> { files.iter().map(|file| read(file).matches("TERM").count()).collect() };
    wait_until("the end of the shell", || !shell.is_alive());
    wait_until("a TERM for each", || counted().iter().all(|&count| count > 0));
    // A second one would be sent at once or never.
    let since = Instant::now();
    wait_until("half a second", || since.elapsed() > Duration::from_millis(500));
    let counts = counted();
    // None of the grace that is left is needed.
    sisyphus_testing::processes::kill_all_of_home(&client.env.home());
    running.wait();
    assert_eq!(counts, [1; 20]);
}

/// The runner also kills an orphan of the command's group that ignores TERM. Takes the grace of five seconds.
#[test]
fn an_orphan_that_ignores_term_is_killed() {
    let client = Client::new(Shell::Bash);
    let [ignore, sleep] = ["ignore-term", "sleep"].map(|name| fixture(&client, name));
    // Its parent exits long before the limit, so it has no ancestor in the tree.
    let command = format!("({ignore} & echo $!); {sleep} 3600");
    let running = client.background_with(&command, json!({ "timeout": LIMIT_MS }));
    let orphan = printed(&running, 0);
    assert!(!running.wait().status.success());
    assert!(!orphan.is_alive(), "it survived");
}
