//! The runner records what the system counted for a command: processor time of all that was waited for, and the largest
//! of those processes.

use serde_json::Value;
use sisyphus_testing::{Client, wait_for};

use crate::support::in_both;

/// Uses about two seconds of processor time, however long that takes on a busy machine. Then the kernel ends it. The kernel
/// counts a limit in ticks.
const BUSY: &str = "ulimit -t 2; while :; do :; done";

/// Runs a command to its end and returns its processor time and its largest process.
fn used(client: &Client, command: &str) -> (u64, u64) {
    let running = client.background(command).wait();
    let task = wait_for("its end", || {
        let tasks = client.tasks();
        let found = tasks.into_iter().find(|task| task["client_id"] == running.id.as_str())?;
        (!found["ended_at"].is_null()).then_some(found)
    });
    let figure = |name: &str| task[name].as_u64().unwrap_or_else(|| panic!("{name}: {task:#}"));
    (figure("cpu_ms"), figure("largest_process_bytes"))
}

#[test]
fn the_largest_process_counts_and_not_the_sum() {
    in_both(|client| {
        let allocate = "dd if=/dev/zero of=/dev/null bs=200000000 count=1";
        let (_, largest) = used(client, allocate);
        assert!(largest >= 200_000_000, "{largest}");
        // The first one may have ended before the second one begins.
        let (_, of_two) = used(client, &format!("{allocate}; bash -c '{allocate}'"));
        assert!((200_000_000..300_000_000).contains(&of_two), "{of_two}");
        let (_, of_none) = used(client, "true");
        assert!((1..50_000_000).contains(&of_none), "{of_none}");
    });
}

#[test]
fn time_of_a_grandchild_is_counted() {
    in_both(|client| {
        let (cpu_ms, _) = used(client, &format!("bash -c '(bash -c \"{BUSY}\"); exit 0'"));
        assert!((1_500..6_000).contains(&cpu_ms), "{cpu_ms}");
        // What earlier commands used is not in it.
        let (cpu_ms, _) = used(client, "true");
        assert!(cpu_ms < 900, "{cpu_ms}");
    });
}

/// Its parent ended without waiting for it, so the system adds its time to no process of the command.
#[test]
fn what_nothing_waited_for_is_not_claimed() {
    in_both(|client| {
        let command = format!(
            "(bash -c 'echo $$ >busy; {BUSY}' &); until [ -s busy ]; do sleep 0.1; done; \
             while grep -q '^State:.[RSD]' /proc/$(cat busy)/status; do sleep 0.3; done; rm busy"
        );
        let (cpu_ms, _) = used(client, &command);
        assert!(cpu_ms < 900, "{cpu_ms}");
    });
}

/// A shell reports that its child was killed, or is killed itself. Without a witness the report has no word of memory.
#[test]
fn a_kill_is_a_kill_and_no_want_of_memory() {
    in_both(|client| {
        for (command, expected) in [
            (
                "bash -c 'kill -9 $$'",
                "failed with exit code 137 after .*\nexit code 137 is how a shell reports signal 9 (SIGKILL); largest process: ",
            ),
            ("kill -9 $$", "was killed by signal 9 (SIGKILL) after .*\nlargest process: "),
        ] {
            client.background(command).wait();
            let text = client.types();
            let (sentence, more) = expected.split_once(".*").unwrap();
            assert!(text.contains(sentence) && text.contains(more), "{command}: {text}");
            assert!(text.contains(" MB\n") && !text.contains("memory"), "{command}: {text}");
        }
        assert!(client.tasks().iter().all(|task| task["oom_kill"].is_null()));
    });
}

/// The runner of a command that never started has counted nothing.
#[test]
fn a_command_that_never_started_used_nothing() {
    let client = Client::new(sisyphus_testing::Shell::Bash);
    client.env.set(&serde_json::json!({ "max_background_tasks": 1 }));
    let first = client.background("until [ -e go ]; do sleep 0.02; done");
    client.wait_until_running(&first);
    let second = client.background("true");
    wait_for("one that waits", || {
        client.tasks().iter().any(|it| it["status"] == "queued").then_some(())
    });
    second.process.signal(nix::sys::signal::Signal::SIGTERM);
    let second = second.wait();
    std::fs::write(client.env.project().join("go"), "").unwrap();
    first.wait();
    let tasks = client.tasks();
    let found = tasks.iter().find(|task| task["client_id"] == second.id.as_str()).unwrap();
    assert_eq!((&found["cpu_ms"], &found["started_at"]), (&Value::Null, &Value::Null), "{found:#}");
}
