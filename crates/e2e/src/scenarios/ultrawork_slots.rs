//! A model that follows the ultrawork page literally launches all items in one message, and ends its turn. No slot is
//! idle while items wait.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::api::{Api, Block, bash, text};
use crate::home::Setup;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

const ITEMS: usize = 8;
const SLOTS: usize = 2;
const LIMIT: Duration = Duration::from_secs(60);
/// How much of the slots' time may be idle, of what passes from the first start to the last: a start takes a moment.
const IDLE: f64 = 0.2;

/// An item of about two seconds, which notes its start and its end in milliseconds.
fn item(number: usize) -> Block {
    let note = |what: &str| format!("echo {what} $(date +%s%3N) >> log");
    let command = format!("{}; sleep 2.{number}; {}", note("start"), note("end"));
    bash(&command).description(&format!("item {number}")).background()
}

pub(super) fn run(stage: &Stage) -> Result<()> {
    let settings = json!({ "sisyphus": { "max_background_tasks": SLOTS } });
    let home = stage.home("home", &Setup::with_plugin().settings(settings))?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => (0..ITEMS).map(item).collect(),
        _ => vec![text("I go on when items end.")],
    })?;
    let mut session = Session::idle(&home, &api, &[BYPASS])?;
    session.send("/ultrawork port all items")?;
    let log = home.project.join("log");
    let ended = |log: &str| log.matches("end").count() == ITEMS;
    crate::wait::until_true("the end of all items", LIMIT, || {
        fs::read_to_string(&log).is_ok_and(|log| ended(&log))
    })?;
    let idle = idle(&fs::read_to_string(&log).context("the items left no log")?)?;
    println!("     {:.1} % of the slots' time was idle", idle * 100.0);
    ensure!(idle <= IDLE, "{:.0} % of the slots' time was idle", idle * 100.0);
    session.finish()
}

/// How much of the slots' time nothing ran in them, from the first start to the last.
fn idle(log: &str) -> Result<f64> {
    let mut moments = Vec::new();
    for line in log.lines() {
        let (what, at) = line.split_once(' ').with_context(|| format!("a strange line: {line}"))?;
        moments.push((at.parse::<u64>()?, what == "start"));
    }
    moments.sort_unstable();
    let last = moments.iter().rev().find(|(_, is_start)| *is_start).context("nothing started")?.0;
    let (mut running, mut idle, mut before) = (0_usize, 0, moments[0].0);
    for (at, is_start) in moments.iter().take_while(|(at, _)| *at <= last) {
        idle += (at - before) * SLOTS.saturating_sub(running) as u64;
        running = if *is_start { running + 1 } else { running.saturating_sub(1) };
        before = *at;
    }
    let all = (last - moments[0].0) * SLOTS as u64;
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    Ok(idle as f64 / all.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_slots_are_counted() {
        let full = "start 0\nstart 0\nend 100\nstart 100\nend 100\nstart 100\nend 200\n";
        assert!(idle(full).unwrap() < 0.01);
        // One of two slots is empty from 100 to 200.
        let half = "start 0\nstart 0\nend 100\nstart 200\nend 300\n";
        assert!((idle(half).unwrap() - 0.25).abs() < 0.01);
    }
}
