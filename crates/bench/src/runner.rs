//! What the runner costs a command: in throughput, at its start and in memory.

use std::fs::{self, File};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::json;
use sisyphus_harness::fake_client::as_written;

use super::hooks::{snippet, snippet_of};
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
    let with_and_without = |command: &'static str| {
        let bare = shell(stage, "", command, "bare");
        let mut start = shell(stage, &snippet, command, "attached");
        let before = &before;
        let attached = move || {
            before.restore()?;
            announce(stage, command)?;
            start()
        };
        vec![
            Candidate::new(format!("{command}, without the runner"), bare),
            Candidate::new(format!("{command}, through the runner"), attached),
        ]
    };
    let mut short = with_and_without("true");
    short.push(Candidate::new(
        "true, through a C program with the same starts",
        through_stand_in(stage, "true")?,
    ));
    let flood = with_and_without(stage.pace().pick(FLOOD, SMALL_FLOOD));
    let compare = |title: &str, candidates, rounds| -> Result<Table> {
        Ok(Table::new(title, rows(&take_turns(candidates, stage.rounds(rounds))?)))
    };
    Ok(vec![
        compare("A short background command, from start to exit", short, START_ROUNDS)?
            .with_note("goal: 2.5"),
        compare("A command that prints into its output file", flood, FLOOD_ROUNDS)?,
    ])
}

/// A shell whose command runs under the stand-in for our runner.
fn through_stand_in<'a>(
    stage: &'a Stage,
    command: &'a str,
) -> Result<impl FnMut() -> Result<(Command, Option<File>)> + use<'a>> {
    let snippet = snippet_of(stage, &stage.stand_in()?)?;
    let mut start = shell(stage, &snippet, command, "stand-in");
    let string = string("", command);
    Ok(move || {
        let (mut shell, input) = start()?;
        shell.env("SHELL_STRING", &string);
        Ok((shell, input))
    })
}

fn announce(stage: &Stage, command: &str) -> Result<()> {
    let input = json!({ "command": command, "run_in_background": true });
    let event = json!({ "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "toolu_bench", "tool_input": input });
    stage.hook("sisyphus-pre-tool-use", &stage.event("announce", event)?, None)
}

/// What Claude Code gives the shell: the env file's content and the command.
fn string(snippet: &str, command: &str) -> String {
    let command = as_written(command);
    format!("true && {snippet}: && eval {command} < /dev/null && pwd -P >| /dev/null")
}

/// Starts a command as Claude Code does, with its output in a file named after a task.
fn shell<'a>(
    stage: &'a Stage,
    snippet: &str,
    command: &str,
    name: &str,
) -> impl FnMut() -> Result<(Command, Option<File>)> + use<'a> {
    let string = string(snippet, command);
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
