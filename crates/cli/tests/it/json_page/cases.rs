//! State that makes each command print as many fields and words as it can.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sisyphus_base::paths::StateDir;
use sisyphus_state::reconcile::{Scope, World};
use sisyphus_state::store::{Active, Store};
use sisyphus_tasks::task::{Kind, Task};
use sisyphus_testing::{Client, Shell, TestEnv, env};

use crate::doctor::{healthy, run};
use crate::planted::{elsewhere, ended, failed, plant, plant_text, prints, running, task};

const MONTH: Duration = Duration::from_secs(31 * 24 * 60 * 60);

fn answer(env: &TestEnv, args: &[&str]) -> Value {
    let output = env.run("sisyphus", &[args, &["--json"]].concat());
    assert_eq!(
        output.stderr.matches("sisyphus: ").count(),
        usize::from(output.code == Some(124)),
        "{output:?}"
    );
    output.json()
}

fn with(mut task: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("no fields: {more}") };
    task.as_object_mut().unwrap().extend(more);
    task
}

/// A task that ended in this way.
fn over(id: &str, outcome: Value) -> Value {
    let status = json!({ "state": "finished", "ended_at": "2026-11-21T02:30:05.25Z" });
    task(id, "", with(status, outcome))
}

fn call(model: Value) -> Value {
    json!({ "agent_type": "Explore", "resolved_model": model, "prompt": "find it", "prompt_length": 7 })
}

fn agent(task: Value) -> Value {
    with(
        task,
        json!({ "kind": "agent", "command": "", "launched": call("claude-opus-4-5".into()) }),
    )
}

/// A delegated session that has reported this.
fn delegated(task: Value, asked_by: &str, report: Value) -> Value {
    let session = json!({
        "conversation": "c1", "project": "/home/dev/proj", "prompt": "review", "prompt_length": 6,
        "depth": 1, "report": report, "asked_by": { "asked_by": asked_by, "mode": "plan" },
    });
    with(task, json!({ "kind": "session", "command": "", "delegated": session }))
}

fn used() -> Value {
    json!({ "cpu_ms": 1_900, "largest_process_bytes": 1_048_576 })
}

const MODES: [&str; 5] = ["plan", "manual", "acceptEdits", "auto", "bypassPermissions"];

/// One of which much is known.
fn reported(mode: &str, why: &str) -> Value {
    let mut worktree = json!({ "path": "/w" });
    if mode != "plan" {
        worktree = json!({ "path": "/w", "branch": "b", "changes": { "files": 1, "commits": 0 } });
    }
    if mode == "auto" {
        worktree["removed_at"] = "a1b2".into();
    }
    let report = json!({
        "model": "claude-opus-4-5", "tool_calls": 3, "last_tool": "Bash", "last_message": "so",
        "turns": 2, "cost_micro_usd": 420_000, "input_tokens": 7, "output_tokens": 8,
        "denied": ["Write"], "end": "error", "problem": "no", "worktree": worktree,
    });
    let ending = json!({
        "outcome": "agent_failed", "why": why, "started_at": "2026-11-21T02:30:00Z",
        "duration_ms": 5_250, "waited_ms": 700, "usage": used(),
    });
    let mut task = delegated(over(&format!("tsession-{mode}"), ending), "model", report);
    let session = &mut task["delegated"];
    session["asked_by"]["mode"] = mode.into();
    session["agent"] = "explore".into();
    session["continues"] = "tfull".into();
    task
}

/// A command that ended with the exit code 0 of one of its programs.
fn masked(id: &str, place: &str) -> Value {
    let mut task = ended(id, "", 1);
    task["status"]["options"] = "usual".into();
    task["code_zero"] = json!({ "program": "tail", "place": place });
    task
}

