//! What delegated sessions that wait for their slot use, compared with commands that do.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sisyphus_harness::sys;

use super::measure::millis;
use super::memory::Spent;
use super::ours::{Ours, wait_until};
use super::report::{Row, Table};
use super::stage::Stage;
use super::track::{Size, Track};

const SLOTS: usize = 1;
/// As many as one conversation may have waiting.
const WAITING: usize = 50;
/// Long enough to measure a few milliseconds.
const WATCHED: Duration = Duration::from_secs(30);
/// For this long a runner still checks that Claude Code calls its command a background command.
const SETTLED: Duration = Duration::from_secs(5);
/// Plays a session: does what the prompt says, and answers.
const CLAUDE: &str = r#"#!/bin/bash
eval "$(cat)"
echo '{"type":"result","subtype":"success","is_error":false,"result":"done"}'
"#;

/// What one kind of task took.
struct Taken {
    name: &'static str,
    queueing: Duration,
    before: Vec<Spent>,
    after: Vec<Spent>,
    draining: Duration,
    farthest: usize,
}

/// Queues the same line of commands and of sessions behind one slot, watches it, and opens the gate.
pub(crate) fn run(stage: &Stage) -> Result<Vec<Table>> {
    let size = Size { slots: SLOTS, commands: stage.pace().pick(WAITING, 5) };
    let all = [commands(stage, size)?, sessions(stage, size)?];
    let watched = all.iter().map(Taken::watched).collect();
    let seconds = stage.pace().pick(WATCHED, Duration::ZERO).as_secs();
    let count = size.commands;
    let title = format!("{count} that wait, all together in {seconds} seconds");
    let drained = all.iter().map(Taken::drained).collect();
    Ok(vec![
        Table::new(title, watched),
        Table::new(format!("{count} through one slot"), drained).with_note(
            "queueing a session is one process; a command's two hooks and a shell are more",
        ),
    ])
}

impl Taken {
    fn watched(&self) -> Row {
        let sum = |of: fn(&Spent) -> f64| self.after.iter().map(of).sum::<f64>();
        let more = |of: fn(&Spent) -> f64| sum(of) - self.before.iter().map(of).sum::<f64>();
        let resident = sum(|it| it.resident_kib);
        #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
        let count = self.after.len() as f64;
        Row::named(self.name)
            .with("resident each, KiB", resident / count)
            .with("resident, KiB", resident)
            .with("processor, ms", more(|it| it.cpu_ms))
            .with("woken", more(|it| it.switches))
    }

    fn drained(&self) -> Row {
        #[expect(clippy::cast_precision_loss, reason = "a place among a few dozen")]
        let farthest = self.farthest as f64;
        Row::named(self.name)
            .with("queueing, ms", millis(self.queueing))
            .with("until all have run, ms", millis(self.draining))
            .with("most places out of turn", farthest)
    }
}

/// What these runners take while they wait.
fn watch(stage: &Stage, runners: &[u32]) -> Result<(Vec<Spent>, Vec<Spent>)> {
    let look = || runners.iter().map(|id| Spent::by(*id)).collect::<Result<Vec<Spent>>>();
    std::thread::sleep(stage.pace().pick(SETTLED, Duration::from_millis(100)));
    let before = look()?;
    std::thread::sleep(stage.pace().pick(WATCHED, Duration::from_millis(100)));
    Ok((before, look()?))
}

fn commands(stage: &Stage, size: Size) -> Result<Taken> {
    stage.forget()?;
    stage.settings(&json!({ "sisyphus.max_background_tasks": SLOTS }))?;
    let track = Track::lay(stage, "waiting-commands", size)?;
    let mut ours = Ours::start(stage, "waiting-commands")?;
    let mut blocker = ours.background(&track.blocker())?;
    track.wait_until_taken()?;
    let start = Instant::now();
    let mut children: Vec<Child> =
        track.shorts().map(|short| ours.background(&short)).collect::<Result<_>>()?;
    let queueing = start.elapsed();
    wait_until("all commands to be queued", || ours.waiting() == size.commands)?;
    let runners: Vec<u32> = children.iter().map(Child::id).collect();
    let (before, after) = watch(stage, &runners)?;
    let draining = track.open()?;
    for child in children.iter_mut().chain([&mut blocker]) {
        let status = child.wait()?;
        ensure!(status.success(), "a command ended with {status}");
    }
    stage.forget_settings()?;
    let farthest = track.farthest()?;
    Ok(Taken { name: "commands", queueing, before, after, draining, farthest })
}

fn sessions(stage: &Stage, size: Size) -> Result<Taken> {
    stage.forget()?;
    stage.settings(&json!({ "sisyphus.max_background_tasks": SLOTS }))?;
    let track = Track::lay(stage, "waiting-sessions", size)?;
    let bin = lay_claude(stage)?;
    let delegate = |prompt: &str| -> Result<()> {
        let mut command: Command = stage.command_line();
        command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()));
        command.args(["delegate", prompt]).stdin(Stdio::null()).stdout(Stdio::null());
        let status = command.status().context("could not start `sisyphus delegate`")?;
        ensure!(status.success(), "`sisyphus delegate` ended with {status}");
        Ok(())
    };
    delegate(&track.blocker())?;
    track.wait_until_taken()?;
    let holder = runners(stage);
    let start = Instant::now();
    track.shorts().try_for_each(|short| delegate(&short))?;
    let queueing = start.elapsed();
    wait_until("all sessions to be queued", || waiting(stage) == size.commands)?;
    let mut queued = runners(stage);
    queued.retain(|id| !holder.contains(id));
    ensure!(queued.len() == size.commands, "{} runners wait", queued.len());
    let (before, after) = watch(stage, &queued)?;
    let draining = track.open()?;
    wait_until("the runners to end", || runners(stage).is_empty())?;
    stage.forget_settings()?;
    let farthest = track.farthest()?;
    Ok(Taken { name: "delegated sessions", queueing, before, after, draining, farthest })
}

/// Puts the script in place of Claude Code, and trusts the folder. Returns the folder of the script.
fn lay_claude(stage: &Stage) -> Result<PathBuf> {
    let bin = stage.home().join("waiting-bin");
    fs::create_dir_all(&bin)?;
    let program = bin.join("claude");
    fs::write(&program, CLAUDE)?;
    sys::make_executable(&program)?;
    let home = stage.home().to_string_lossy();
    let trusted = json!({ "projects": { home: { "hasTrustDialogAccepted": true } } });
    fs::write(stage.home().join(".claude.json"), trusted.to_string())?;
    Ok(bin)
}

/// The runners of sessions.
fn runners(stage: &Stage) -> Vec<u32> {
    let mut found = sys::started_with(&format!("HOME={}", stage.home().display()));
    found.retain(|id| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains("\0session\0")
    });
    found
}

/// How many sessions are queued.
fn waiting(stage: &Stage) -> usize {
    let line = stage.runtime().join("sessions/1-default/waiting");
    let entries = fs::read_dir(line).into_iter().flatten().flatten();
    entries.filter(|entry| !entry.file_name().as_encoded_bytes().contains(&b'.')).count()
}
