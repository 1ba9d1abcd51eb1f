//! A waiter that has waited for long judges by the clock of now.

use std::fs::{self, File};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use sisyphus_testing::{TestEnv, wait_for, wait_until};

use crate::session::Session;

/// Claude Code's time to announce a result, and some that the waiter may be early by.
const GRACE: Duration = Duration::from_millis(2_800);

/// However long the waiter was there, it leaves Claude Code its time to announce a lost task.
#[test]
fn a_lost_task_has_its_grace_from_its_end() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    session.tell(&call.before());
    let lock = call.is_attached();
    session.tell(&call.after());
    call.is_started();

    let mut waiter = waiter(&session);
    let settled = env.state().join(format!("wake/{}.json", session.id));
    wait_until("the waiter to settle", || settled.exists());
    let since = Instant::now();
    wait_until("the waiter to have been there for a while", || since.elapsed() > GRACE * 2);
    drop(lock);
    let gone = Instant::now();
    let status = wait_for("the waiter to end", || waiter.try_wait().unwrap());
    assert_eq!(status.code(), Some(2));
    assert!(gone.elapsed() > GRACE, "woken {:?} after the end", gone.elapsed());
}

fn waiter(session: &Session<'_>) -> Child {
    let input = session.env.path().join("stop.json");
    fs::write(&input, session.event("stop.idle").to_string()).unwrap();
    let mut command = session.env.command("sisyphus-wake");
    command
        .env("CLAUDE_CODE_SESSION_ATTENDED", "1")
        .stdin(File::open(&input).unwrap())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}
