//! What a hook costs, and what the snippet costs a foreground command.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::measure::{Candidate, report, take_turns};
use super::stage::Stage;

const ROUNDS: usize = 300;

/// Times the hooks beside programs that do nothing.
pub(crate) fn run(stage: &Stage) -> Result<Value> {
    let bash = |input: Value| json!({ "tool_name": "Bash", "tool_use_id": "toolu_bench", "tool_input": input });
    let named = |name: &str, mut event: Value| {
        event["hook_event_name"] = name.into();
        event
    };
    let typed =
        stage.event("typed", json!({ "hook_event_name": "UserPromptSubmit", "prompt": "go" }))?;
    let stop = stage.event("stop", json!({ "hook_event_name": "Stop", "background_tasks": [] }))?;
    let foreground = stage.event("pre", named("PreToolUse", bash(json!({ "command": "ls" }))))?;
    let mut post = named("PostToolUse", bash(json!({ "command": "ls" })));
    post["tool_response"] = json!({ "stdout": "a b c" });
    let post = stage.event("post", post)?;
    let background =
        named("PreToolUse", bash(json!({ "command": "npm test", "run_in_background": true })));
    let background = stage.event("announce", background)?;
    let empty = stage.empty_program()?;

    let mut candidates = vec![
        candidate("/bin/true", || Ok((Command::new("/bin/true"), None))),
        candidate("an empty Rust program", || Ok((Command::new(&empty), None))),
    ];
    for (name, binary, event) in [
        ("UserPromptSubmit, typed, nothing owed", "sisyphus-user-prompt-submit", &typed),
        ("Stop, nothing owed", "sisyphus-stop", &stop),
        ("PreToolUse, foreground", "sisyphus-pre-tool-use", &foreground),
        ("PostToolUse, foreground", "sisyphus-post-tool-use", &post),
    ] {
        candidates
            .push(candidate(name, move || Ok((stage.binary(binary), Some(File::open(event)?)))));
    }
    let idle = report("Hooks with nothing to do", &take_turns(candidates, ROUNDS)?);

    let announcing = candidate("PreToolUse, announcing a task", || {
        // Each announcement meets the same state: none other.
        let _ = fs::remove_file(stage.active());
        let _ = fs::remove_dir_all(stage.client_tmp().join("sisyphus/announced"));
        Ok((stage.binary("sisyphus-pre-tool-use"), Some(File::open(&background)?)))
    });
    let reference = candidate("/bin/true", || Ok((Command::new("/bin/true"), None)));
    let announce = report("Announcing", &take_turns(vec![reference, announcing], ROUNDS)?);
    let _ = fs::remove_dir_all(stage.client_tmp());
    let _ = fs::remove_file(stage.active());

    let snippet = snippet(stage)?;
    let shell = |string: String| {
        let mut command = Command::new("/bin/bash");
        stage.apply(&mut command);
        command.args(["-c", &string]);
        Ok((command, None))
    };
    let candidates = vec![
        candidate("bash -c, without the snippet", || shell("true && : && eval 'true'".to_owned())),
        candidate("bash -c, with the snippet", || {
            shell(format!("true && {snippet}: && eval 'true'"))
        }),
    ];
    let shells = report("A foreground command", &take_turns(candidates, ROUNDS)?);
    Ok(json!([idle, announce, shells]))
}

fn candidate<'a>(
    name: &str,
    prepare: impl FnMut() -> Result<(Command, Option<File>)> + 'a,
) -> Candidate<'a> {
    Candidate { name: name.to_owned(), prepare: Box::new(prepare) }
}

/// What SessionStart puts in front of every command.
pub(crate) fn snippet(stage: &Stage) -> Result<String> {
    let event = json!({ "hook_event_name": "SessionStart", "source": "startup" });
    let event = stage.event("session-start", event)?;
    let env_file = stage.home().join("env.sh");
    stage.hook("sisyphus-session-start", &event, Some(Path::new(&env_file)))?;
    fs::read_to_string(&env_file).context("the session was not attached")
}