/// Tasks in every state, tasks that finished in every way, and queued calls.
fn planted() -> TestEnv {
    let env = TestEnv::new();
    let at = "2026-11-21T02:30:00Z";
    // Claude Code has given them no id, so no run is looked for, and what is planted stays.
    let kept = |id: &str, status: Value| task(id, "", status);
    let waiting = |number: u32, model: Value, turn: Value| {
        with(
            json!({ "ticket": number, "session": "session-1", "tool_use_id": format!("toolu_{number}"),
                    "description": "look", "call": call(model) }),
            turn,
        )
    };
    let active = json!({
        "version": 2,
        "tasks": [
            kept("tpending", json!({ "state": "pending", "announced_at": "2999-01-01T00:00:00Z" })),
            kept("tqueued", json!({ "state": "queued", "queued_at": at })),
            kept("tsupervised", json!({ "state": "running", "started_at": at, "watch": "supervised" })),
            with(running("tobserved", "serve"), json!({ "kind": "service" })),
            agent(running("tagent", "look around")),
            elsewhere(running("tfar", "on another machine")),
            // On another machine its runner can't be looked for, so it stays.
            elsewhere(delegated(running("tdelegated", "review"), "person", json!({ "tool_calls": 1 }))),
        ],
        "agents": { "waiting": [
            waiting(7, "opus".into(), json!({ "turn": "waiting" })),
            waiting(8, Value::Null, json!({ "turn": "reserved", "at": "2999-01-01T00:00:00Z", "told": "yes" })),
        ] },
    });
    plant_text(&env, "active.json", &active.to_string());
    let full = json!({ "survival": "kept", "left_at": at, "agent": "agent-1", "client": { "id": "b1" }, "limit_ms": 90_000, "group": "build",
                       "memory_limit": { "mb": 64, "force": "in_force" },
                       "output": { "bytes": 70, "dropped": 7 } });
    let timed = json!({ "outcome": "failed", "exit_code": 3, "started_at": at, "duration_ms": 5_250, "waited_ms": 700, "usage": used() });
    let mut ends = vec![
        with(over("tfull", timed), full),
        agent(over("tlimited", json!({ "outcome": "agent_failed", "why": "rate_limit" }))),
    ];
    ends.push(agent(over("terror", json!({ "outcome": "agent_failed", "why": "error" }))));
    let whys = ["turn_limit", "budget", "error", "error", "error"];
    ends.extend(whys.iter().zip(MODES).map(|(why, mode)| reported(mode, why)));
    let bare = over("tsession", json!({ "outcome": "lost", "why": "runner_died" }));
    ends.push(delegated(bare, "person", Value::Null));
    for witness in ["memory_limit", "control_group", "machine"] {
        let killed = json!({ "outcome": "killed", "signal": 9, "oom_kill": witness });
        ends.push(over(&format!("tkilled-{witness}"), killed));
    }
    let lacks = ["no_groups", "no_controller", "no_rights", "would_leave_limits", "sandbox"];
    for lack in lacks.into_iter().chain(["refused", "ended_before", "no_runner"]) {
        let limit = json!({ "memory_limit": { "mb": 64, "force": { "not": lack } } });
        let outcome = json!({ "outcome": "failed", "exit_code": 3 });
        ends.push(with(over(&format!("tlack-{lack}"), outcome), limit));
    }
    let unstarted = json!({ "outcome": "lost", "why": "runner_died" });
    ends.push(with(over("tunlimited", unstarted), json!({ "memory_limit": { "mb": 64 } })));
    ends.push(over("tlate", json!({ "outcome": "timed_out", "limit_ms": 5 })));
    ends.push(with(
        over("tunknown", json!({ "outcome": "unknown" })),
        json!({ "command": "make" }),
    ));
    for by in ["model", "user", "session_end", "unknown"] {
        ends.push(over(&format!("tby-{by}"), json!({ "outcome": "cancelled", "by": by })));
    }
    for why in ["runner_died", "run_folder_gone", "session_ended"] {
        ends.push(over(&format!("tlost-{why}"), json!({ "outcome": "lost", "why": why })));
    }
    let skipped = json!({ "outcome": "skipped", "after": "tfull", "because": "failed" });
    let after =
        json!([{ "task": "tfull", "needs": "success" }, { "task": "tgood", "needs": "end" }]);
    let known = json!({ "from_terminal": { "place": "kept", "after": after } });
    ends.push(with(over("tskipped", skipped), known));
    plant(&env, "failed.json", &ends);
    let mut good = vec![ended("tgood", "build", 1)];
    good[0]["from_terminal"] = json!({ "place": "terminal" });
    for place in ["pipeline_end", "at_end", "after_or"] {
        good.push(masked(&format!("t{place}"), place));
    }
    plant(&env, "completed.json", &good);
    plant_text(&env, "output/tfull.log", "no\n");
    env
}

