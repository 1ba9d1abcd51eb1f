//! From the command to the desktop, with the real hooks and the real runner.

use std::os::unix::net::UnixListener;

use serde_json::json;
use sisyphus_state::store::is_held;
use sisyphus_testing::{Client, Shell, wait_until};

use crate::bus::{Bus, Recorder};

/// The process that sees an end starts the notifier and does not wait for it.
#[test]
fn an_end_starts_the_notifier() {
    let client = Client::new(Shell::Bash);
    let _bus = Bus::start(&client.env);
    let desktop = Recorder::start(&client.env, &[]);
    let running = client.background("echo 'error: it broke'; exit 4");
    // The shell's pipes close when it exits, even if a notifier lives on.
    running.wait();
    client.hook("sisyphus-stop", json!({ "hook_event_name": "Stop" }));
    wait_until("the notification", || !desktop.calls().is_empty());
    let call = &desktop.calls()[0];
    assert!(call.title.contains(" failed with exit code 4 · "), "{call:?}");
    assert!(call.body.starts_with("error: it broke\nAfter "), "{call:?}");
    // It ends by itself.
    let state = client.env.state();
    wait_until("its end", || !state.join("notify.json").exists());
    assert_eq!(desktop.calls().len(), 1);
}

/// If a shell has another `HOME`, the notifier still looks where Claude Code's settings are.
#[test]
fn another_home_does_not_mislead_the_notifier() {
    for is_on in [true, false] {
        let mut client = Client::new(Shell::Bash);
        client.env.set(&json!({ "background_notifications": is_on }));
        let _bus = Bus::start(&client.env);
        let desktop = Recorder::start(&client.env, &[]);
        client.prelude = "export HOME=/nonexistent\n".to_owned();
        let running = client.background("until [ -e go ]; do sleep 0.02; done; exit 4");
        client.wait_until_running(&running);
        std::fs::write(client.env.project().join("go"), "").unwrap();
        running.wait();
        // No hook runs: the runner started the notifier.
        assert_eq!(client.env.state_file("active.json")["tasks"][0]["status"]["outcome"], "failed");
        let notes = client.env.state().join("notify.json");
        let lock = client.env.state().join("notify.lock");
        wait_until("the end", || !notes.exists() && !is_held(&lock).unwrap());
        assert_eq!(desktop.calls().len(), usize::from(is_on));
    }
}

/// A notifier that waits for a silent desktop holds no open file of its caller, and gives up after a while.
#[test]
fn a_waiting_notifier_holds_no_file_of_its_caller() {
    let mut client = Client::new(Shell::Bash);
    let _desktop = UnixListener::bind(client.env.bus()).unwrap();
    // As of a Claude Code that was started under a lock.
    client.prelude = "exec 7>>held; flock -n 7 || true\n".to_owned();
    let running = client.background("until [ -e go ]; do sleep 0.02; done; exit 4");
    client.wait_until_running(&running);
    let held = client.env.project().join("held");
    assert!(is_held(&held).unwrap());
    std::fs::write(client.env.project().join("go"), "").unwrap();
    running.wait();
    let notifier = client.env.state().join("notify.lock");
    wait_until("the notifier", || is_held(&notifier).unwrap());
    assert!(!is_held(&held).unwrap());
    wait_until("its end", || !is_held(&notifier).unwrap());
    let waiting = client.env.state_file("terminal.json")["waiting"].clone();
    assert_eq!(waiting.as_array().unwrap().len(), 1, "{waiting}");
}
