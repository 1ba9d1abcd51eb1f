//! `sisyphus list`.

use serde_json::{Value, json};
use sisyphus_testing::{Client, Shell, TestEnv, env, wait_until};

use crate::planted::{
    assert_fails, ended, failed, ids, listed, plant, plant_text, prints, running, task,
};

/// Every field of a task in `--json`. One may be added; none may go.
const FIELDS: [&str; 24] = [
    "id",
    "status",
    "exit_code",
    "signal",
    "oom_kill",
    "by",
    "lost_because",
    "watch",
    "session",
    "client_id",
    "agent",
    "cwd",
    "command",
    "description",
    "limit_ms",
    "started_at",
    "ended_at",
    "duration_ms",
    "waited_ms",
    "cpu_ms",
    "largest_process_bytes",
    "output_bytes",
    "output_dropped_bytes",
    "output_file",
];

/// Checks that every field is there, and that all but those of `expected` are null.
fn assert_shape(task: &Value, expected: &Value) {
    for name in FIELDS {
        let found = task.get(name).unwrap_or_else(|| panic!("no `{name}` in {task:#}"));
        assert_eq!(found, &expected[name], "{name} of {task:#}");
    }
    for name in expected.as_object().unwrap().keys() {
        assert!(FIELDS.contains(&name.as_str()), "{name}");
    }
}

/// Without any state, `sisyphus list` says that there are no commands yet, and creates nothing.
#[test]
fn an_empty_home_has_nothing_to_list() {
    let env = TestEnv::new();
    assert_eq!(prints(&env, &["list"]), "No background commands yet.\n");
    assert_eq!(prints(&env, &["list", "--all"]), "No background commands yet.\n");
    assert_eq!(listed(&env, &[]), Vec::<Value>::new());
    assert!(!env.home().join(".claude").exists());
}