/// The ids of all of them.
fn ids(env: &TestEnv) -> Vec<String> {
    let all = answer(env, &["list", "--all"]);
    let tasks = all["tasks"].as_array().unwrap();
    tasks.iter().map(|task| task["id"].as_str().unwrap().to_owned()).collect()
}

/// A command with all of them behind it.
fn of_all(env: &TestEnv, args: &[&str]) -> Value {
    let ids = ids(env);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    answer(env, &[args, &ids].concat())
}

/// Rows of every tone, and the end of an output.
pub(super) fn statusline() -> Vec<Value> {
    let env = TestEnv::new();
    let queued = json!({ "state": "queued", "queued_at": chrono::Utc::now() });
    plant(&env, "active.json", &[running("t1", "serve"), task("tqueued", "", queued)]);
    plant(&env, "completed.json", &[ended("tgood", "", 1)]);
    let mut cancelled = ended("tother", "", 1);
    cancelled["status"]["outcome"] = "cancelled".into();
    cancelled["status"]["by"] = "user".into();
    let mut bad = failed("tbad", "", 1);
    // What failed long ago is no news.
    bad["status"]["ended_at"] = json!(chrono::Utc::now());
    plant(&env, "failed.json", &[bad, cancelled]);
    let output = env.state().join("output/tbad.log");
    fs::create_dir_all(output.parent().unwrap()).unwrap();
    fs::write(output, "FAILED\n").unwrap();
    let chosen = ["t1", "tqueued", "tgood", "tother", "tbad", "tnone"];
    chosen.map(|id| answer(&env, &["statusline", "--task", id])).into()
}

