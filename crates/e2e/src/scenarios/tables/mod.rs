//! A conversation continues (resumed, continued, forked, compacted, cleared) with tasks that run, that ended unseen and
//! that were lost: one table reports all, and each result is reported once.

mod cleared;
mod compacted;
mod crashed;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::witness;
use crate::api::{Block, Request, bash};
use crate::home::{Home, Setup};
use crate::stage::Stage;

pub(super) use cleared::run as run_cleared;
pub(super) use compacted::run as run_compacted;
pub(super) use crashed::{run_continued, run_forked, run_resumed};

const SESSION: &str = "5e551011-0000-4000-8000-00000000c0de";
const LIMIT: Duration = Duration::from_secs(20);

/// The tasks with their exit codes.
const LIVE: (&str, u32) = ("live", 3);
const UNTOLD: (&str, u32) = ("untold", 4);
const LOST: (&str, u32) = ("lost", 5);

/// A command that writes its runner's process id to `pid-NAME` and ends when a file `NAME` exists. Then it creates
/// `ended-NAME`, and prints a text that its command line does not contain.
fn task((name, code): (&str, u32)) -> Block {
    let line = format!("echo $PPID > pid-{name}; until [ -e {name} ]; do sleep 0.1; done");
    bash(&format!("{line}; echo made-$((1000 + {code})); touch ended-{name}; exit {code}"))
        .description(name)
        .background()
}

/// A home whose hooks record every start of a session; returns the folder of the records.
fn home(stage: &Stage) -> Result<(Home, PathBuf)> {
    let events = stage.folder.join("events");
    let settings = witness::settings(&events, &["SessionStart"])?;
    Ok((stage.home("home", &Setup::with_plugin().settings(settings))?, events))
}

/// The source and the id of the newest start of a session.
fn newest_start(events: &Path) -> Result<(String, String)> {
    let start = witness::seen(events)?.pop().context("no session has started")?;
    let text = |key: &str| start[key].as_str().map(str::to_owned);
    text("source").zip(text("session_id")).with_context(|| format!("a strange start: {start}"))
}

/// Checks what the conversation says about a task, and how often.
fn check(request: &Request, expected: &[(String, usize)]) -> Result<()> {
    let told = request.text();
    for (text, count) in expected {
        let found = told.matches(text).count();
        ensure!(
            found == *count,
            "reported {found} times instead of {count}: {text:?}; the reminders:\n{}",
            request.reminders().join("\n")
        );
    }
    Ok(())
}

fn still_running((name, _): (&str, u32)) -> String {
    format!("(\"{name}\") still running since ")
}

fn failed((name, code): (&str, u32)) -> String {
    format!("(\"{name}\") failed with exit code {code} after ")
}

fn output((_, code): (&str, u32)) -> String {
    format!("| made-{}\n", 1000 + code)
}

fn lost((name, _): (&str, u32)) -> String {
    format!("(\"{name}\") was lost, exit code unknown: ")
}

/// Every report of an end.
fn report() -> String {
    "[sisyphus] Background task ".to_owned()
}

/// How many records `sisyphus list` shows.
fn records(home: &Home) -> Result<usize> {
    let listed: Value = serde_json::from_str(&home.sisyphus(&["list", "--json", "--all"])?)
        .context("`sisyphus list --json` printed no JSON")?;
    Ok(listed["tasks"].as_array().context("`sisyphus list --json` holds no `tasks`")?.len())
}
