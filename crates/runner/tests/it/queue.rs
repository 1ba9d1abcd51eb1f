//! Slots: which commands wait, which is next, and that the dead hold nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, Shell, wait_until};

use crate::support::in_both;

/// A session with so many slots.
pub(crate) fn session(slots: usize) -> Client {
    let client = Client::new(Shell::Bash);
    slots_are(&client, slots);
    client
}

pub(crate) fn slots_are(client: &Client, slots: usize) {
    client.env.set(&json!({ "max_background_tasks": slots }));
}

/// Long enough for a look at the settings, also where the clock alone wakes the first of the queue.
fn wait_for_a_look_at_the_settings() {
    pass(Duration::from_millis(1_200));
}

pub(crate) fn pass(time: Duration) {
    let since = Instant::now();
    wait_until("a moment to pass", || since.elapsed() > time);
}

/// A command that says in the file `log` that it runs, and ends when the file `go-NUMBER` is there.
pub(crate) fn job(client: &Client, number: usize) -> Running {
    client.background(&format!(
        "echo {number} >> log; until [ -e go-{number} ]; do sleep 0.02; done; exit {number}"
    ))
}

pub(crate) fn let_go(client: &Client, number: usize) {
    fs::write(client.env.project().join(format!("go-{number}")), "").unwrap();
}

/// The numbers of the jobs that have started, in their order.
pub(crate) fn started(client: &Client) -> Vec<usize> {
    let log = fs::read_to_string(client.env.project().join("log")).unwrap_or_default();
    log.lines().map(|line| line.parse().unwrap()).collect()
}

pub(crate) fn wait_for_start(client: &Client, expected: &[usize]) {
    wait_until(&format!("{expected:?} to start"), || started(client) == expected);
}

/// Waits until the queue has this many entries.
pub(crate) fn wait_for_line(client: &Client, length: usize) {
    let waiting = client.env.runtime().join("line/waiting");
    // Neither a description nor a file that has no name yet.
    let named = |entry: &fs::DirEntry| !entry.file_name().as_encoded_bytes().contains(&b'.');
    wait_until(&format!("{length} to wait"), || {
        fs::read_dir(&waiting).is_ok_and(|dir| dir.flatten().filter(named).count() == length)
    });
}

fn states(client: &Client) -> Vec<(Value, Value)> {
    let mut tasks = client.tasks();
    tasks.sort_by_key(|task| task["command"].to_string());
    tasks.into_iter().map(|task| (task["status"].clone(), task["exit_code"].clone())).collect()
}

/// A runner above the limit queues, and starts its command when it is next.
#[test]
fn a_command_above_the_limit_waits() {
    in_both(|client| {
        slots_are(client, 1);
        // One after the other: otherwise the shell that comes up first is the first in the queue.
        let first = job(client, 1);
        wait_for_start(client, &[1]);
        let waiting = [2, 3].map(|number| {
            let running = job(client, number);
            wait_for_line(client, number - 1);
            running
        });
        let jobs: Vec<Running> = [first].into_iter().chain(waiting).collect();
        let word = |word: &str| (json!(word), Value::Null);
        let expected = [word("running"), word("queued"), word("queued")];
        wait_until("the record of all three", || states(client) == expected);
        for number in 1..=3 {
            wait_for_start(client, &(1..=number).collect::<Vec<_>>());
            let_go(client, number);
        }
        for (job, number) in jobs.into_iter().zip(1..) {
            assert_eq!(job.wait().status.code(), Some(number));
        }
        let failed = |code: i32| (json!("failed"), json!(code));
        assert_eq!(states(client), [failed(1), failed(2), failed(3)]);
    });
}

