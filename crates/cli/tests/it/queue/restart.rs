//! `sisyphus restart`.

use std::fs;

use serde_json::json;
use sisyphus_testing::{Client, Shell, wait_until};

use super::run::{detach, ended, tasks};
use crate::planted::assert_fails;
use crate::pty::Terminal;
use crate::support::{assert_good, task_once};

/// A command of Claude Code runs again in its folder, with its exit code.
#[test]
fn a_command_runs_again_in_its_folder() {
    let client = Client::new(Shell::Bash);
    let first = client.background("echo ran >>runs; pwd; exit $(wc -l <runs)");
    let id = task_once(&client, &first, "failed")["id"].as_str().unwrap().to_owned();
    drop(first.wait());
    let mut command = client.env.command("sisyphus");
    command.args(["restart", "--yes", "--wait", &id]).current_dir("/");
    let output = sisyphus_testing::env::run(command, b"");
    assert_eq!(output.code, Some(2), "{output:?}");
    assert_eq!(output.stdout.trim_end(), client.env.project().to_str().unwrap());
    let again = &tasks(&client.env)[0];
    assert_eq!(again["command"], "echo ran >>runs; pwd; exit $(wc -l <runs)");
}

/// After a restart two tasks have the description. They ran one command in one folder, so it means the last one.
#[test]
fn a_description_runs_again_and_again() {
    let client = Client::new(Shell::Bash);
    let run = |name: &str, command: &str| {
        client.env.run("sisyphus", &["run", "--description", name, "--", "sh", "-c", command])
    };
    assert_good(&run("count", "echo ran >>runs"));
    let restart = || client.env.run("sisyphus", &["restart", "--yes", "--wait", "count"]);
    for _ in 0..3 {
        assert_good(&restart());
    }
    let runs = fs::read_to_string(client.env.project().join("runs")).unwrap();
    assert_eq!(runs, "ran\n".repeat(4));
    assert_good(&run("count", "echo another"));
    let refused = restart();
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let said = "`count` could be 5 tasks; to name one, give its id:\n";
    assert!(refused.stderr.contains(said), "{refused:?}");
}

/// A task without a description is named by its whole command, to `restart` and to `--after`.
#[test]
fn a_command_without_a_description_runs_again() {
    let client = Client::new(Shell::Bash);
    let run = |args: &[&str]| assert_good(&client.env.run("sisyphus", args));
    run(&["run", "mkdir", "-p", "made"]);
    run(&["run", "--after", "mkdir -p made", "--", "rmdir", "made"]);
    for _ in 0..2 {
        run(&["restart", "--yes", "--wait", "mkdir -p made"]);
        run(&["restart", "--yes", "--wait", "rmdir made"]);
    }
    assert_eq!(tasks(&client.env).len(), 6);
}

/// While an older run of the same description is live, the description means that one, which can't run again.
#[test]
fn a_description_of_a_live_run_is_refused() {
    let client = Client::new(Shell::Bash);
    let wait = "echo ran >>runs; while ! [ -e go ]; do sleep 0.05; done";
    let runs = || fs::read_to_string(client.env.project().join("runs")).unwrap_or_default();
    let [live, last] =
        [(); 2].map(|()| detach(&client.env, &["--description", "count", "--", "sh", "-c", wait]));
    wait_until("both", || runs().lines().count() == 2);
    assert_good(&client.env.run("sisyphus", &["cancel", &last]));
    let restart = |name: &str| client.env.run("sisyphus", &["restart", "--yes", name]);
    let refused = restart("count");
    let expected =
        format!("could not restart {live}: it is running; wait for it, or cancel it first");
    assert_fails(&refused, 1, &expected);
    assert_eq!(tasks(&client.env).len(), 2);
    // An id leaves no doubt.
    assert_good(&restart(&last));
    fs::write(client.env.project().join("go"), "").unwrap();
    for task in tasks(&client.env) {
        ended(&client.env, task["id"].as_str().unwrap());
    }
    assert_good(&client.env.run("sisyphus", &["restart", "--yes", "--wait", "count"]));
    assert_eq!(runs(), "ran\n".repeat(4));
}

/// Without a terminal it does not ask, and does nothing. On one it shows the command first.
#[test]
fn it_asks_before_it_runs_anything() {
    let client = Client::new(Shell::Bash);
    let id = detach(&client.env, &["sh", "-c", "echo ran >>runs"]);
    ended(&client.env, &id);
    let runs = || fs::read_to_string(client.env.project().join("runs")).unwrap();
    let output = client.env.run("sisyphus", &["restart", &id]);
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("--yes") && output.stderr.contains("echo ran"), "{output:?}");
    for (answer, expected) in [("\n", "ran\n"), ("n\n", "ran\n"), ("y\n", "ran\nran\n")] {
        let mut screen = Terminal::new(&client.env).start(&format!("restart --wait {id}"));
        wait_until("the question", || screen.text().contains("Run this again? [y/N]"));
        assert!(screen.text().contains("echo ran >>runs"));
        screen.type_in(answer);
        screen.wait();
        assert_eq!(runs(), expected, "{answer:?}");
    }
}

/// It never runs half a command, what still runs, or what is no command.
#[test]
fn what_cant_run_again_is_refused() {
    let client = Client::new(Shell::Bash);
    let live = detach(&client.env, &["sleep", "3600"]);
    let long = detach(&client.env, &["true", &"x".repeat(20_000)]);
    ended(&client.env, &long);
    let gone = client.env.project().join("gone");
    fs::create_dir(&gone).unwrap();
    let mut command = client.env.command("sisyphus");
    command.args(["run", "true"]).current_dir(&gone);
    assert_good(&sisyphus_testing::env::run(command, b""));
    fs::remove_dir(&gone).unwrap();
    let all = tasks(&client.env);
    let left = all.iter().find(|it| it["cwd"] == json!(gone)).unwrap()["id"].as_str().unwrap();
    for (id, expected) in [
        (live.as_str(), "wait for it, or cancel it first"),
        (&long, "only the beginning of the command"),
        (left, "is gone"),
    ] {
        let output = client.env.run("sisyphus", &["restart", "--yes", id]);
        assert_eq!(output.code, Some(1));
        assert!(output.stderr.contains(expected), "{output:?}");
    }
    assert_eq!(client.env.run("sisyphus", &["cancel", &live]).code, Some(0));
}
