//! Delegated sessions, as the hooks of the conversation that asked for them see them, and those of the next one.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_process::this_process;
use sisyphus_tasks::task::Task;
use sisyphus_testing::{Output, TestEnv, wait_for, write_program};

use crate::payload::with;
use crate::session::{Session, tick_before};
use crate::start::{binary_of, feed, log, told};

const CONVERSATION: &str = "6f1c2d3e-0000-4000-8000-000000000001";

/// The record of a session that this conversation asked for.
fn record(asked_by: &Session<'_>, id: &str) -> Value {
    let project = asked_by.env.project();
    json!({
        "id": id, "ticket": tick_before(60), "session": asked_by.id, "kind": "session",
        "cwd": project, "command": "", "description": "review",
        "status": { "state": "pending", "announced_at": chrono::Utc::now() },
        "delegated": {
            "conversation": CONVERSATION, "project": project, "prompt": "review", "agent": "explore",
            "prompt_length": 6, "depth": 1,
            "asked_by": { "asked_by": "model", "mode": "acceptEdits" },
        },
    })
}

/// The same, finished and not read. Its caller is `caller`.
fn owed(asked_by: &Session<'_>, id: &str, caller: &ProcessRef) -> Value {
    let mut task = record(asked_by, id);
    task["status"] = json!({
        "state": "finished", "outcome": "completed", "ended_at": chrono::Utc::now(),
        "started_at": chrono::Utc::now(), "duration_ms": 5000, "reported_by": "runner",
    });
    task["delivery"] = json!({ "state": "owed", "since": tick_before(5), "attempt": "first" });
    task["delegated"]["caller"] = serde_json::to_value(caller).unwrap();
    task["delegated"]["report"] = json!({ "tool_calls": 3, "cost_micro_usd": 420_000 });
    let outputs = asked_by.env.state().join("output");
    fs::create_dir_all(&outputs).unwrap();
    fs::write(outputs.join(format!("{id}.log")), "Two risks.\n").unwrap();
    task
}

/// A process that is gone.
fn gone() -> ProcessRef {
    let mut child = Command::new("true").spawn().unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    child.wait().unwrap();
    ProcessRef { pid, start: Some(1), ..this_process() }
}

/// Starts a conversation. `attended` is what Claude Code says of it.
fn begins(session: &Session<'_>, attended: &str) -> Output {
    let mut hook = session.env.command(&binary_of("SessionStart"));
    hook.env("CLAUDE_CODE_SESSION_ATTENDED", attended);
    hook.env("CLAUDE_PROJECT_DIR", session.env.project());
    feed(hook, session.event("session-start.startup").to_string().as_bytes())
}

/// A runner that holds the run of `task` and has not started it.
fn attached(session: &Session<'_>, task: &str) -> File {
    let folder = session.env.state().join("runs").join(&session.id).join(task);
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.try_lock().unwrap();
    fs::write(folder.join("attached.json"), "{}").unwrap();
    lock
}

fn mode_of(env: &TestEnv) -> Value {
    env.state_file("active.json")["tasks"][0]["delegated"]["asked_by"]["mode"].clone()
}

/// A session that waits has at most the mode that its conversation has been seen with since.
#[test]
fn a_narrower_mode_reaches_what_has_not_started() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.put(&[record(&session, "t1")]);
    let _runner = attached(&session, "t1");
    let types = |mode: &str| {
        session.tell(&with(session.event("user-prompt-submit.typed"), "/permission_mode", mode));
        mode_of(&env)
    };
    assert_eq!(types("bypassPermissions"), "acceptEdits");
    let call = session.event("post-tool-use.bash-foreground");
    let subagent = with(call.clone(), "/agent_id", "a1");
    session.tell(&with(subagent, "/permission_mode", "plan"));
    assert_eq!(mode_of(&env), "acceptEdits");
    session.tell(&with(call, "/permission_mode", "default"));
    assert_eq!(mode_of(&env), "manual");
    assert_eq!(types("plan"), "plan");
    assert_eq!(types("acceptEdits"), "plan");
    assert_eq!(log(&env), "");
}

/// The next attended session of the project reads what no other conversation will, once.
#[test]
fn the_next_session_reads_what_is_left_behind() {
    let env = TestEnv::new();
    let (before, after) = (Session::new(&env), Session::other(&env));
    before.put(&[owed(&before, "t1", &gone())]);
    assert_eq!(told(&begins(&after, "0")), "");
    let report = told(&begins(&after, "1"));
    let said = "[sisyphus] An earlier conversation of this project asked for the delegated session below, and is over.\n\
                [sisyphus] Background task t1 (\"review\") finished after 5 s.\n";
    assert!(report.starts_with(said), "{report}");
    assert!(report.contains("\n| Two risks.\n"), "{report}");
    assert_eq!(told(&begins(&after, "1")), "");
    assert_eq!(told(&before.types()), "");
    assert_eq!(log(&env), "");
}