/// Commits record tasks in every status, and drop those that have not ended.
pub(super) fn events() -> Vec<Value> {
    let env = TestEnv::new();
    let now = chrono::Utc::now();
    let mut tasks = vec![
        task("tpending", "", json!({ "state": "pending", "announced_at": now })),
        task("tqueued", "", json!({ "state": "queued", "queued_at": now })),
        with(running("tobserved", "serve"), json!({ "kind": "service" })),
        delegated(running("tdelegated", "review"), "person", Value::Null),
    ];
    let mut end = |outcome: Value| {
        let status =
            json!({ "state": "finished", "ended_at": now, "waited_ms": 7, "duration_ms": 9 });
        tasks.push(task(&format!("t{}", tasks.len()), "", with(status, outcome)));
    };
    for word in ["completed", "timed_out", "unknown"] {
        end(json!({ "outcome": word }));
    }
    end(json!({ "outcome": "failed", "exit_code": 3 }));
    end(json!({ "outcome": "killed", "signal": 9 }));
    end(json!({ "outcome": "skipped", "after": "t1", "because": "failed" }));
    for by in ["model", "user", "session_end", "unknown"] {
        end(json!({ "outcome": "cancelled", "by": by }));
    }
    for why in ["runner_died", "run_folder_gone", "session_ended"] {
        end(json!({ "outcome": "lost", "why": why }));
    }
    for why in ["rate_limit", "turn_limit", "budget", "error"] {
        end(json!({ "outcome": "agent_failed", "why": why }));
    }
    let mut tasks: Vec<Task> =
        tasks.into_iter().map(|task| serde_json::from_value(task).unwrap()).collect();
    tasks.last_mut().unwrap().kind = Kind::Agent;
    let store = Store::new(StateDir::at(env.state()));
    let world = World { is_gone: |_| false, client_tmp: env.path(), scope: Scope::Ended };
    let change = |change: &dyn Fn(&mut Active)| {
        store.update(&world, Duration::from_secs(20), |active, _| change(active)).unwrap();
    };
    change(&|active| active.tasks.extend(tasks.clone()));
    change(&|active| active.tasks.clear());
    let text = prints(&env, &["events", "--json"]);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(super) fn list() -> Vec<Value> {
    let all = answer(&planted(), &["list", "--last", "99"]);
    vec![all, answer(&TestEnv::new(), &["list"]), beside_another()]
}

/// Another configuration folder has a slot.
fn beside_another() -> Value {
    let other = Client::new(Shell::Bash);
    let running = other.background("echo up; sleep 300");
    running.wait_for_line("up");
    let mut env = TestEnv::new();
    env.share_runtime(&other.env);
    answer(&env, &["list"])
}

pub(super) fn show() -> Vec<Value> {
    let env = planted();
    ids(&env).iter().map(|id| answer(&env, &["show", id])).collect()
}

pub(super) fn wait() -> Vec<Value> {
    vec![of_all(&planted(), &["wait", "--timeout", "0"])]
}

pub(super) fn cancel() -> Vec<Value> {
    let client = Client::new(Shell::Bash);
    let live = client.background("sleep 300");
    client.wait_until_running(&live);
    vec![of_all(&planted(), &["cancel"]), answer(&client.env, &["cancel", "--all"])]
}

pub(super) fn clean() -> Vec<Value> {
    let env = TestEnv::new();
    let folder = env.state().join("runs/s1/bnbdy0000");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("lock"), "").unwrap();
    age(&folder);
    let slot = env.runs().join("line/slots/slot-1");
    fs::create_dir_all(slot.parent().unwrap()).unwrap();
    fs::write(&slot, "").unwrap();
    age(&slot);
    plant_text(&env, concat!("bin/sisyphus-run-", env!("CARGO_PKG_VERSION")), "x");
    plant(&env, "active.json", &[elsewhere(running("tfar", ""))]);
    for (name, text) in [
        ("output/tgone0000.log", "123"),
        ("archive/2026-01.jsonl", "{}\n"),
        ("events.1.jsonl", "{}\n"),
        ("active.json.corrupt-20200102T030405678", "x"),
        ("sessions/gone.json", "{}"),
        ("active.json.17-0.tmp", "x"),
        ("claims/4026531836-7-99", "x"),
        ("prompts/gone/toolu_1.txt", "p"),
        ("wake/gone.lock", ""),
        ("bin/sisyphus-run-0.0.9", "x"),
    ] {
        plant_text(&env, name, text);
        age(&env.state().join(name));
    }
    let some = [answer(&env, &["clean", "--dry-run"]), answer(&env, &["clean"])];
    plant(&env, "completed.json", &[ended("tgood", "build", 1)]);
    some.into_iter().chain([answer(&env, &["clean", "--all"])]).collect()
}

fn age(path: &Path) {
    File::open(path).unwrap().set_modified(SystemTime::now() - MONTH).unwrap();
}

pub(super) fn stats() -> Vec<Value> {
    let env = planted();
    let nothing = TestEnv::new();
    vec![
        answer(&env, &["stats"]),
        answer(&env, &["stats", "--days", "9999"]),
        answer(&nothing, &["stats"]),
    ]
}

pub(super) fn timeline() -> Vec<Value> {
    vec![answer(&planted(), &["timeline", "--hours", "100000"])]
}

pub(super) fn config() -> Vec<Value> {
    let env = TestEnv::new();
    env.set(&json!({ "model_concurrency": { "opus": 2 }, "output_lines": "many" }));
    let folder = env.project().join(".claude");
    fs::create_dir_all(&folder).unwrap();
    let loose = json!({ "sisyphus": { "max_background_tasks": 50 } });
    fs::write(folder.join("settings.json"), loose.to_string()).unwrap();
    vec![answer(&env, &["config"])]
}

pub(super) fn doctor() -> Vec<Value> {
    let env = healthy();
    let mut told = ended("t1", "", 1);
    told["delivery"] = json!({ "state": "delivered", "at": 1, "revision": 0 });
    env.set(&json!({ "on_complete": ["/bin/true"] }));
    plant(&env, "completed.json", &[told]);
    let envs = [env, TestEnv::new()];
    envs.iter().map(|env| run(env, &["doctor", "--json"]).json()).collect()
}

pub(super) fn notify() -> Vec<Value> {
    let env = TestEnv::new();
    let mut command = env.command("sisyphus");
    command.args(["notify", "--json"]).env("TERM", "xterm");
    vec![answer(&env, &["notify"]), env::run(command, b"").json()]
}
