//! From the command to the desktop, with the real hooks and the real runner.

use serde_json::json;
use sisyphus_testing::{Client, Shell, wait_until};

use crate::bus::{Bus, Recorder};

#[test]
fn whoever_sees_the_end_starts_the_notifier_and_does_not_wait_for_it() {
    let client = Client::new(Shell::Bash);
    let _bus = Bus::start(&client.env);
    let desktop = Recorder::start(&client.env, &[]);
    let running = client.background("echo 'error: it broke'; exit 4");
    // The pipes of the shell are closed by its end, whoever lives on.
    running.wait();
    client.hook("sisyphus-stop", json!({ "hook_event_name": "Stop" }));
    wait_until("the notification", || !desktop.calls().is_empty());
    let call = &desktop.calls()[0];
    assert!(call.body.starts_with("Failed with exit code 4"), "{call:?}");
    assert!(call.body.ends_with("\nerror: it broke"), "{call:?}");
    // It ends by itself.
    let state = client.env.state();
    wait_until("its end", || !state.join("notify.json").exists());
    assert_eq!(desktop.calls().len(), 1);
}