#[test]
fn what_another_conversation_will_read_stays_with_it() {
    let env = TestEnv::new();
    let (before, after) = (Session::new(&env), Session::other(&env));
    let mut elsewhere = owed(&before, "t2", &gone());
    elsewhere["delegated"]["project"] = "/home/dev/other".into();
    let mut unknown = owed(&before, "t3", &gone());
    unknown["delegated"]["caller"].take();
    before.put(&[owed(&before, "t1", &this_process()), elsewhere, unknown]);
    assert_eq!(told(&begins(&after, "1")), "");
    // The conversation ends, so it will read nothing more.
    before.tell(&before.event("session-end.prompt-input-exit"));
    let report = told(&begins(&after, "1"));
    assert!(report.contains(" t1 ") && report.contains(" t3 "), "{report}");
    assert!(!report.contains(" t2 "), "{report}");
    assert!(report.contains("asked for the 2 delegated sessions below, and are over."), "{report}");
}

/// A result that moved to the history unread, long ago, is reported too.
#[test]
fn a_parked_result_is_read_by_the_next_session() {
    let env = TestEnv::new();
    let (before, after) = (Session::new(&env), Session::other(&env));
    let mut task = owed(&before, "t1", &gone());
    task["status"]["ended_at"] = "2026-01-01T00:00:00Z".into();
    // The history has the fields in our order.
    let task: Task = serde_json::from_value(task).unwrap();
    let history =
        format!("{{\"version\":2,\"tasks\":[{}]}}", serde_json::to_string(&task).unwrap());
    fs::write(env.state().join("completed.json"), history).unwrap();
    let report = told(&begins(&after, "1"));
    assert!(report.contains(" t1 ") && report.contains("\n| Two risks.\n"), "{report}");
    assert_eq!(told(&begins(&after, "1")), "");
    assert_eq!(told(&begins(&before, "1")), "");
    assert_eq!(log(&env), "");
}

/// A home in which a session runs: a script plays Claude Code.
struct Running {
    env: TestEnv,
    runner: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.runner.kill();
        let _ = self.runner.wait();
    }
}

impl Running {
    fn new() -> Self {
        let env = TestEnv::new();
        let (bin, session) = (env.path().join("bin"), Session::new(&env));
        let program = bin.join("claude");
        fs::create_dir_all(&bin).unwrap();
        write_program(&program, "#!/bin/bash\necho >started\nexec sleep 60\n");
        let run: PathBuf = env.state().join("runs").join(&session.id).join("t1");
        fs::create_dir_all(&run).unwrap();
        for folder in [env.state(), run.clone()] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
        }
        let task = record(&session, "t1");
        let request = json!({ "task": task, "prompt": "review", "conversation": "new" });
        fs::write(run.join("request.json"), request.to_string()).unwrap();
        let mut runner = env.command("sisyphus-run");
        runner.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
        runner.arg("session").arg(run).stdout(Stdio::piped());
        let mut runner = runner.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(runner.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ok\n");
        wait_for("the session", || env.project().join("started").exists().then_some(()));
        Self { env, runner }
    }

    /// The conversation that asked ends; then the record of the session.
    fn ends(&self, reason: &str) -> Value {
        let session = Session::new(&self.env);
        session.tell(&with(session.event("session-end.other"), "/reason", reason));
        assert_eq!(log(&self.env), "");
        self.task()
    }

    fn task(&self) -> Value {
        let _ = self.env.run("sisyphus", &["list", "--json"]);
        let session = Session::new(&self.env);
        let all = session.active().into_iter().chain(session.finished());
        all.into_iter().next().unwrap_or_default()
    }
}

#[test]
fn a_session_goes_on_if_its_caller_exits() {
    let running = Running::new();
    assert_eq!(running.ends("prompt_input_exit")["status"]["state"], "running");
}

/// With `delegate_survives_exit: false`, a session is stopped when its caller exits, and not by `/clear`.
#[test]
fn a_session_ends_with_its_caller_if_that_is_set() {
    let mut running = Running::new();
    running.env.set(&json!({ "delegate_survives_exit": false }));
    assert_eq!(running.ends("clear")["status"]["state"], "running");
    running.ends("prompt_input_exit");
    wait_for("the end of the runner", || running.runner.try_wait().unwrap());
    let task = running.task();
    assert_eq!(task["status"]["outcome"], "cancelled", "{task:#}");
    assert_eq!(task["status"]["by"], "session_end", "{task:#}");
}
