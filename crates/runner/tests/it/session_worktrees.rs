//! Worktrees of delegated sessions: which the runner removes at the end, and how a continued session gets its own back.
//! A script makes them as Claude Code does; git is the real one.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sisyphus_testing::{Process, wait_until};

use crate::session_stage::{ANSWER, Stage, numbers};

/// What Claude Code does with `--worktree w`. A continued session is in it already.
const MAKE: &str = r#"case "$*" in *--session-id*)
    git worktree add -q -b worktree-w .claude/worktrees/w
    git worktree lock --reason "claude session w (pid $$ start 1)" .claude/worktrees/w
    cd .claude/worktrees/w ;; esac
printf '{"type":"system","subtype":"init","model":"opus","cwd":"%s"}\n' "$PWD""#;
const COMMIT: &str = "git -c user.name=n -c user.email=e commit -qm two --allow-empty";

/// A project with one commit, and a Claude Code that does `work` in its worktree.
fn stage(work: &str) -> Stage {
    let stage = Stage::new(&format!("{MAKE}\n{work}\n{ANSWER}"));
    let project = stage.env.project();
    fs::write(project.join("file"), "one\n").unwrap();
    fs::write(project.join(".gitignore"), "*.log\n.claude/\n").unwrap();
    fs::write(project.join("own.log"), "a\n").unwrap();
    git(&stage, &["init", "-q"]);
    git(&stage, &["add", "file", ".gitignore"]);
    git(&stage, &["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "one"]);
    stage
}

fn git(stage: &Stage, args: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args(args).current_dir(stage.env.project()).env("HOME", stage.env.path());
    let output = git.output().unwrap();
    assert!(output.status.success(), "git {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn folder(stage: &Stage) -> PathBuf {
    stage.env.project().canonicalize().unwrap().join(".claude/worktrees/w")
}

fn begin(stage: &mut Stage, task: &str) -> String {
    stage.ask(task, 1, |request| request["task"]["delegated"]["worktree"] = json!("w"));
    stage.start(task)
}

/// Continues the conversation of t1.
fn go_on(stage: &mut Stage, task: &str, restore_from: &Value) -> Value {
    let folder = folder(stage);
    stage.ask(task, 2, |request| {
        request["task"]["cwd"] = json!(folder);
        request["task"]["delegated"]["worktree"] = json!("w");
        request["task"]["delegated"]["conversation"] = json!("c-t1");
        request["conversation"] = json!({ "continued": { "cost_micro_usd": 0 } });
        request["restore_from"] = restore_from.clone();
    });
    assert_eq!(stage.start(task), "ok");
    stage.ended(task)
}

fn problem(task: &Value) -> &str {
    task["delegated"]["report"]["problem"].as_str().unwrap_or_default()
}

/// Each row: what the session does, and whether its worktree may go.
#[test]
fn only_an_unchanged_worktree_is_removed() {
    let reset = format!("{COMMIT} && git reset -q --hard HEAD~1");
    for (work, goes) in [
        ("true", true),
        ("cp ../../../own.log .", true),
        ("ln -s /nowhere a.log", true),
        ("git worktree unlock .", true),
        ("echo two >>file", false),
        ("echo new >new", false),
        ("echo ignored >a.log", false),
        ("echo changed >own.log", false),
        (COMMIT, false),
        (&reset, false),
        ("git checkout -q -b other", false),
        ("git worktree unlock . && git worktree lock --reason mine .", false),
    ] {
        let mut stage = stage(work);
        let head = git(&stage, &["rev-parse", "HEAD"]);
        assert_eq!(begin(&mut stage, "t1"), "ok");
        let task = stage.ended("t1");
        assert_eq!(task["status"]["outcome"], "completed", "{work}: {task:#}");
        let worktree = &task["delegated"]["report"]["worktree"];
        let removed = if goes { json!(head) } else { Value::Null };
        assert_eq!(worktree["removed_at"], removed, "{work}: {task:#}");
        assert_eq!(folder(&stage).exists(), !goes, "{work}");
        let branches = git(&stage, &["branch", "--list", "worktree-w"]);
        assert_eq!(branches.is_empty(), goes, "{work}: {branches}");
        assert_eq!(git(&stage, &["worktree", "list"]).lines().count(), if goes { 1 } else { 2 });
    }
}

/// A worktree in which a process works stays, and so does a branch that was there before.
#[test]
fn what_others_use_stays() {
    let mut used = stage("setsid sleep 60 >/dev/null 2>&1 & echo $! >../../../sleeper");
    assert_eq!(begin(&mut used, "t1"), "ok");
    let task = used.ended("t1");
    let sleeper = Process::of(numbers(&used.wait_for_file("sleeper"))[0]).unwrap();
    assert!(folder(&used).exists(), "{task:#}");
    sleeper.signal(Signal::SIGKILL);
    let mut stage = stage("true");
    git(&stage, &["branch", "worktree-w"]);
    // Claude Code takes a branch that is there.
    let program = stage.bin().join("claude");
    let script = fs::read_to_string(&program).unwrap();
    fs::write(
        program,
        script.replace("-b worktree-w .claude/worktrees/w", ".claude/worktrees/w worktree-w"),
    )
    .unwrap();
    assert_eq!(begin(&mut stage, "t1"), "ok");
    let task = stage.ended("t1");
    assert!(task["delegated"]["report"]["worktree"]["removed_at"].is_string(), "{task:#}");
    assert_eq!(git(&stage, &["branch", "--list", "worktree-w"]), "worktree-w");
}

/// A session that is cancelled before its Claude Code says where it works leaves no worktree behind either.
#[test]
fn a_worktree_without_a_word_is_removed() {
    let mut stage = stage("true");
    let program = stage.bin().join("claude");
    let script = fs::read_to_string(&program).unwrap();
    fs::write(program, script.replace("printf", "exit 1; printf")).unwrap();
    assert_eq!(begin(&mut stage, "t1"), "ok");
    let task = stage.ended("t1");
    assert!(task["delegated"]["report"]["worktree"]["removed_at"].is_string(), "{task:#}");
    assert!(!folder(&stage).exists());
}

/// A continued session gets its worktree back: the same folder and branch, from the same commit.
#[test]
fn a_continued_session_gets_its_worktree_back() {
    let mut stage = stage(
        "pwd >>../../../where; git rev-parse --abbrev-ref HEAD >>../../../where; [ ! -e ../../../write ] || echo new >new",
    );
    assert_eq!(begin(&mut stage, "t1"), "ok");
    let first = stage.ended("t1");
    let commit = first["delegated"]["report"]["worktree"]["removed_at"].clone();
    git(
        &stage,
        &["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "more", "--allow-empty"],
    );
    let again = go_on(&mut stage, "t2", &commit);
    assert_eq!(again["delegated"]["report"]["worktree"]["removed_at"], commit, "{again:#}");
    assert!(!folder(&stage).exists());
    fs::write(stage.env.project().join("write"), "").unwrap();
    let kept = go_on(&mut stage, "t3", &commit);
    assert_eq!(kept["delegated"]["report"]["worktree"]["changes"]["files"], 1, "{kept:#}");
    // The runner of t3 may have been killed before it said that the worktree is there.
    let killed = go_on(&mut stage, "t4", &commit);
    assert_eq!(killed["status"]["outcome"], "completed", "{killed:#}");
    assert_eq!(fs::read_to_string(folder(&stage).join("new")).unwrap(), "new\n");
    let seen = fs::read_to_string(stage.env.project().join("where")).unwrap();
    assert_eq!(seen, format!("{}\nworktree-w\n", folder(&stage).display()).repeat(4));
}

/// What a person has put in the place of the worktree or its branch since is left alone.
#[test]
fn a_worktree_that_cant_come_back_says_why() {
    let mut stage = stage("true");
    assert_eq!(begin(&mut stage, "t1"), "ok");
    let first = stage.ended("t1");
    let commit = first["delegated"]["report"]["worktree"]["removed_at"].clone();
    git(&stage, &["worktree", "add", "-q", "-b", "worktree-w", ".claude/worktrees/w"]);
    let task = go_on(&mut stage, "t2", &commit);
    assert!(problem(&task).contains("another one is in its place"), "{task:#}");
    assert!(folder(&stage).exists());
    git(&stage, &["worktree", "remove", ".claude/worktrees/w"]);
    let task = go_on(&mut stage, "t3", &Value::Null);
    assert!(problem(&task).contains("is gone; delegate a new session"), "{task:#}");
    git(
        &stage,
        &["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "more", "--allow-empty"],
    );
    git(&stage, &["branch", "-f", "worktree-w"]);
    let task = go_on(&mut stage, "t4", &commit);
    assert!(problem(&task).contains("`worktree-w` has changed since"), "{task:#}");
    git(&stage, &["branch", "-D", "worktree-w"]);
    // Rules that a commit has and the project has no more.
    fs::create_dir_all(stage.env.project().join(".claude")).unwrap();
    fs::write(stage.env.project().join(".mcp.json"), "{}").unwrap();
    git(&stage, &["add", ".mcp.json"]);
    git(&stage, &["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "rules"]);
    let with_rules = json!(git(&stage, &["rev-parse", "HEAD"]));
    fs::write(stage.env.project().join(".mcp.json"), "{\"a\":1}").unwrap();
    let task = go_on(&mut stage, "t5", &with_rules);
    assert!(problem(&task).contains("`.mcp.json` of its worktree is not that"), "{task:#}");
    assert!(!folder(&stage).exists());
    let task = go_on(&mut stage, "t6", &json!("--force"));
    assert!(problem(&task).contains("names no commit"), "{task:#}");
}

/// Two sessions never edit in one worktree, not even one after the other unless the second continues the first.
#[test]
fn a_worktree_has_one_session() {
    let mut stage = stage("echo >../../../began; until [ -e ../../../go ]; do sleep 0.02; done");
    assert_eq!(begin(&mut stage, "t1"), "ok");
    // It is refused before Claude Code has made the folder, and after.
    let words = "error: the worktree `w` is that of another session, which is not over; choose";
    let refused = begin(&mut stage, "t2");
    assert!(refused.starts_with(words), "{refused}");
    stage.wait_for_file("began");
    let refused = begin(&mut stage, "t3");
    assert!(refused.starts_with(words), "{refused}");
    fs::write(stage.env.project().join("go"), "").unwrap();
    stage.ended("t1");
    assert_eq!(stage.task("t2"), Value::Null);
}

/// What has come to the place since the call stays, and the session fails.
#[test]
fn a_name_that_is_taken_while_waiting() {
    let mut stage = stage("echo >../../../began; until [ -e ../../../go ]; do sleep 0.02; done");
    stage.env.set(&json!({ "max_background_tasks": 1 }));
    assert_eq!(begin(&mut stage, "t1"), "ok");
    stage.wait_for_file("began");
    stage.ask("t2", 2, |request| request["task"]["delegated"]["worktree"] = json!("w2"));
    assert_eq!(stage.start("t2"), "ok");
    wait_until("t2 in the queue", || stage.task("t2")["status"]["state"] == "queued");
    git(&stage, &["worktree", "add", "-q", ".claude/worktrees/w2"]);
    fs::write(stage.env.project().join("go"), "").unwrap();
    let task = stage.ended("t2");
    assert!(problem(&task).contains("there is one by now"), "{task:#}");
    assert!(stage.env.project().join(".claude/worktrees/w2/file").exists());
}
