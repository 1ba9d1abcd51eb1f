//! Groups of commands with a limit of their own: they wait for each other and for no other command.

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, Shell, wait_until};

use crate::queue::{job, let_go, started, wait_for_start};
use crate::support::in_both;

fn groups_are(client: &Client, slots: usize, limit: usize) {
    client.env.set(&json!({
        "max_background_tasks": slots,
        "groups": { "build": { "patterns": ["make *"], "limit": limit } },
    }));
}

/// A command of the group that says in `log` that it runs, and ends when the file `go-NUMBER` is there.
fn build(client: &Client, number: usize) -> Running {
    client.background(&format!(
        "make() {{ echo {number} >> log; until [ -e go-{number} ]; do sleep 0.02; done; exit {number}; }}; make all"
    ))
}

/// Waits until the queue of the group has this many entries.
fn wait_for_group(client: &Client, length: usize) {
    let queued = |task: &Value| task["status"] == "queued" && task["group"] == "build";
    wait_until(&format!("{length} of the group to wait"), || {
        client.tasks().iter().filter(|task| queued(task)).count() == length
    });
}

/// One of two builds waits although a slot is free, and a command of no group passes it.
#[test]
fn a_group_has_a_limit_of_its_own() {
    in_both(|client| {
        groups_are(client, 5, 1);
        let first = build(client, 1);
        wait_for_start(client, &[1]);
        let second = build(client, 2);
        wait_for_group(client, 1);
        let listed = client.env.run("sisyphus", &["list"]).stdout;
        assert_eq!(listed.matches("waits for group build: ").count(), 1, "{listed}");
        let other = job(client, 3);
        wait_for_start(client, &[1, 3]);
        let third = build(client, 4);
        wait_for_group(client, 2);
        let_go(client, 1);
        wait_for_start(client, &[1, 3, 2]);
        let_go(client, 2);
        wait_for_start(client, &[1, 3, 2, 4]);
        let_go(client, 3);
        let_go(client, 4);
        let codes = [first, second, other, third].map(|running| running.wait().status.code());
        assert_eq!(codes, [Some(1), Some(2), Some(3), Some(4)]);
    });
}

/// A command of a group needs a slot of all commands too, and the group is held meanwhile.
#[test]
fn a_group_shares_the_slots_of_all() {
    let client = Client::new(Shell::Bash);
    groups_are(&client, 1, 1);
    let other = job(&client, 1);
    wait_for_start(&client, &[1]);
    let first = build(&client, 2);
    wait_for_group(&client, 1);
    let second = build(&client, 3);
    wait_for_group(&client, 2);
    let_go(&client, 1);
    wait_for_start(&client, &[1, 2]);
    let_go(&client, 2);
    wait_for_start(&client, &[1, 2, 3]);
    let_go(&client, 3);
    let codes = [other, first, second].map(|running| running.wait().status.code());
    assert_eq!(codes, [Some(1), Some(2), Some(3)]);
}

/// A killed runner opens its slot of the group, and a stop while it waits for the group starts nothing.
#[test]
fn the_dead_hold_nothing_of_a_group() {
    let client = Client::new(Shell::Bash);
    groups_are(&client, 5, 1);
    let first = build(&client, 1);
    wait_for_start(&client, &[1]);
    let second = build(&client, 2);
    wait_for_group(&client, 1);
    let third = build(&client, 3);
    wait_for_group(&client, 2);
    second.process.signal(Signal::SIGTERM);
    assert!(!second.wait().status.success());
    first.process.signal(Signal::SIGKILL);
    wait_for_start(&client, &[1, 3]);
    let_go(&client, 3);
    assert_eq!(third.wait().status.code(), Some(3));
    assert_eq!(started(&client), [1, 3]);
}

/// The model reads which group a command waits for, and what holds it where.
#[test]
fn the_model_reads_what_holds_the_group() {
    let client = Client::new(Shell::Bash);
    groups_are(&client, 5, 1);
    let _first = build(&client, 1);
    wait_for_start(&client, &[1]);
    let call = client.announce("make all");
    let running = client.start("make all");
    client.wait_until_attached(&running);
    let said = client.bind(call, &running);
    let text = said["hookSpecificOutput"]["additionalContext"].as_str().unwrap().to_owned();
    assert!(
        text.contains("is number 1 in the queue of the group `build`: at most 1 at once ("),
        "{text}"
    );
    let folder = client.env.project();
    let holder = format!("(\"a test\") in `{}`). It starts by itself", folder.display());
    assert!(text.contains(&holder), "{text}");
}

/// A group that the user removes while commands wait for it holds none of them.
#[test]
fn a_removed_group_holds_nothing() {
    let client = Client::new(Shell::Bash);
    groups_are(&client, 5, 1);
    let first = build(&client, 1);
    wait_for_start(&client, &[1]);
    let second = build(&client, 2);
    wait_for_group(&client, 1);
    client.env.set(&json!({ "max_background_tasks": 5 }));
    wait_for_start(&client, &[1, 2]);
    let_go(&client, 1);
    let_go(&client, 2);
    assert_eq!([first, second].map(|it| it.wait().status.code()), [Some(1), Some(2)]);
}

/// If the user wants it, a foreground command of a full group is denied once, and runs when it is repeated.
#[test]
fn a_foreground_command_asks_once() {
    let client = Client::new(Shell::Bash);
    let set = |foreground: &str| {
        let group = json!({ "patterns": ["make *"], "foreground": foreground });
        client.env.set(&json!({ "groups": { "build": group } }));
    };
    let call = |command: &str| {
        let reply = client.hook(
            "sisyphus-pre-tool-use",
            json!({ "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "toolu_now",
                    "tool_input": { "command": command, "description": "build" } }),
        );
        reply["hookSpecificOutput"]["permissionDecisionReason"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    set("ask");
    assert_eq!(call("make one"), "", "the group is free");
    let running = build(&client, 1);
    wait_for_start(&client, &[1]);
    assert_eq!(call("echo one"), "");
    let reason = call("cd x && make one");
    assert!(reason.contains("of the group `build` at most 1 at once ("), "{reason}");
    assert!(reason.contains(&format!(" in `{}`)", client.env.project().display())), "{reason}");
    assert_eq!(call("cd x && make one"), "", "once");
    assert_ne!(call("make two"), "");
    set("run");
    assert_eq!(call("make three"), "");
    let_go(&client, 1);
    assert_eq!(running.wait().status.code(), Some(1));
    set("ask");
    assert_eq!(call("make three"), "", "the group is free again");
}
