//! `sisyphus wait`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, Shell, TestEnv, wait_for};

use crate::planted::{assert_fails, ended, failed, plant, running};
use crate::support::{assert_good, id_of, task_of};

/// A command that ends with this code once the file `go-CODE` is there.
fn job(client: &Client, code: i32) -> (Running, Value) {
    let command = format!("until [ -e go-{code} ]; do sleep 0.02; done; exit {code}");
    let running = client.background(&command);
    let task = task_of(client, &running);
    (running, task)
}

fn let_go(client: &Client, code: i32) {
    fs::write(client.env.project().join(format!("go-{code}")), "").unwrap();
}

#[test]
fn says_how_each_ends_as_it_happens() {
    let client = Client::new(Shell::Bash);
    let (_one, first) = job(&client, 0);
    let (_two, second) = job(&client, 3);
    let mut command = client.env.command("sisyphus");
    command.args(["wait", id_of(&second), id_of(&first)]);
    let mut waiting = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(waiting.stdout.take().unwrap()).lines();
    for (code, task, expected) in [
        (3, &second, "failed with exit code 3 after "),
        (0, &first, "completed with exit code 0 after "),
    ] {
        assert_eq!(waiting.try_wait().unwrap(), None);
        let_go(&client, code);
        let line = lines.next().unwrap().unwrap();
        assert!(line.starts_with(&format!("{} (\"a test\") {expected}", id_of(task))), "{line}");
    }
    let status = wait_for("the end of the waiting", || waiting.try_wait().unwrap());
    assert_eq!(status.code(), Some(1), "one of them failed");
    assert_good(&client.env.run("sisyphus", &["wait", id_of(&first)]));
}

#[test]
fn what_has_ended_is_not_waited_for() {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[ended("t1", "build", 1)]);
    plant(&env, "failed.json", &[failed("t2", "test", 2)]);
    let output = env.run("sisyphus", &["wait", "t1", "build", "t1"]);
    assert_good(&output);
    assert_eq!(output.stdout, "t1 (\"build\") completed with exit code 0.\n");
    let output = env.run("sisyphus", &["wait", "--json", "t1", "t2"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(1), ""), "{output:?}");
    let told = output.json();
    assert_eq!(told["version"], 1);
    let [one, two] = told["tasks"].as_array().unwrap().as_slice() else { panic!("{told:#}") };
    assert_eq!((&one["id"], &one["exit_code"]), (&json!("t1"), &json!(0)));
    assert_eq!((&two["id"], &two["exit_code"]), (&json!("t2"), &json!(3)));
}

#[test]
fn gives_up_when_the_time_is_up() {
    let env = TestEnv::new();
    plant(&env, "active.json", &[running("t1", "serve")]);
    plant(&env, "failed.json", &[failed("t2", "test", 2)]);
    for (timeout, at_least) in [("0", Duration::ZERO), ("0.3", Duration::from_millis(300))] {
        let before = Instant::now();
        let output = env.run("sisyphus", &["wait", "--timeout", timeout, "t1", "t2"]);
        assert!(before.elapsed() >= at_least, "{:?}", before.elapsed());
        assert_eq!(output.code, Some(124), "{output:?}");
        assert_eq!(output.stdout, "t2 (\"test\") failed with exit code 3.\n");
        assert_eq!(output.stderr, "sisyphus: timed out: t1 is running\n");
    }
    let output = env.run("sisyphus", &["wait", "--json", "--timeout", "0", "t1"]);
    assert_eq!(output.code, Some(124), "{output:?}");
    assert_eq!(output.json()["tasks"][0]["status"], "running");
}

/// `sisyphus wait` reports the end of an observed task from its record, and says that a denied call never ran.
#[test]
fn an_observed_task_ends_with_its_record() {
    let env = TestEnv::new();
    plant(&env, "active.json", &[running("t1", "serve"), running("t2", "denied")]);
    plant(&env, "completed.json", &[ended("t0", "build", 1)]);
    let mut command = env.command("sisyphus");
    command.args(["wait", "t0", "t1", "t2"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut waiting = command.spawn().unwrap();
    let mut stdout = BufReader::new(waiting.stdout.take().unwrap()).lines();
    assert_eq!(stdout.next().unwrap().unwrap(), "t0 (\"build\") completed with exit code 0.");
    plant(&env, "completed.json", &[ended("t1", "serve", 1)]);
    plant(&env, "active.json", &[]);
    assert_eq!(stdout.next().unwrap().unwrap(), "t1 (\"serve\") completed with exit code 0.");
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(output.stderr, b"sisyphus: t2 never ran, and its record is gone\n");
}

#[test]
fn an_unknown_task_is_not_waited_for() {
    let env = TestEnv::new();
    plant(&env, "active.json", &[running("t1", "serve")]);
    assert_fails(&env.run("sisyphus", &["wait", "t1", "t9"]), 2, "no task `t9`");
    for args in
        [&["wait"][..], &["wait", "--timeout", "-1", "t1"], &["wait", "--timeout", "x", "t1"]]
    {
        assert_eq!(env.run("sisyphus", args).code, Some(2), "{args:?}");
    }
}