#[test]
fn the_model_is_told_the_place_and_what_is_before_it() {
    let client = session(1);
    let _first = job(&client, 1);
    wait_for_start(&client, &[1]);
    let told = |command: &str| {
        let call = client.announce(command);
        let running = client.start(command);
        client.wait_until_attached(&running);
        let said = client.bind(call.clone(), &running);
        let text = said["hookSpecificOutput"]["additionalContext"].as_str().unwrap().to_owned();
        (running, call["tool_input"]["timeout"].clone(), text)
    };
    note_rewriting(&client, "only_ours");
    let (second, timeout, said) = told("true 2");
    assert!(said.contains("is number 1 in the queue: at most 1 at once ("), "{said}");
    assert!(said.ends_with("notified when it finishes."), "{said}");
    assert_eq!(timeout, 7_200_000, "waiting eats the command's own time");

    // Where others may rewrite calls, it can't be raised, and that is said.
    note_rewriting(&client, "maybe_others");
    let (third, timeout, said) = told("true 3");
    assert!(said.contains("is number 2 in the queue:"), "{said}");
    assert!(
        said.ends_with("Claude Code's own limit of 10 min for this call is already running."),
        "{said}"
    );
    assert_eq!(timeout, Value::Null);
    let_go(&client, 1);
    for waiting in [second, third] {
        assert_eq!(waiting.wait().status.code(), Some(0));
    }
}

/// Claude Code draws a queued command as a running one, so the user reads its place. Both calls of one message are
/// answered at the same time, and no two have the same place.
#[test]
fn the_user_reads_the_place_of_each_call() {
    let client = session(1);
    let _first = job(&client, 1);
    wait_for_start(&client, &[1]);
    let calls = ["true 2", "true 3"].map(|command| client.announce(command));
    let shells = ["true 2", "true 3"].map(|command| client.start(command));
    // On a busy machine a hook answers without the place rather than late.
    wait_for_line(&client, 2);
    let shown = std::thread::scope(|scope| {
        let answers = calls.iter().zip(&shells).map(|(call, shell)| {
            let client = &client;
            scope.spawn(move || client.bind(call.clone(), shell)["systemMessage"].clone())
        });
        let answers: Vec<_> = answers.collect();
        answers.into_iter().map(|it| it.join().unwrap()).collect::<Vec<_>>()
    });
    let said =
        |number: u32| json!(format!("\"a test\" is queued, number {number}, 1 of 1 slots busy"));
    assert_eq!(shown, [said(1), said(2)]);
    let_go(&client, 1);
    for waiting in shells {
        assert_eq!(waiting.wait().status.code(), Some(0));
    }
}

/// Notes which hooks may rewrite calls: what is found around a test's session is not the test's business.
fn note_rewriting(client: &Client, rewriting: &str) {
    let noted = client.env.state().join("sessions/session-1.json");
    fs::write(noted, json!({ "version": 1, "rewriting": rewriting }).to_string()).unwrap();
}

/// Claude Code announces the calls of one message before any of them runs: each but the first may have to wait.
#[test]
fn calls_made_at_once_have_their_limits_raised() {
    let client = session(5);
    note_rewriting(&client, "only_ours");
    let timeouts = ["true 1", "true 2", "true 3"].map(|command| {
        client.announce_with(command, json!({ "timeout": 4_000 }))["tool_input"]["timeout"].clone()
    });
    assert_eq!(timeouts, [json!(4_000), json!(7_200_000), json!(7_200_000)]);
}

#[test]
fn a_killed_holder_opens_its_slot_at_once() {
    let client = session(1);
    let first = job(&client, 1);
    wait_for_start(&client, &[1]);
    let second = job(&client, 2);
    wait_for_line(&client, 1);
    first.process.signal(Signal::SIGKILL);
    wait_for_start(&client, &[1, 2]);
    let_go(&client, 2);
    assert_eq!(second.wait().status.code(), Some(2));
    drop(first.wait());
    assert_eq!(states(&client), [(json!("lost"), Value::Null), (json!("failed"), json!(2))]);
}

