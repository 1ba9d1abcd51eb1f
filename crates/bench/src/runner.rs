//! What the runner costs a command: in throughput, at its start and in memory.

use std::fs::{self, File};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::json;
use sisyphus_harness::fake_client::as_written;

use super::hooks::snippet;
use super::measure::{Candidate, rows, take_turns};
use super::report::Table;
use super::snapshot::Snapshot;
use super::stage::Stage;

const FLOOD: &str = "yes | head -c 2G";
const SMALL_FLOOD: &str = "yes | head -c 2M";
const FLOOD_ROUNDS: usize = 15;
const START_ROUNDS: usize = 200;

/// Times commands with and without the runner.
pub(crate) fn run(stage: &Stage) -> Result<Vec<Table>> {
    stage.forget()?;
    let snippet = snippet(stage)?;
    let before = Snapshot::take(&stage.state())?;
    let compare = |title: &str, command: &'static str, rounds: usize| -> Result<Table> {
        let bare = shell(stage, "", command, "bare");
        let mut start = shell(stage, &snippet, command, "attached");
        let attached = || {
            before.restore()?;
            announce(stage, command)?;
            start()
        };
        let candidates = vec![
            Candidate::new(format!("{command}, without the runner"), bare),
            Candidate::new(format!("{command}, through the runner"), attached),
        ];
        Ok(Table::new(title, rows(&take_turns(candidates, stage.rounds(rounds))?)))
    };
    let flood = stage.pace().pick(FLOOD, SMALL_FLOOD);
    Ok(vec![
        compare("A short background command, from start to exit", "true", START_ROUNDS)?,
        compare("A command that prints into its output file", flood, FLOOD_ROUNDS)?,
    ])
}

fn announce(stage: &Stage, command: &str) -> Result<()> {
    let input = json!({ "command": command, "run_in_background": true });
    let event = json!({ "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "toolu_bench", "tool_input": input });
    stage.hook("sisyphus-pre-tool-use", &stage.event("announce", event)?, None)
}

/// Starts a command as Claude Code does: the env file's content, the command, its output in a file named after a task.
fn shell<'a>(
    stage: &'a Stage,
    snippet: &str,
    command: &str,
    name: &str,
) -> impl FnMut() -> Result<(Command, Option<File>)> + use<'a> {
    let command = as_written(command);
    let string = format!("true && {snippet}: && eval {command} < /dev/null && pwd -P >| /dev/null");
    let output = stage.outputs().join(format!("b{name}.output"));
    move || {
        fs::create_dir_all(stage.outputs())?;
        // Not truncated: writing to memory that is already allocated costs the same every time.
        let output = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&output)
            .with_context(|| format!("could not create `{}`", output.display()))?;
        let mut shell = Command::new("/bin/bash");
        stage.apply(&mut shell);
        shell.args(["-c", &string]).stdout(output.try_clone()?).stderr(output);
        Ok((shell, None))
    }
}
