//! How often a hook opens what is ours, and parses `active.json`: the figures that a change of the code must not exceed
//! unseen.
//!
//! Each list names all that was opened, lock files and listed folders too; its length is the figure. An open that finds
//! nothing is printed and not counted. Each read of `active.json` is a parse.
//!
//! | | first design | goal | here |
//! |---|---|---|---|
//! | idle hook | 5 | 2 | 2, PreToolUse 0 |
//! | PostToolUse of a background call | 24 | 8 | 9: its line of `events.jsonl` came later |
//! | a notice with a result | 20 | 8 | 8 |
//! | for each live task | | 1 probe | 1 lock, and `started.json` until the record says that it runs |
//! | parses | up to 5 | 1 | 1, and 1 more if another process committed in between |
//!
//! A commit with an event of its own is five opens: the post, the lock, the inbox under the lock, the new `active.json`,
//! and the inbox once more after the unlock (I1). If it changes a status, `events.jsonl` is the sixth, which takes 15 µs.
//! A lease must be on the disk before the hook prints (I2); the acknowledgement is only posted, and the next commit
//! applies it.

mod trace;

use std::fs;
use std::path::Path;
use std::thread;

use serde_json::json;
use sisyphus_testing::{TestEnv, wait_until};

use crate::session::Session;
use crate::start::{log, told};
use trace::Trace;

/// A state in which nothing is live, with what is there after the first task.
fn used(env: &TestEnv) -> Session<'_> {
    let session = Session::new(env);
    session.put(&[]);
    for folder in ["inbox", "bin", "output"] {
        fs::create_dir(env.state().join(folder)).unwrap();
    }
    let runner = concat!("bin/sisyphus-run-", env!("CARGO_PKG_VERSION"));
    fs::write(env.state().join(runner), "").unwrap();
    session
}

/// A hook that has nothing to do looks at the state and at the inbox; before a foreground call it looks at nothing.
#[test]
fn an_idle_hook_opens_two() {
    let env = TestEnv::new();
    let session = used(&env);
    for name in ["user-prompt-submit.typed", "post-tool-use.bash-foreground", "stop.idle"] {
        let trace = Trace::of(&session, &session.event(name));
        assert_eq!(trace.opened, ["active.json", "inbox"], "{name}");
    }
    let trace = Trace::of(&session, &session.event("pre-tool-use.bash-foreground"));
    assert_eq!(trace.opened, [""; 0]);
}

/// A call before and after it runs: its announcement, then what binds it to Claude Code's task.
#[test]
fn a_background_call_opens_nine() {
    let env = TestEnv::new();
    let session = used(&env);
    let call = session.call(1);
    let trace = Trace::of(&session, &call.before());
    assert_eq!(trace.opened, ["announced/SESSION/toolu_1.json (new)"]);
    let trace = Trace::of(&session, &call.after());
    let expected = [
        "active.json",
        "announced/SESSION/toolu_1.json",
        "runs/SESSION/b1/call.json (new)",
        "inbox/EVENT (new)",
        "state.lock",
        "inbox",
        "active.json (new)",
        "events.jsonl",
        "inbox",
    ];
    assert_eq!(trace.opened, expected);
}

/// A runner that attached before the answer is looked at once: its lock, and what it says.
#[test]
fn an_attached_call_is_probed_once() {
    let env = TestEnv::new();
    let session = used(&env);
    let call = session.call(1);
    session.tell(&call.before());
    let _alive = call.is_attached();
    call.is_started();
    let trace = Trace::of(&session, &call.after());
    let expected = [
        "active.json",
        "announced/SESSION/toolu_1.json",
        "runs/SESSION/b1/call.json (new)",
        "inbox/EVENT (new)",
        "state.lock",
        "inbox",
        "runs/SESSION/b1/lock",
        "runs/SESSION/b1/started.json",
        "active.json (new)",
        "events.jsonl",
        "inbox",
    ];
    assert_eq!(trace.opened, expected);
}

/// Claude Code's notice of a command whose runner has left its result: one commit delivers it, one post acknowledges it.
#[test]
fn a_notice_with_a_result_opens_eight() {
    let env = TestEnv::new();
    let session = used(&env);
    session.owe(1, None, 1);
    env.edit_state("active.json", |active| {
        let task = &mut active["tasks"][0];
        task["noted_for_people_at"] = json!(chrono::Utc::now());
        task["output"] = json!({ "bytes": 6, "dropped": 0 });
    });
    fs::write(env.state().join("output/t1.log"), "a line\n").unwrap();
    let trace = Trace::of(&session, &session.submission(&session.call(1).notice()));
    assert!(told(&trace.output).contains("a line"), "{trace:?}");
    let expected = [
        "active.json",
        "inbox/EVENT (new)",
        "state.lock",
        "inbox",
        "active.json (new)",
        "inbox",
        "output/t1.log",
        "inbox/EVENT (new)",
    ];
    assert_eq!(trace.opened, expected);
}

/// A task that runs costs each hook one look at its lock. Stop lists the session's runs too: one whose PostToolUse is
/// missing is known from its folder alone (I6).
#[test]
fn a_live_task_costs_one_look() {
    let env = TestEnv::new();
    let session = used(&env);
    let call = session.call(1);
    session.tell(&call.before());
    let _alive = call.is_attached();
    call.is_started();
    session.tell(&call.after());
    let mut stop = session.event("stop.shell-running");
    stop["background_tasks"][0]["id"] = "b1".into();
    let cases = [
        (session.event("user-prompt-submit.typed"), None),
        (session.event("post-tool-use.bash-foreground"), None),
        (stop, Some("runs/SESSION")),
    ];
    for (event, more) in cases {
        let trace = Trace::of(&session, &event);
        let looks = ["active.json", "runs/SESSION/b1/lock"].into_iter().chain(more);
        let expected: Vec<&str> = looks.chain(["inbox"]).collect();
        assert_eq!(trace.opened, expected, "{event}");
    }
}

/// `active.json` is parsed once more if another process replaced it between a hook's look and its commit, and not again.
#[test]
fn a_commit_in_between_is_one_more_parse() {
    let env = TestEnv::new();
    let session = used(&env);
    // A hook waits a tenth of a second for the lock: on a busy machine some give up.
    for number in 1..=20 {
        let call = session.call(number);
        session.tell(&call.before());
        let known = log(&env);
        let lock = session.holds_the_lock();
        let trace = thread::scope(|scope| {
            let hook = scope.spawn(|| Trace::of(&session, &call.after()));
            let inbox = || fs::read_dir(env.state().join("inbox")).unwrap();
            let is_event = |path: &Path| path.extension().is_some_and(|it| it == "json");
            wait_until("a post", || inbox().any(|entry| is_event(&entry.unwrap().path())));
            let (now, then) = (env.state().join("active.json"), env.state().join("active.new"));
            fs::copy(&now, &then).unwrap();
            fs::rename(then, now).unwrap();
            drop(lock);
            hook.join().unwrap()
        });
        if log(&env) == known {
            assert_eq!(trace.parses(), 2, "{trace:?}");
            return;
        }
    }
    panic!("no hook got the lock: {}", log(&env));
}
