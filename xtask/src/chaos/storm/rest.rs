//! After the storm: everything comes to rest, the line is tried once more in calm air, and all that is left is ended.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::cast::{Cast, Live, Notice, Plan, lock};
use super::home::is_held;
use super::ledger::Heard;
use super::records::Records;
use crate::chaos::sys;
use crate::chaos::tree::tree;
use crate::e2e::sys::kill_process;

/// How many slots there are by default, and how many stand behind them.
const SLOTS: usize = 5;
const BEHIND: usize = 3;
/// How long everything has to come to rest. A claim that led to nothing counts as one for five seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// No session is owed more reminders than this.
const REMINDERS_MAX: usize = 1_000;

/// Brings everything to rest.
pub(super) fn settle(cast: &Cast<'_>) -> Result<()> {
    cast.home.processes().into_iter().for_each(sys::resume);
    wait_until(cast, "the commands to end", || are_alone(cast));
    try_the_line(cast)?;
    end_the_rest(cast)?;
    last_hooks(cast);
    wait_until(cast, "the processes to end", || are_alone(cast));
    for process in cast.home.processes() {
        let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        cast.ledger.complain(format!("process {process} is left: {line}"));
    }
    Ok(())
}

/// Whether nothing runs any more but what was left running.
fn are_alone(cast: &Cast<'_>) -> bool {
    let known: Vec<u32> = lock(&cast.left).iter().flat_map(|live| tree(live.child.id())).collect();
    let mut strangers = cast.home.processes();
    strangers.retain(|process| !known.contains(process));
    let is_endless = |process: &u32| {
        fs::read_link(format!("/proc/{process}/exe")).is_ok_and(|program| program.ends_with("tail"))
    };
    if strangers.iter().all(is_endless) {
        // A command that does not end by itself outlives its shell that was killed, with us as without us.
        strangers.iter().copied().for_each(kill_process);
    }
    strangers.is_empty()
}

/// Every slot taken and some behind: the files of the line, the locks and the records must say the same.
fn try_the_line(cast: &Cast<'_>) -> Result<()> {
    let sleeper = || Plan::new(cast, "exec sleep 600", None);
    let mut line: Vec<Live> =
        (0..SLOTS + BEHIND).map(|_| cast.begin(0, sleeper())).collect::<Result<_>>()?;
    let counts = || ["slots", "waiting"].map(|part| held_names(cast, part).len());
    wait_until(cast, "the line to form", || counts() == [SLOTS, BEHIND]);
    compare(cast);
    // Two holders die, so two who wait get their slots.
    for live in line.drain(..2) {
        kill_process(live.child.id());
        cast.finish(live)?;
    }
    wait_until(cast, "the line to move on", || counts() == [SLOTS, BEHIND - 2]);
    compare(cast);
    for live in line {
        cast.stop(live, Notice::Left)?;
    }
    wait_until(cast, "the line to end", || counts() == [0, 0]);
    Ok(())
}

/// What is recorded as running has its lock held, and the other way round; and so it is with slots.
fn compare(cast: &Cast<'_>) {
    // A claim that led to nothing counts for some seconds as one that will.
    wait_until(cast, "records, locks and slots to say the same", || differences(cast).is_empty());
    for difference in differences(cast) {
        cast.ledger.complain(difference);
    }
}

fn differences(cast: &Cast<'_>) -> Vec<String> {
    cast.ledger.note(cast.home.sisyphus(&["list"]));
    let records = Records::read(cast.home);
    let mut slots = Vec::new();
    let mut found = Vec::new();
    for task in &records.active {
        let (id, status) = (task["id"].as_str().unwrap_or_default(), &task["status"]);
        let is_supervised = status["watch"] == "supervised";
        let is_held = is_held(&cast.home.runs().join(id).join("lock"));
        if is_held != (is_supervised || status["state"] == "queued") {
            let held = if is_held { "held" } else { "open" };
            found.push(format!("`{id}` has the status {status}, and its lock is {held}"));
        }
        if is_supervised && task["kind"] == "command" {
            slots.push(id.to_owned());
        }
    }
    let mut held = held_names(cast, "slots");
    held.sort();
    slots.sort();
    if held != slots {
        found.push(format!("slots are held by {held:?}, and {slots:?} run"));
    }
    found
}

/// The tasks that hold something in this part of the line, as its descriptions say.
fn held_names(cast: &Cast<'_>, part: &str) -> Vec<String> {
    let entries = fs::read_dir(cast.home.runtime().join("line").join(part));
    let paths = entries.into_iter().flatten().flatten().map(|entry| entry.path());
    let described = paths.filter(|path| path.extension().is_some_and(|it| it == "json"));
    described.filter(|path| is_held(path)).filter_map(|path| task_of(&path)).collect()
}

fn task_of(path: &Path) -> Option<String> {
    let occupant: serde_json::Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    Some(occupant["task"].as_str()?.to_owned())
}

/// What ran through the storm is stopped by the model, or dies.
fn end_the_rest(cast: &Cast<'_>) -> Result<()> {
    let left = std::mem::take(&mut *lock(&cast.left));
    for (number, live) in left.into_iter().enumerate() {
        if number.is_multiple_of(2) {
            cast.stop(live, Notice::Sent)?;
        } else {
            kill_process(live.child.id());
            cast.finish(live)?;
        }
    }
    Ok(())
}

/// Turns end and people type until nothing is owed any more.
fn last_hooks(cast: &Cast<'_>) {
    let is_empty = || {
        for player in 0..cast.players.len() {
            cast.end_turn(player);
        }
        Records::read(cast.home).active.is_empty()
    };
    wait_until(cast, "every task to have ended", is_empty);
    for player in 0..cast.players.len() {
        let talks = (0..REMINDERS_MAX).any(|_| cast.prompt(player) == Heard::Nothing);
        if !talks {
            cast.ledger.complain(format!("session {player} gets its reminders without end"));
        }
    }
}

fn wait_until(cast: &Cast<'_>, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        if Instant::now() > deadline {
            cast.ledger.complain(format!("waited in vain for {what}"));
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
}
