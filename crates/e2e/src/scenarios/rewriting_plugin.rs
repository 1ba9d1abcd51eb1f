//! Another plugin rewrites commands. If two hooks answer with an input, the last to finish wins, so ours must not
//! answer.

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::outputs;
use crate::api::{Api, Block, Request, bash, text};
use crate::home::{Home, Setup};
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

/// The argument with which this program acts as the other plugin's hook.
pub(crate) const REWRITE_HOOK: &str = "rewrite-hook";

const COUNT: usize = 50;

pub(super) fn run(stage: &Stage) -> Result<()> {
    // Loaded for one session; only the arguments of Claude Code show it.
    let folder = stage.folder.join("rewriter");
    write_plugin(&folder)?;
    let folder = folder.to_string_lossy().into_owned();
    let home = stage.home("argument", &Setup::with_plugin())?;
    play(&home, &["--plugin-dir", &folder, BYPASS]).context("with --plugin-dir")?;

    // Installed beside ours.
    let home = stage.home("installed", &Setup::with_plugin())?;
    write_plugin(&home.path.join(".claude/skills/rewriter"))?;
    play(&home, &[BYPASS]).context("installed")
}

fn play(home: &Home, arguments: &[&str]) -> Result<()> {
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => (0..COUNT).map(call).collect(),
        _ => vec![text("ok")],
    })?;
    let mut session = Session::idle(home, &api, arguments)?;
    session.send("go")?;
    let results =
        api.wait_for("all calls to be answered", Duration::from_secs(30), |requests| {
            requests.last().map(Request::tool_results).filter(|results| results.len() == COUNT)
        })?;
    let mut undone = Vec::new();
    for result in &results {
        let output = outputs::wait_for_end(result.output_file()?, Duration::from_secs(30))?;
        let output = String::from_utf8_lossy(&output);
        if output.lines().next() != Some("yes") {
            undone.push(format!("{}: {}", result.id, output.trim()));
        }
    }
    session.finish()?;
    ensure!(
        undone.is_empty(),
        "the rewrite of {} of {COUNT} commands was undone:\n{}",
        undone.len(),
        undone.join("\n")
    );
    Ok(())
}

/// A command that we take for a dev server. Without the other hook we would raise its time limit.
fn call(index: usize) -> Block {
    bash(&format!("vite --port {index}")).description(&format!("call {index}")).background()
}

fn write_plugin(folder: &Path) -> Result<()> {
    let manifest =
        json!({ "name": "rewriter", "version": "1.0.0", "description": "Rewrites every command" });
    let program = env::current_exe().context("could not find this executable")?;
    let hook = json!({ "type": "command", "command": program, "args": [REWRITE_HOOK] });
    let hooks = json!({ "hooks": { "PreToolUse": [{ "matcher": "Bash", "hooks": [hook] }] } });
    for (file, content) in [(".claude-plugin/plugin.json", manifest), ("hooks/hooks.json", hooks)] {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(&path, content.to_string())
            .with_context(|| format!("could not write `{}`", path.display()))?;
    }
    Ok(())
}

/// Answers a `PreToolUse` event as the other plugin.
pub(crate) fn answer_as_rewriting_hook() -> Result<ExitCode> {
    let event: Value = serde_json::from_reader(io::stdin()).context("the event is not JSON")?;
    let mut input = event["tool_input"].clone();
    let command = input["command"].as_str().context("the event has no command")?;
    // Without the rewrite there is no such program.
    input["command"] = json!(format!("vite() {{ echo yes; }}; {command}"));
    let answer =
        json!({ "hookSpecificOutput": { "hookEventName": "PreToolUse", "updatedInput": input } });
    println!("{answer}");
    Ok(ExitCode::SUCCESS)
}