/// `sisyphus list` prints what real shells ran, with states and exit codes.
#[test]
fn real_commands_with_states_and_exit_codes() {
    let client = Client::new(Shell::Bash);
    client.background("exit 3").wait();
    client.background("echo done").wait();
    let running = client.background("echo up; sleep 300");
    running.wait_for_line("up");
    wait_until("the runner's word", || client.tasks().iter().any(|it| it["status"] == "running"));

    let tasks = client.tasks();
    let statuses: Vec<&str> = tasks.iter().map(|task| task["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["running", "completed", "failed"]);
    let codes: Vec<&Value> = tasks.iter().map(|task| &task["exit_code"]).collect();
    assert_eq!(codes, [&Value::Null, &json!(0), &json!(3)]);
    assert_eq!(tasks[0]["watch"], "supervised");
    assert_eq!(tasks[0]["client_id"], running.id.as_str());
    assert_eq!(tasks[1]["output_bytes"], 5);
    let kept = std::fs::read_to_string(tasks[1]["output_file"].as_str().unwrap()).unwrap();
    assert_eq!(kept, "done\n");

    let table = prints(&client.env, &["list"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines[0].starts_with("ID "), "{table}");
    for (line, state) in lines[1..].iter().zip(["running", "completed", "failed(3)"]) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[1], state, "{table}");
        assert!(line.ends_with("  proj     a test"), "{table}");
    }
}

#[test]
fn the_json_of_a_task_says_everything_that_is_known() {
    let env = TestEnv::new();
    let mut full = failed("t1", "run the tests", 2);
    for (name, value) in [
        ("agent", json!("agent-1")),
        ("client", json!({ "id": "b1" })),
        ("limit_ms", json!(90_000)),
        ("output", json!({ "bytes": 70, "dropped": 7 })),
    ] {
        full[name] = value;
    }
    full["status"]["started_at"] = "2026-11-21T02:30:00Z".into();
    full["status"]["duration_ms"] = 2_104.into();
    full["status"]["waited_ms"] = 700.into();
    full["status"]["usage"] = json!({ "cpu_ms": 1_900, "largest_process_bytes": 1_048_576 });
    plant(&env, "failed.json", &[full]);
    plant_text(&env, "output/t1.log", "no\n");

    let mut expected = json!({
        "id": "t1", "status": "failed", "exit_code": 3, "session": "session-1", "client_id": "b1",
        "agent": "agent-1", "cwd": "/home/dev/proj", "command": "npm test", "description": "run the tests",
        "limit_ms": 90_000, "started_at": "2026-11-21T02:30:00Z", "ended_at": "2026-11-21T02:30:02Z",
        "duration_ms": 2_104, "waited_ms": 700, "cpu_ms": 1_900, "largest_process_bytes": 1_048_576, "output_bytes": 70, "output_dropped_bytes": 7,
    });
    expected["output_file"] = env.state().join("output/t1.log").to_str().into();
    assert_shape(&listed(&env, &[])[0], &expected);
}

#[test]
fn the_json_of_every_state_has_the_same_fields() {
    let finished = |outcome: &str, more: Value| {
        let mut status =
            json!({ "state": "finished", "outcome": outcome, "ended_at": "2026-11-21T02:30:00Z" });
        status.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        status
    };
    let soon = "2999-01-01T00:00:00Z";
    let cases = [
        (json!({ "state": "pending", "announced_at": soon }), json!({ "status": "pending" })),
        (
            json!({ "state": "running", "started_at": soon, "watch": "observed" }),
            json!({ "status": "running", "started_at": soon, "watch": "observed" }),
        ),
        (finished("completed", json!({})), json!({ "status": "completed", "exit_code": 0 })),
        (finished("killed", json!({ "signal": 9 })), json!({ "status": "killed", "signal": 9 })),
        (
            finished("timed_out", json!({ "limit_ms": 5 })),
            json!({ "status": "timed_out", "limit_ms": 5 }),
        ),
        (
            finished("cancelled", json!({ "by": "user" })),
            json!({ "status": "cancelled", "by": "user" }),
        ),
        (
            finished("lost", json!({ "why": "runner_died" })),
            json!({ "status": "lost", "lost_because": "runner_died" }),
        ),
        (finished("unknown", json!({})), json!({ "status": "unknown" })),
    ];
    for (status, mut expected) in cases {
        let env = TestEnv::new();
        let is_over = status["state"] == "finished";
        plant(&env, if is_over { "failed.json" } else { "active.json" }, &[task("t1", "", status)]);
        if is_over {
            expected["ended_at"] = "2026-11-21T02:30:00Z".into();
        }
        for (name, value) in [
            ("id", "t1"),
            ("session", "session-1"),
            ("cwd", "/home/dev/proj"),
            ("command", "npm test"),
            ("description", ""),
        ] {
            expected[name] = value.into();
        }
        assert_shape(&listed(&env, &[])[0], &expected);
    }
}

#[test]
fn what_has_not_ended_comes_first_then_the_newest() {
    let env = TestEnv::new();
    plant(&env, "active.json", &[running("ta", ""), running("tb", "")]);
    plant(&env, "completed.json", &[ended("t1", "", 1), ended("t3", "", 3), ended("t5", "", 5)]);
    plant(&env, "failed.json", &[failed("t2", "", 2), failed("t4", "", 4)]);
    assert_eq!(ids(&listed(&env, &[])), ["ta", "tb", "t5", "t4", "t3", "t2", "t1"]);
    // The number is that of the ended ones.
    assert_eq!(ids(&listed(&env, &["--last", "2"])), ["ta", "tb", "t5", "t4"]);
    assert_eq!(ids(&listed(&env, &["--last", "0"])), ["ta", "tb"]);
    assert_eq!(prints(&env, &["list", "--last", "1"]).lines().count(), 1 + 2 + 1);
}

/// `sisyphus list` prints 20 ended tasks. Options extend that to more of them and to the archive.
#[test]
fn twenty_ended_tasks_by_default() {
    let env = TestEnv::new();
    let many: Vec<Value> = (0..30).map(|second| ended(&format!("t{second}"), "", second)).collect();
    plant(&env, "completed.json", &many);
    plant_text(&env, "archive/2026-10.jsonl", &format!("{}\nnot JSON\n\n", ended("told", "", 0)));
    plant_text(&env, "archive/2026-09.jsonl", &format!("{}\n", failed("tolder", "", 0)));
    assert_eq!(listed(&env, &[]).len(), 20);
    assert_eq!(listed(&env, &["--last", "1000"]).len(), 30);
    let output = env.run("sisyphus", &["list", "--json", "--all"]);
    assert!(output.stderr.contains("left out 1 damaged lines"), "{output:?}");
    let all = output.json()["tasks"].as_array().unwrap().clone();
    assert_eq!(all.len(), 32);
    assert!(ids(&all).contains(&"told") && ids(&all).contains(&"tolder"));
}

/// `--last` counts what `--all` finds too.
#[test]
fn the_last_of_all_reach_into_the_archive() {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[ended("t3", "", 3)]);
    let archived = [ended("t2", "", 2), ended("t1", "", 1)].map(|task| format!("{task}\n"));
    plant_text(&env, "archive/2026-11.jsonl", &archived.concat());
    assert_eq!(ids(&listed(&env, &["--all", "--last", "2"])), ["t3", "t2"]);
    let none = "No task is listed: --last leaves out 3 that ended.\n";
    assert_eq!(prints(&env, &["list", "--all", "--last", "0"]), none);
}

/// `sisyphus list` prints a task once that a crash left in the archive and in the history.
#[test]
fn a_task_in_archive_and_history_is_listed_once() {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[ended("t1", "once", 1)]);
    plant_text(&env, "archive/2026-11.jsonl", &format!("{}\n", ended("t1", "once", 1)));
    assert_eq!(ids(&listed(&env, &["--all"])), ["t1"]);
}