/// If a queued runner dies or is stopped, its gap closes and its command never starts.
#[test]
fn a_gap_in_the_line_closes() {
    let client = session(1);
    let _first = job(&client, 1);
    wait_for_start(&client, &[1]);
    let [second, third, fourth] = [2, 3, 4].map(|number| {
        let running = job(&client, number);
        wait_for_line(&client, number - 1);
        running
    });
    second.process.signal(Signal::SIGKILL);
    third.process.signal(Signal::SIGTERM);
    let ended = [second.wait(), third.wait()];
    assert!(ended.iter().all(|end| !end.status.success()), "{ended:?}");
    wait_until("the line to close", || {
        let line = fs::read_dir(client.env.runtime().join("line/waiting")).unwrap();
        let locks = line.flatten().filter(|entry| entry.path().extension().is_none());
        // The next runner that looks removes what a killed one left.
        locks.count() <= 2
    });
    let_go(&client, 1);
    wait_for_start(&client, &[1, 4]);
    let_go(&client, 4);
    assert_eq!(fourth.wait().status.code(), Some(4));
    let words: Vec<Value> = states(&client).into_iter().map(|(word, _)| word).collect();
    assert_eq!(words, ["failed", "lost", "cancelled", "failed"]);
}

/// A raised limit lets waiting runners start their commands. A lowered one stops no command.
#[test]
fn a_changed_limit_holds_for_the_line() {
    let client = session(1);
    let first = job(&client, 1);
    wait_for_start(&client, &[1]);
    let waiting = [2, 3, 4].map(|number| {
        let running = job(&client, number);
        wait_for_line(&client, number - 1);
        running
    });
    let jobs: Vec<Running> = [first].into_iter().chain(waiting).collect();
    // Half written, as by an editor that empties the file first, it says nothing.
    fs::write(client.env.home().join(".claude/settings.json"), "").unwrap();
    wait_for_a_look_at_the_settings();
    assert_eq!(started(&client), [1]);
    slots_are(&client, 3);
    // The second and the third start one right after the other: whose shell is up first is not ours to say.
    wait_until("two more to start", || started(&client).len() == 3);
    assert!(!started(&client).contains(&4), "{:?}", started(&client));
    slots_are(&client, 1);
    let_go(&client, 1);
    let_go(&client, 2);
    wait_until("two to end", || {
        states(&client).iter().filter(|(word, _)| word == "failed").count() == 2
    });
    // The third has the only slot that there is now; more than one look at the settings goes by.
    wait_for_a_look_at_the_settings();
    assert_eq!(started(&client).len(), 3);
    let_go(&client, 3);
    wait_until("the last to start", || started(&client).last() == Some(&4));
    let_go(&client, 4);
    for (job, number) in jobs.into_iter().zip(1..) {
        assert_eq!(job.wait().status.code(), Some(number));
    }
}

#[test]
fn a_service_needs_no_slot() {
    let client = session(1);
    client.env.set(&json!({ "max_background_tasks": 1, "service_patterns": ["sh serve.sh"] }));
    fs::write(client.env.project().join("serve.sh"), "echo 9 >> log; exec sleep 60").unwrap();
    let services = [client.background("sh serve.sh"), client.background("sh serve.sh")];
    wait_for_start(&client, &[9, 9]);
    let first = job(&client, 1);
    wait_for_start(&client, &[9, 9, 1]);
    let_go(&client, 1);
    assert_eq!(first.wait().status.code(), Some(1));
    for service in services {
        service.process.signal(Signal::SIGKILL);
    }
}

/// I5: a foreground command has the words of an announced background call. As soon as Claude Code has bound another
/// shell to that call, nothing of ours may delay the foreground command.
#[test]
fn a_foreground_twin_is_not_kept_waiting() {
    let client = session(1);
    let _first = job(&client, 1);
    wait_for_start(&client, &[1]);
    let command = "echo in the foreground";
    let call = client.announce(command);
    let foreground = client.start(command);
    client.wait_until_attached(&foreground);
    let background = client.start(command);
    client.wait_until_attached(&background);
    let before = Instant::now();
    client.bind(call, &background);
    assert_eq!(foreground.wait_in_foreground().text(), "in the foreground\n");
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    // The call itself is still queued.
    assert_eq!(background.text(), "");
    let_go(&client, 1);
    assert_eq!(background.wait().text(), "in the foreground\n");
}

