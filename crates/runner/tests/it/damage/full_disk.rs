//! A disk with the state that is full when a command ends, and has room again later.

use std::fs;
use std::path::PathBuf;

use sisyphus_testing::{Client, SmallDisk, failure_notice, wait_for};

use crate::queue::{job, let_go, session};
use crate::session_stage::{ANSWER, INIT, Stage};

/// The model reads the exit code once there is room again, and the output from Claude Code's own file, since no copy of it was
/// kept. Until then the hooks say nothing, because they can't note it.
#[test]
fn a_full_disk_loses_no_exit_code() {
    let client = session(2);
    let Some(disk) = SmallDisk::with_state_of(&client.env) else { return };
    let command = "echo FATAL; until [ -e go-7 ]; do sleep 0.02; done; exit 7";
    let call = client.announce(command);
    let running = client.start(command);
    client.bind(call.clone(), &running);
    client.wait_until_running(&running);
    disk.fill();
    let_go(&client, 7);
    let notice = failure_notice(&call, &running, 7);
    assert_eq!(running.wait().status.code(), Some(7));
    assert_eq!((client.submits(&notice), client.stops()), (String::new(), String::new()));
    disk.make_room();
    let told = client.types();
    assert!(told.contains("failed with exit code 7 after "), "{told:?}");
    assert!(told.contains("\n| FATAL\n"), "{told:?}");
    assert_eq!(client.types(), "");
    assert_eq!(client.task()["exit_code"], 7);
    assert_eq!(fs::read_dir(client.env.state().join("runs")).unwrap().count(), 0, "left behind");
}

/// What fills the disk can be stopped.
#[test]
fn a_full_disk_keeps_no_command_from_its_stop() {
    let client = session(2);
    let Some(disk) = SmallDisk::with_state_of(&client.env) else { return };
    let running = job(&client, 7);
    client.wait_until_running(&running);
    let id = client.task()["id"].as_str().unwrap().to_owned();
    disk.fill();
    let output = client.env.run("sisyphus", &["cancel", &id]);
    assert!(output.stderr.contains("could not record the request to stop"), "{output:?}");
    running.wait();
    disk.make_room();
    assert_eq!(client.task()["status"], "cancelled", "{:#}", client.task());
}

/// The same for a person's command in the background.
#[test]
fn a_full_disk_loses_no_end_of_a_persons_command() {
    let client = session(2);
    let Some(disk) = SmallDisk::with_state_of(&client.env) else { return };
    let line = "until [ -e go-7 ]; do sleep 0.02; done; exit 7";
    let output = client.env.run("sisyphus", &["run", "--detach", "--", "sh", "-c", line]);
    assert_eq!(output.code, Some(0), "{output:?}");
    client.running_task();
    disk.fill();
    let_go(&client, 7);
    let lock = lock_of_only_run(&client);
    wait_for("its runner to end", || {
        (!sisyphus_state::store::is_held(&lock).unwrap()).then_some(())
    });
    disk.make_room();
    let task = client.task();
    assert_eq!(task["exit_code"], 7, "{task:#}");
}

/// Only its report says whether a session has answered. Without room for that, its end counts as unseen.
#[test]
fn a_full_disk_fails_no_session() {
    // Its input has room that its end would give back.
    let wait = "exec <&-; echo >ready; until [ -e go ]; do sleep 0.02; done";
    let mut stage = Stage::new(&format!("{INIT}; {wait}; {ANSWER}"));
    let Some(disk) = SmallDisk::with_state_of(&stage.env) else { return };
    stage.delegate("t1", 1);
    stage.wait_for_file("ready");
    disk.fill();
    fs::write(stage.env.project().join("go"), "").unwrap();
    stage.runners[0].wait().unwrap();
    disk.make_room();
    let task = stage.ended("t1");
    assert_eq!(task["status"]["outcome"], "lost", "{task:#}");
}

fn lock_of_only_run(client: &Client) -> PathBuf {
    let only = |dir: PathBuf| fs::read_dir(dir).unwrap().next().unwrap().unwrap().path();
    only(only(client.env.state().join("runs"))).join("lock")
}
