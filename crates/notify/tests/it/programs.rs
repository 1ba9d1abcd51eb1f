//! The user's program: once for each task that ends, with its limit and its failures.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sisyphus_tasks::outcome::{Canceller, Outcome};
use sisyphus_testing::{Client, Shell, TestEnv, wait_until, write_program};

use crate::stage::{FAILED, Stage};

/// Makes this script the user's program. It runs in a shell of its own, with the arguments `a b` and `$(c)`.
fn set_program(env: &TestEnv, script: &str) -> PathBuf {
    let path = env.path().join("tell");
    write_program(&path, format!("#!/bin/bash\n{script}"));
    env.set(&json!({ "on_complete": [path, "a b", "$(c)"] }));
    path
}

/// A script that adds one line for each start: an id, and how it ended.
fn recorder(env: &TestEnv) -> String {
    format!("echo \"$SISYPHUS_TASK_ID $SISYPHUS_STATUS\" >>{}/started\n", env.path().display())
}

/// The lines that it added.
fn started(env: &TestEnv) -> Vec<String> {
    let text = fs::read_to_string(env.path().join("started")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn log(env: &TestEnv) -> String {
    fs::read_to_string(env.state().join("hooks.log")).unwrap_or_default()
}

/// Runs a notifier to its end.
fn serve(stage: &Stage) {
    assert!(stage.start().wait().unwrap().success());
    assert!(!stage.env.state().join("notify.json").exists());
}

/// The program gets the event as data only: on its input, in its environment, and in no argument.
#[test]
fn a_program_gets_the_event_as_data() {
    let stage = Stage::new();
    let out = stage.env.path().join("out");
    fs::create_dir(&out).unwrap();
    let script = format!(
        "cd {} || exit; cat >input; env -0 >env; printf '%s\\n' \"$@\" >args\n\
         ps -o pid=,pgid=,sid= -p $$ >ids; echo $OLDPWD >folder\n",
        out.display()
    );
    set_program(&stage.env, &script);
    fs::create_dir(stage.env.project().join(".git")).unwrap();
    stage.run(&["a $(touch pwned) `b`", "other"]);
    stage.end("a $(touch pwned) `b`", FAILED, 2_100);
    let mut notifier = stage.env.command("sisyphus-notify");
    notifier.env("CLAUDE_CODE_SESSION_ACCESS_TOKEN", "secret");
    assert!(notifier.spawn().unwrap().wait().unwrap().success());
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    let event: Value = serde_json::from_str(&read("input")).unwrap();
    assert_eq!((&event["version"], &event["to"]), (&json!(1), &json!("failed")));
    assert_eq!(event["project"], json!(stage.env.project()));
    assert_eq!(event["said"], "failed with exit code 3 after 2.1 s");
    assert_eq!(read("args"), "a b\n$(c)\n");
    let environment = read("env");
    let of = |name: &str| {
        let start = format!("{name}=");
        environment.split('\0').find_map(|it| it.strip_prefix(&start)).unwrap().to_owned()
    };
    assert!(!environment.contains("secret"), "{environment}");
    assert_eq!(of("SISYPHUS_DESCRIPTION"), "a $(touch pwned) `b`");
    assert_eq!((of("SISYPHUS_STATUS"), of("SISYPHUS_EXIT_CODE")), ("failed".into(), "3".into()));
    assert_eq!(of("SISYPHUS_PROJECT"), stage.env.project().to_str().unwrap());
    assert_eq!(read("folder").trim(), stage.env.home().to_str().unwrap());
    // It leads its own group and session.
    let ids: Vec<String> = read("ids").split_whitespace().map(str::to_owned).collect();
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
    assert!(!stage.env.home().join("pwned").exists());
    assert_eq!(log(&stage.env), "");
}

/// The program starts for every kind of end, and also where notifications are off.
#[test]
fn every_end_starts_it_once() {
    let stage = Stage::new();
    set_program(&stage.env, &recorder(&stage.env));
    let path = stage.env.home().join(".claude/settings.json");
    let mut settings: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    settings["background_notifications"] = json!(false);
    fs::write(&path, settings.to_string()).unwrap();
    stage.run(&["good", "bad", "stopped", "review", "other"]);
    // As a hook that has read the settings does.
    stage.env.edit_state("active.json", |active| active["on_complete"] = json!(true));
    stage.end("good", Outcome::Completed, 1);
    stage.end("bad", FAILED, 1);
    stage.end("stopped", Outcome::Cancelled { by: Canceller::Model }, 1);
    stage.end_session("review", Outcome::Completed, None);
    serve(&stage);
    let mut words: Vec<String> =
        started(&stage.env).iter().map(|it| it.split_once(' ').unwrap().1.to_owned()).collect();
    words.sort();
    assert_eq!(words, ["cancelled", "completed", "completed", "failed"]);
    assert_eq!(stage.desktop.calls(), []);
    serve(&stage);
    assert_eq!(started(&stage.env).len(), 4);
}

/// Two hooks, the runner and two notifiers race for each end: the program starts once for each task.
#[test]
fn racing_processes_start_it_once() {
    let client = Client::new(Shell::Bash);
    set_program(&client.env, &recorder(&client.env));
    client.env.set(&with_slots(&client.env));
    // A turn does not end between a call and its answer, so the hooks of its end come when all calls are answered.
    let start = |number| {
        let wait = "until [ -e go ]; do sleep 0.02; done";
        client.background(&format!("{wait}; sleep 0.{number}; exit 3"))
    };
    let all: Vec<_> = (0..10).map(start).collect();
    fs::write(client.env.project().join("go"), "").unwrap();
    thread::scope(|scope| {
        for running in all {
            let client = &client;
            scope.spawn(move || {
                let stop = || client.hook("sisyphus-stop", json!({ "hook_event_name": "Stop" }));
                thread::scope(|inner| {
                    inner.spawn(move || running.wait());
                    for _ in 0..2 {
                        inner.spawn(|| (0..5).for_each(|_| drop(stop())));
                    }
                });
            });
        }
    });
    let notify = || client.env.command("sisyphus-notify").spawn().unwrap().wait().unwrap();
    thread::scope(|scope| {
        (0..2).for_each(|_| drop(scope.spawn(notify)));
    });
    wait_until("every start", || started(&client.env).len() >= 10);
    wait_until("the end of the notifier", || !client.env.state().join("notify.json").exists());
    let mut ids = started(&client.env);
    ids.sort();
    let count = ids.len();
    ids.dedup();
    assert_eq!((ids.len(), count), (10, 10), "{ids:?}");
}

fn with_slots(env: &TestEnv) -> Value {
    let text = fs::read_to_string(env.home().join(".claude/settings.json")).unwrap();
    let mut settings: Value = serde_json::from_str(&text).unwrap();
    settings["sisyphus"]["max_background_tasks"] = json!(0);
    settings["sisyphus"].clone()
}

/// A project can't set a program, and a setting that is not usable starts none.
#[test]
fn only_the_user_sets_a_program() {
    let stage = Stage::new();
    let path = set_program(&stage.env, &recorder(&stage.env));
    let user = stage.env.home().join(".claude/settings.json");
    let project = stage.env.project().join(".claude/settings.json");
    fs::create_dir_all(project.parent().unwrap()).unwrap();
    fs::rename(&user, &project).unwrap();
    stage.run(&["a", "b", "other"]);
    stage.end("a", FAILED, 1);
    serve(&stage);
    stage.env.set(&json!({ "on_complete": path }));
    stage.end("b", FAILED, 1);
    serve(&stage);
    assert_eq!(started(&stage.env), [""; 0]);
}

/// Each way to fail is in the log once, in plain words, and the report has the last one.
#[test]
fn a_failure_is_logged_once() {
    let noisy = "echo first >&2; printf 'no \\033[31mnetwork\\033[0m\\n' >&2; exit 7\n";
    let cases =
        [(noisy, "ended with exit code 7: no network"), ("kill -9 $$\n", "ended with signal 9")];
    for (script, expected) in cases {
        let stage = Stage::new();
        set_program(&stage.env, script);
        assert_failure(&stage, expected);
    }
    for (program, expected) in [
        ("/nonexistent/tell", "could not start `/nonexistent/tell`: No such file"),
        ("no-such-program-of-ours", "could not start `no-such-program-of-ours`: No such file"),
        ("/etc/passwd", "could not start `/etc/passwd`: Permission denied"),
    ] {
        let stage = Stage::new();
        stage.env.set(&json!({ "on_complete": [program] }));
        assert_failure(&stage, expected);
    }
}

fn assert_failure(stage: &Stage, expected: &str) {
    stage.run(&["a", "other"]);
    stage.end("a", FAILED, 1);
    serve(stage);
    let log = log(&stage.env);
    assert_eq!((log.lines().count(), log.matches(expected).count()), (1, 1), "{log}");
    let report = stage.env.state_file("on_complete.json");
    assert!(report["problem"].as_str().unwrap().contains(expected), "{report}");
}

/// A program that prints much, or does not read its input, disturbs nothing.
#[test]
fn odd_programs_disturb_nothing() {
    let scripts =
        ["exec 0<&-; head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2\n", "exec 0<&-\n"];
    for script in scripts {
        let stage = Stage::new();
        set_program(&stage.env, &format!("{script}{}", recorder(&stage.env)));
        stage.run(&["a", "other"]);
        stage.end("a", FAILED, 1);
        serve(&stage);
        assert_eq!((started(&stage.env).len(), log(&stage.env).as_str()), (1, ""));
        assert_eq!(stage.env.state_file("on_complete.json")["problem"], Value::Null);
    }
}

/// A program that hangs is gone after 30 seconds, with what it started in its group.
#[test]
fn a_program_that_hangs_is_killed() {
    let stage = Stage::new();
    let pids = stage.env.path().join("pids");
    let script = format!("sleep 1000 & echo $$ $! >{}\ntrap '' TERM; wait\n", pids.display());
    set_program(&stage.env, &script);
    stage.run(&["a", "other"]);
    stage.end("a", FAILED, 1);
    let begin = Instant::now();
    assert!(stage.start().wait().unwrap().success());
    let took = begin.elapsed();
    assert!(took > Duration::from_secs(29) && took < Duration::from_secs(45), "{took:?}");
    for pid in fs::read_to_string(pids).unwrap().split_whitespace() {
        wait_until("its end", || !PathBuf::from(format!("/proc/{pid}")).exists());
    }
    assert!(log(&stage.env).contains("was killed after 30 s"), "{}", log(&stage.env));
}
