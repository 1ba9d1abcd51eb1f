//! Ids become parts of file names. One that is a path, or anything else than an id, names nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

use crate::payload::{SESSION, with};
use crate::session::Session;
use crate::start::{HOOKS, hook, log};

const HOSTILE: [&str; 11] =
    ["../../../victim", "..", ".", "", "a/b", "/etc/victim", "a\\b", "a\u{0}b", "a\nb", "a b", "é"];

/// Where events name something by an id.
const FIELDS: [(&str, &str, &str); 9] = [
    ("PreToolUse", "pre-tool-use.bash-background", "/tool_use_id"),
    ("PreToolUse", "pre-tool-use.bash-background-in-subagent", "/agent_id"),
    ("PreToolUse", "pre-tool-use.task-stop", "/tool_input/task_id"),
    ("PostToolUse", "post-tool-use.bash-background", "/tool_use_id"),
    ("PostToolUse", "post-tool-use.bash-background", "/tool_response/backgroundTaskId"),
    ("PostToolUse", "post-tool-use.task-stop", "/tool_input/task_id"),
    ("Stop", "stop.shell-running", "/background_tasks/0/id"),
    ("SubagentStart", "subagent-start", "/agent_id"),
    ("SubagentStop", "subagent-stop", "/agent_id"),
];

/// Every name below a folder.
fn names(dir: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        found.insert(path.display().to_string());
        if path.is_dir() {
            found.extend(names(&path));
        }
    }
    found
}

/// No name that is new was made from a hostile id, and what was there is as it was.
fn assert_contained(env: &TestEnv, before: &BTreeSet<String>, what: &str) {
    let after = names(env.path());
    let own = [env.home().join(".claude"), env.client_tmp()];
    let is_own = |name: &str| own.iter().any(|folder| Path::new(name).starts_with(folder));
    let gone: Vec<_> = before.difference(&after).filter(|name| !is_own(name)).collect();
    assert!(gone.is_empty(), "{what}: {gone:?} are gone");
    for name in &after - before {
        assert!(is_own(&name), "{what}: `{name}` was made");
        let shown = name.contains("victim") || name.contains("etc") || name.contains('\n');
        assert!(!shown, "{what}: `{name}` was made");
    }
    assert!(!Path::new("/etc/victim").exists());
}

fn assert_not_recorded(env: &TestEnv, what: &str) {
    let state = ["active.json", "completed.json", "failed.json"].map(|name| env.state_file(name));
    assert!(!json!(state).to_string().contains("victim"), "{what}: {state:?}");
}

fn with_bait() -> TestEnv {
    let env = TestEnv::new();
    for folder in [env.path().to_owned(), env.home(), env.tmp(), env.project()] {
        fs::write(folder.join("victim"), "").unwrap();
        fs::write(folder.join("victim.json"), "{}").unwrap();
    }
    env
}

#[test]
fn a_session_that_is_a_path_is_refused_by_every_hook() {
    for (event, payload) in HOOKS {
        let env = with_bait();
        let before = names(env.path());
        for id in HOSTILE {
            let good = Session::new(&env).event(payload);
            let output = hook(&env, event, with(good, "/session_id", id).to_string().as_bytes());
            assert_eq!(output.stdout, "", "{event} {id:?}");
            assert_contained(&env, &before, &format!("{event} {id:?}"));
        }
        let refusals = log(&env).matches("not a valid session id").count();
        assert_eq!(refusals, HOSTILE.len(), "{event}: {}", log(&env));
        assert!(!env.state().join("active.json").exists(), "{event}");
    }
}

#[test]
fn an_id_that_is_a_path_names_nothing() {
    for (event, payload, pointer) in FIELDS {
        for id in HOSTILE {
            let env = with_bait();
            let session = Session::new(&env);
            let good = session.event(payload);
            assert!(good.pointer(pointer).is_some(), "{payload} has no {pointer}");
            if event != "PreToolUse" {
                session.call(1).starts();
            }
            let before = names(env.path());
            let _ = hook(&env, event, with(good, pointer, id).to_string().as_bytes());
            assert_contained(&env, &before, &format!("{payload} {pointer} {id:?}"));
            assert_not_recorded(&env, &format!("{payload} {pointer} {id:?}"));
        }
    }
}

#[test]
fn a_notice_about_a_path_is_no_notice() {
    for field in ["task-id", "tool-use-id"] {
        for id in HOSTILE {
            let env = with_bait();
            let session = Session::new(&env);
            session.call(1).starts();
            let before = names(env.path());
            let notice = session.call(1).notice();
            let (start, rest) = notice.split_once(&format!("<{field}>")).unwrap();
            let (_, rest) = rest.split_once(&format!("</{field}>")).unwrap();
            let notice = format!("{start}<{field}>{id}</{field}>{rest}");
            let output = session.submits(&notice);
            assert!(!output.stdout.contains("victim"), "{output:?}");
            assert_contained(&env, &before, &format!("{field} {id:?}"));
            assert_not_recorded(&env, &format!("{field} {id:?}"));
        }
    }
}

/// UserPromptSubmit reads the file that a notice names only if it is the task's own output file.
#[test]
fn only_the_tasks_own_output_file_is_read() {
    let env = with_bait();
    let secret = env.path().join("secret");
    fs::write(&secret, "root:x:0:0\n").unwrap();
    let session = Session::new(&env);
    let tasks = env.client_tmp().join(format!("-home-dev-proj/{SESSION}/tasks"));
    let files = [
        secret.display().to_string(),
        format!("{}/../../../../../secret", tasks.display()),
        "/etc/passwd".to_owned(),
        "secret".to_owned(),
    ];
    for (number, file) in (1..).zip(files) {
        let call = session.call(number);
        call.starts();
        let notice = call.notice();
        let (start, rest) = notice.split_once("<output-file>").unwrap();
        let (_, rest) = rest.split_once("</output-file>").unwrap();
        let output = session.submits(&format!("{start}<output-file>{file}</output-file>{rest}"));
        assert!(output.stdout.contains("failed with exit code 4"), "{output:?}");
        assert!(!output.stdout.contains("root:"), "{file}: {output:?}");
        let kept: Vec<Value> = session.failed();
        assert!(!json!(kept).to_string().contains("secret"), "{file}: {kept:?}");
    }
}
