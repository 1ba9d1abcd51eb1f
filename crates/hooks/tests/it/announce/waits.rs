//! What the hooks see of the runner of a command that waits for a slot.

use std::fs;

use serde_json::{Value, json};
use sisyphus_testing::{TestEnv, wait_until};

use crate::session::Session;

/// Each step of the runner is in the record after the next event.
#[test]
fn a_command_that_waited_runs_and_ends() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    let state = || -> Value {
        let _ = session.types();
        env.state_file("active.json")["tasks"][0]["status"]["state"].clone()
    };
    call.starts();
    // Without a runner it is so for some seconds.
    assert_eq!(state(), "pending");
    let runner = call.is_attached();
    let queued = json!({ "at": chrono::Utc::now() }).to_string();
    fs::write(call.folder().join("queued.json"), queued).unwrap();
    assert_eq!(state(), "queued");
    assert_eq!(state(), "queued", "nothing is new");
    call.is_started();
    assert_eq!(state(), "running");
    call.has_ended(3, 0);
    assert_eq!(state(), "running", "a result counts when the lock is open");
    drop(runner);
    // A process that another test starts may have the lock for a moment.
    wait_until("the end", || state() == "finished");
}
