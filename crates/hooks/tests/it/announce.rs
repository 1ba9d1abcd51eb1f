//! PreToolUse announces a background call and says nothing.

mod duplicates;
mod waits;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

use crate::payload::with;
use crate::session::Session;
use crate::start::log;

fn announcements(session: &Session<'_>) -> Vec<PathBuf> {
    files_below(&session.announced_dir())
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        }
        found.push(path);
    }
    found
}

/// PreToolUse announces a background call as Claude Code made it, and makes no record yet.
#[test]
fn a_background_call_is_announced_as_made() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let event = session.event("pre-tool-use.bash-background-timeout");
    session.tell(&event);

    let [announcement] = announcements(&session).try_into().unwrap();
    assert!(announcement.ends_with("toolu_0000_2.json"), "{}", announcement.display());
    let [call] = session.announced().try_into().unwrap();
    assert_eq!(call["session"], session.id.as_str());
    assert_eq!(call["tool_use_id"], "toolu_0000_2");
    assert_eq!(call["cwd"], json!(env.project()));
    assert_eq!(call["command"], "sleep 3; echo three");
    assert_eq!(call["description"], "three");
    assert_eq!(call["kind"], "command");
    assert_eq!(call["limit_ms"], 1500);
    assert_eq!(call["client_limit_ms"], 1500);
    assert!(call["task"].is_string() && call["ticket"].is_u64(), "{call}");
    assert_eq!((&call["agent"], &call["client"]), (&Value::Null, &Value::Null));
    // The user may still deny the call. It has no record until Claude Code has started it.
    assert!(!env.state().join("active.json").exists());
    assert_eq!(log(&env), "");
}

/// PreToolUse announces a subagent's call with the subagent's id and the time limit of the settings.
#[test]
fn a_subagents_call_is_announced_with_its_agent() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.tell(&session.event("pre-tool-use.bash-background-in-subagent"));
    let [task] = session.announced().try_into().unwrap();
    assert_eq!(task["agent"], "a823f771c24d473c5");
    // Thirty minutes, unless the user says otherwise.
    assert_eq!(task["limit_ms"], 1_800_000);
    assert_eq!(task["client_limit_ms"], 600_000);
}

/// The hooks neither announce nor record a foreground call, and write nothing.
#[test]
fn a_foreground_call_leaves_nothing() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    for name in ["pre-tool-use.bash-foreground", "post-tool-use.bash-foreground"] {
        session.tell(&session.event(name));
    }
    let explicit =
        with(session.event("pre-tool-use.bash-foreground"), "/tool_input/run_in_background", false);
    session.tell(&explicit);
    assert_eq!((session.announced(), session.active()), (Vec::new(), Vec::new()));
    assert!(!env.runs().exists());
    assert!(!env.state().exists(), "a hook that changes nothing writes nothing");
}

#[test]
fn what_is_written_is_for_its_owner_only() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    call.starts();
    let _ = session.submits(&call.notice());
    session.call(2).starts();
    let roots = [env.state(), env.client_tmp()];
    let written = roots.iter().flat_map(|root| files_below(root)).chain(roots.clone());
    let mut count = 0;
    for path in written {
        // The notifier, which runs beside the hooks, may have removed what it has read.
        let Ok(metadata) = path.symlink_metadata() else { continue };
        let is_program = path.parent().is_some_and(|folder| folder.ends_with("bin"));
        let expected = match () {
            () if metadata.is_dir() || is_program => 0o700,
            // T9: what can be read can be locked.
            () if path.extension().is_some_and(|end| end == "lock") => 0o200,
            () => 0o600,
        };
        assert_eq!(metadata.mode() & 0o7777, expected, "{}", path.display());
        count += 1;
    }
    assert!(count > 10, "{count}");
}
