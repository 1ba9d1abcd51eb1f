//! What hooks cost that are scripts: those of another plugin, beside ours for the same events.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::json;
use sisyphus_harness::{npm::unpack, program, repository};

use super::measure::{Candidate, rows, take_turns};
use super::report::Table;
use super::stage::Stage;
use super::versions::{PACKAGE, PACKAGE_VERSION};

/// Each run takes tenths of a second.
const ROUNDS: usize = 40;

/// Times hooks for a typed prompt and for a foreground call: ours, and those of the other plugin.
pub(crate) fn run(stage: &Stage) -> Result<Vec<Table>> {
    let Some(node) = program::find("node") else {
        println!("no `node` here: hooks that are scripts are not measured");
        return Ok(Vec::new());
    };
    let theirs = package()?;
    let typed =
        stage.event("typed", json!({ "hook_event_name": "UserPromptSubmit", "prompt": "go" }))?;
    let call = stage.event(
        "pre",
        json!({
            "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "toolu_bench",
            "tool_input": { "command": "ls" },
        }),
    )?;
    let empty = stage.empty_program()?;
    let of_node = |words: &[&str]| {
        let mut command = Command::new(&node);
        stage.apply(&mut command);
        command.args(words).env("CLAUDE_PLUGIN_ROOT", &theirs);
        command
    };
    let script = |name: &str| {
        let [run, script] = ["run.cjs", name].map(|it| theirs.join("scripts").join(it));
        of_node(&[&run.to_string_lossy(), &script.to_string_lossy()])
    };
    let candidates = vec![
        candidate("/bin/true", None, || Command::new("/bin/true")),
        candidate("an empty Rust program", None, || Command::new(&empty)),
        candidate("bash -c true", None, || {
            let mut command = Command::new("/bin/bash");
            command.args(["-c", "true"]);
            command
        }),
        candidate("node -e 0", None, || of_node(&["-e", "0"])),
        candidate("UserPromptSubmit: ours", Some(&typed), || {
            stage.binary("sisyphus-user-prompt-submit")
        }),
        candidate("UserPromptSubmit: keyword-detector.mjs", Some(&typed), || {
            script("keyword-detector.mjs")
        }),
        candidate("PreToolUse: ours", Some(&call), || stage.binary("sisyphus-pre-tool-use")),
        candidate("PreToolUse: pre-tool-enforcer.mjs", Some(&call), || {
            script("pre-tool-enforcer.mjs")
        }),
    ];
    let title = format!("Hooks, beside those of {PACKAGE} {PACKAGE_VERSION}");
    Ok(vec![Table::new(title, rows(&take_turns(candidates, stage.rounds(ROUNDS))?))])
}

fn candidate<'a>(
    name: &str,
    input: Option<&'a Path>,
    start: impl Fn() -> Command + 'a,
) -> Candidate<'a> {
    Candidate::new(name, move || {
        let mut command = start();
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok((command, input.map(File::open).transpose()?))
    })
}

/// The package's folder, downloaded below the build folder the first time.
fn package() -> Result<PathBuf> {
    let folder = repository::target()?.join("tools").join(format!("{PACKAGE}-{PACKAGE_VERSION}"));
    let package = folder.join("package");
    if !package.is_dir() {
        fs::create_dir_all(&folder)
            .with_context(|| format!("could not create `{}`", folder.display()))?;
        unpack(&format!("{PACKAGE}@{PACKAGE_VERSION}"), &folder)?;
    }
    Ok(package)
}
