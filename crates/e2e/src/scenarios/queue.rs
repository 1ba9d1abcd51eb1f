//! Eight background commands in one message with two slots: never more than two at a time, in the order of their calls,
//! and every one is reported. The model learns at once which of them wait.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::api::{Api, Block, bash, text};
use crate::home::Setup;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

const COMMANDS: usize = 8;
pub(super) const SLOTS: usize = 2;

/// Writes to the file `log` when it starts and when it ends. None ends before all were called, however slow the machine
/// is: each waits for the file `go`.
fn command(number: usize) -> Block {
    let wait = "until [ -e go ]; do sleep 0.1; done; sleep 0.5";
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

/// Checks that all commands started in order, and that never more ran than there are slots.
pub(super) fn check_log(log: &str, commands: usize) -> Result<()> {
    let mut running = 0_usize;
    let mut starts = Vec::new();
    for line in log.lines() {
        match line.split_once(' ') {
            Some(("start", number)) => {
                starts.push(number.parse::<usize>()?);
                running += 1;
            }
            Some(("end", _)) => {
                running = running.checked_sub(1).context("an end before its start")?;
            }
            _ => anyhow::bail!("a strange line in the log: `{line}`"),
        }
        ensure!(running <= SLOTS, "{running} ran at once:\n{log}");
    }
    // The first two start at once, in any order.
    let mut expected: Vec<usize> = (0..commands).collect();
    if starts.first() == Some(&1) {
        expected.swap(0, 1);
    }
    ensure!(starts == expected, "they started in this order: {starts:?}");
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
        assert!(check_log(&log(&["start 0", "start 1", "start 2"]), COMMANDS).is_err());
        assert!(check_log(&log(&["end 0"]), COMMANDS).is_err());
        let mut lines = Vec::new();
        for number in [0, 1, 2, 3, 4, 5, 7, 6] {
            lines.extend([format!("start {number}"), format!("end {number}")]);
        }
        assert!(check_log(&lines.join("\n"), COMMANDS).is_err());
        lines[12..].rotate_left(2);
        check_log(&lines.join("\n"), COMMANDS).unwrap();
    }
}