/// Nothing waits then, so the model reads no place.
#[test]
fn where_there_is_no_queue_a_command_starts_at_once() {
    let client = session(1);
    fs::create_dir_all(client.env.runtime()).unwrap();
    fs::set_permissions(client.env.runtime(), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(client.env.runtime().join("line"), "a plain file").unwrap();
    let jobs = [job(&client, 1), job(&client, 2)];
    wait_until("both to start", || started(&client).len() == 2);
    let third = "until [ -e go-1 ]; do sleep 0.02; done";
    let call = client.announce(third);
    let third = client.start(third);
    assert_eq!(client.bind(call, &third), Value::Null);
    for number in [1, 2] {
        let_go(&client, number);
    }
    for (job, number) in jobs.into_iter().zip(1..) {
        assert_eq!(job.wait().status.code(), Some(number));
    }
    assert_eq!(third.wait().status.code(), Some(0));
}

/// SessionStart and UserPromptSubmit tell no place and no free slot in a queue that they can't read.
#[test]
fn no_place_is_said_of_an_unreadable_queue() {
    let client = session(1);
    let _first = job(&client, 1);
    wait_for_start(&client, &[1]);
    let second = job(&client, 2);
    wait_for_line(&client, 1);
    let said = |program: &str, event: Value| {
        let reply = client.hook(program, event);
        reply["hookSpecificOutput"]["additionalContext"].as_str().unwrap().to_owned()
    };
    let resumed = || {
        let event = json!({ "hook_event_name": "SessionStart", "source": "resume" });
        said("sisyphus-session-start", event)
    };
    let asked = || {
        let event = json!({ "hook_event_name": "UserPromptSubmit", "prompt": "/ultrawork go" });
        said("sisyphus-user-prompt-submit", event)
    };
    assert!(resumed().contains(" number 1 in the queue\n"), "{}", resumed());
    assert!(asked().contains("running now: 1, queued: 1, can start now: 0."), "{}", asked());
    // Its runner must not leave the queue meanwhile.
    second.process.signal(Signal::SIGSTOP);
    fs::set_permissions(client.env.runtime(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(resumed().contains(" not yet started\n"), "{}", resumed());
    assert!(asked().ends_with("running now: 1, queued: 1."), "{}", asked());
    second.process.signal(Signal::SIGCONT);
    for number in [1, 2] {
        let_go(&client, number);
    }
    assert_eq!(second.wait().status.code(), Some(2));
}

/// While agents hold all slots, a runner waits. It starts its command when an agent ends.
#[test]
fn a_command_waits_for_the_slots_of_agents() {
    let client = session(1);
    let call = json!({
        "hook_event_name": "PreToolUse", "tool_name": "Agent", "tool_use_id": "toolu_a",
        "tool_input": { "description": "explore", "prompt": "find it", "subagent_type": "Explore" },
    });
    assert_eq!(client.hook("sisyphus-pre-tool-use", call.clone()), Value::Null);
    let mut launched = call;
    launched["hook_event_name"] = json!("PostToolUse");
    launched["tool_response"] =
        json!({ "isAsync": true, "status": "async_launched", "agentId": "a1" });
    assert_eq!(client.hook("sisyphus-post-tool-use", launched), Value::Null);

    let waiting = job(&client, 1);
    wait_for_line(&client, 1);
    wait_for_a_look_at_the_settings();
    assert!(started(&client).is_empty());
    let stop = json!({ "hook_event_name": "SubagentStop", "agent_id": "a1" });
    assert_eq!(client.hook("sisyphus-subagent-stop", stop), Value::Null);
    wait_for_start(&client, &[1]);
    let_go(&client, 1);
    assert_eq!(waiting.wait().status.code(), Some(1));
}
