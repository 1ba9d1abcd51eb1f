//! Eight background commands in one message with two slots: never more than two at a time, in the order of their calls,
//! and every one is reported. The model learns at once which of them wait.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use crate::api::{Api, Block, bash, text};
use crate::home::Setup;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

const COMMANDS: usize = 8;
pub(super) const SLOTS: usize = 2;

/// Writes to the file `log` when it starts and when it ends. None ends before all were called, however slow the machine
/// is: each waits for the file `go`. The first takes half as long as the others, so that one slot opens at a time and
/// the log shows the order.
fn command(number: usize) -> Block {
    let takes = if number == 0 { 0.5 } else { 1.0 };
    let wait = format!("until [ -e go ]; do sleep 0.1; done; sleep {takes}");
    let line = format!("echo start {number} >> log; {wait}; echo end {number} >> log");
    bash(&format!("{line}; echo printed by {number}"))
        .description(&format!("number {number}"))
        .background()
}

pub(super) fn run(stage: &Stage) -> Result<()> {
    let settings = json!({ "sisyphus": { "max_background_tasks": SLOTS } });
    let home = stage.home("home", &Setup::with_plugin().settings(settings))?;
    let all_end = "touch go; until [ $(grep -c end log) = 8 ]; do sleep 0.1; done; sleep 1";
    let api = Api::start(&home.folder.join("api"), move |_, number| match number {
        0 => (0..COMMANDS).map(command).collect(),
        1 => vec![bash(all_end)],
        _ => vec![text("done")],
    })?;
    Session::print(&home, &api, &[BYPASS], "go")?.result()?;

    let log = fs::read_to_string(home.project.join("log")).context("the commands left no log")?;
    check_log(&log, COMMANDS)?;
    let requests = api.requests();
    check_places(&requests.get(1).context("there was no second request")?.text())?;
    let last = api.last()?.text();
    for number in 0..COMMANDS {
        let told = last.matches(&format!("| printed by {number}\n")).count();
        ensure!(told == 1, "the output of {number} was reported {told} times");
    }
    ensure!(
        last.matches("completed with exit code 0 after").count() == COMMANDS,
        "not all were reported"
    );
    Ok(())
}

/// The model reads the place of each command that waits, and nothing of those that run.
fn check_places(text: &str) -> Result<()> {
    let said = (0..COMMANDS).map(|number| {
        let (_, rest) = text.split_once(&format!("(\"number {number}\") is number "))?;
        rest.split_once(" in the queue: at most 2 at once (").map(|(place, _)| place)
    });
    let said: Vec<Option<&str>> = said.collect();
    let places = [None, None, Some("1"), Some("2"), Some("3"), Some("4"), Some("5"), Some("6")];
    ensure!(said == places, "the model reads of these places in the queue: {said:?}");
    Ok(())
}

/// Checks that never more commands run than there are slots, and that none gets a slot before an earlier one.
///
/// Two that get a slot at the same moment may write in any order. So a start says that all earlier commands have a slot
/// too, written or not.
pub(super) fn check_log(log: &str, commands: usize) -> Result<()> {
    let (mut started, mut ended) = (BTreeSet::new(), 0_usize);
    for line in log.lines() {
        match line.split_once(' ') {
            Some(("start", number)) => drop(started.insert(number.parse::<usize>()?)),
            Some(("end", _)) => ended += 1,
            _ => bail!("a strange line in the log: `{line}`"),
        }
        let have_slot = started.last().map_or(0, |last| last + 1);
        let running = have_slot.checked_sub(ended).context("an end before its start")?;
        ensure!(running <= SLOTS, "{running} of {have_slot} ran at once:\n{log}");
    }
    ensure!(started.into_iter().eq(0..commands), "not all have started:\n{log}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: &[&str]) -> String {
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn too_many_at_once_and_a_wrong_order_are_seen() {
        assert!(check_log(&log(&["start 0", "start 1", "start 2"]), 3).is_err());
        assert!(check_log(&log(&["end 0"]), 0).is_err());
        assert!(check_log(&log(&["start 0", "start 1"]), 3).is_err());
        let overtaken = ["start 0", "start 1", "end 0", "start 3", "end 1", "start 2"];
        assert!(check_log(&log(&overtaken), 4).is_err());
    }

    #[test]
    fn two_that_start_at_the_same_moment_write_in_any_order() {
        let pairs = ["start 1", "start 0", "end 0", "end 1", "start 3", "start 2"];
        check_log(&log(&pairs), 4).unwrap();
    }
}