/// `--status` lists the tasks of that status, before it counts to `--last`. `error` is every bad end.
#[test]
fn a_status_selects_tasks() {
    let env = TestEnv::new();
    let killed = json!({ "state": "finished", "outcome": "killed", "signal": 9, "ended_at": "2026-11-21T02:30:00Z" });
    plant(&env, "active.json", &[running("tlive0000", "")]);
    plant(&env, "completed.json", &[ended("tgood0000", "", 5)]);
    plant(&env, "failed.json", &[failed("tbad00000", "", 4), task("tkill0000", "", killed)]);
    let cases = [
        (&["error"][..], &["tbad00000", "tkill0000"][..]),
        (&["error", "--last", "1"], &["tbad00000"]),
        (&["failed"], &["tbad00000"]),
        (&["running"], &["tlive0000"]),
        (&["ended"], &["tgood0000", "tbad00000", "tkill0000"]),
        (&["lost"], &[]),
    ];
    for (words, expected) in cases {
        let args = [&["--status"], words].concat();
        assert_eq!(ids(&listed(&env, &args)), expected, "{args:?}");
        let text = prints(&env, &[&["list"], &args[..]].concat());
        assert!(expected.iter().all(|id| text.contains(id)), "{text}");
        assert_eq!(text.lines().count(), expected.len() + 1, "{text}");
    }
    assert_eq!(prints(&env, &["list", "--status", "lost"]), "No task is `lost`.\n");
    let refused = env.run("sisyphus", &["list", "--status", "done"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("possible values: live, ended,"), "{refused:?}");
}

/// The filters of `sisyphus list`, one by one and together; two kinds of status at once are refused.
#[test]
fn what_is_left_out() {
    let env = TestEnv::new();
    let here = env.project().canonicalize().unwrap();
    let mut below = ended("tbelow", "", 1);
    below["cwd"] = json!(here.join("sub"));
    let mut other_session = failed("tother", "", 50);
    other_session["session"] = "other".into();
    let mut running_here = running("truns", "");
    running_here["cwd"] = json!(here);
    plant(&env, "completed.json", &[below]);
    plant(&env, "failed.json", &[other_session]);
    plant(&env, "active.json", &[running_here, running("tfar", "")]);
    let cases: [(&[&str], &[&str]); 8] = [
        (&[], &["truns", "tfar", "tother", "tbelow"]),
        (&["--failed"], &["tother"]),
        (&["--running"], &["truns", "tfar"]),
        (&["--here"], &["truns", "tbelow"]),
        (&["--session", "oth"], &["tother"]),
        (&["--since", "2026-11-21T02:30:40Z"], &["truns", "tfar", "tother"]),
        (&["--here", "--running"], &["truns"]),
        (&["--here", "--failed"], &[]),
    ];
    for (options, expected) in cases {
        assert_eq!(ids(&listed(&env, options)), expected, "{options:?}");
        let table = prints(&env, &[&["ls"], options].concat());
        let shown = table.lines().skip(1).map(|line| line.split_whitespace().next().unwrap());
        assert_eq!(shown.collect::<Vec<_>>(), expected, "{table}");
    }
    let output = env.run("sisyphus", &["list", "--failed", "--status", "running"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert_fails(&env.run("sisyphus", &["list", "--session", "none"]), 2, "no session `none`");
}

/// It lists no other folders instead of the one that is gone.
#[test]
fn no_list_is_of_a_removed_folder() {
    let env = TestEnv::new();
    let mut shell = env.plain("sh");
    shell.args(["-c", "mkdir gone && cd gone && rmdir ../gone && exec \"$@\"", "sh"]);
    shell.arg(env.command("sisyphus").get_program()).args(["list", "--here"]);
    let output = env::run(shell, b"");
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{output:?}");
    assert!(output.stderr.contains("could not find the current folder; change to"), "{output:?}");
}

/// The age of an ended task counts from its end, that of a running one from its launch.
#[test]
fn ages_are_listed() {
    let env = TestEnv::new();
    let ago = |minutes| json!(chrono::Utc::now() - chrono::TimeDelta::minutes(minutes));
    let mut over = ended("t1", "over", 1);
    over["status"]["ended_at"] = ago(125);
    let mut live = running("t2", "live");
    live["status"]["started_at"] = ago(5);
    plant(&env, "completed.json", &[over]);
    plant(&env, "active.json", &[live]);
    let table = prints(&env, &["list"]);
    let rows: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][3], "AGE", "{table}");
    assert!(rows[1].contains(&"5m") && rows[2].contains(&"2h"), "{table}");
}

/// `--failed` lists what was skipped too. `--last 0` does not say that there was never a task.
#[test]
fn what_was_skipped_failed_too() {
    let env = TestEnv::new();
    assert_eq!(prints(&env, &["list", "--failed"]), "No task is `error` or `skipped`.\n");
    let mut skipped = ended("t2", "deploy", 2);
    skipped["status"]["outcome"] = "skipped".into();
    skipped["status"]["after"] = "t1".into();
    skipped["status"]["because"] = "failed".into();
    plant(&env, "failed.json", &[failed("t1", "build", 1), skipped]);
    plant(&env, "completed.json", &[ended("t3", "lint", 3)]);
    assert_eq!(ids(&listed(&env, &["--failed"])), ["t2", "t1"]);
    assert_eq!(ids(&listed(&env, &["--status", "error"])), ["t1"]);
    let none = "No task is listed: --last leaves out 3 that ended.\n";
    assert_eq!(prints(&env, &["list", "--last", "0"]), none);
}
