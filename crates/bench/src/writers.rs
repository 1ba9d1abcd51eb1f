//! Many writers at once: hooks that announce a task each, started together.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::measure::Times;
use super::report::{Row, Table};
use super::stage::Stage;

const WRITERS: &[usize] = &[1, 5, 20, 50, 100, 200];
const FEW_WRITERS: &[usize] = &[1, 5];
const ROUNDS: usize = 10;

/// Times from the first start to the last end, and counts the announcements.
pub(crate) fn run(stage: &Stage) -> Result<Vec<Table>> {
    let numbers = stage.pace().pick(WRITERS, FEW_WRITERS);
    let most = numbers.iter().copied().max().unwrap_or_default();
    let events: Vec<PathBuf> = (0..most)
        .map(|number| {
            let event = json!({
                "hook_event_name": "PreToolUse", "tool_name": "Bash",
                "tool_use_id": format!("toolu_{number}"),
                "tool_input": { "command": "npm test", "run_in_background": true },
            });
            stage.event(&format!("writer-{number}"), event)
        })
        .collect::<Result<_>>()?;
    let mut rows = Vec::new();
    for writers in numbers {
        rows.push(of(stage, &events[..*writers])?);
    }
    stage.forget()?;
    let note = "goal: 1.3, and each announces; the ratio is to as many `/bin/true`, started in the same way; a hook that \
                announces nothing leaves its command as it is without us";
    Ok(vec![Table::new("PreToolUse hooks that announce, started together", rows).with_note(note)])
}

/// That many hooks at once, and as many programs that do nothing.
fn of(stage: &Stage, events: &[PathBuf]) -> Result<Row> {
    let (mut times, mut bare) = (Vec::new(), Vec::new());
    let mut lost = 0;
    for _ in 0..stage.rounds(ROUNDS) {
        bare.push(together(events.iter().map(|_| Ok(Command::new("/bin/true"))))?);
        stage.forget()?;
        times.push(together(events.iter().map(|event| {
            let mut hook = stage.binary("sisyphus-pre-tool-use");
            hook.stdin(File::open(event)?);
            Ok(hook)
        }))?);
        lost += events.len() - announced(stage)?;
    }
    let bare = Times::of("/bin/true", bare).median_ms();
    let times = Times::of(format!("{} at once", events.len()), times);
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let lost = lost as f64;
    Ok(times.row_beside(bare).with("as many `/bin/true`, ms", bare).with("not announced", lost))
}

/// How many calls are announced.
fn announced(stage: &Stage) -> Result<usize> {
    let mut calls = 0;
    for session in fs::read_dir(stage.state().join("announced"))? {
        calls += fs::read_dir(session?.path())?.count();
    }
    Ok(calls)
}

/// From the first start to the last end.
fn together(commands: impl Iterator<Item = Result<Command>>) -> Result<Duration> {
    let start = Instant::now();
    let started: Vec<Child> = commands
        .map(|command| command?.spawn().context("could not start one of many"))
        .collect::<Result<_>>()?;
    for mut child in started {
        let status = child.wait()?;
        ensure!(status.success(), "one of many ended with {status}");
    }
    Ok(start.elapsed())
}
