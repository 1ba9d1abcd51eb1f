//! `sisyphus stats`: how often commands and delegated sessions ran, how they ended, how long they ran, what they cost.

mod sessions;
mod spread;
mod tally;

use std::collections::BTreeMap;

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args as ClapArgs;
use serde_json::json;
use sisyphus_base::text::one_line;
use sisyphus_control::{HistoryDepth, Tasks};
use sisyphus_tasks::outcome::duration;
use sisyphus_tasks::task::{Kind, Task};

use crate::print;
use crate::screen;
use crate::style::Hue;
use crate::table::{self, Cell, Column};
use sessions::Sessions;
use tally::Tally;

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "OK is the part that completed, of the runs that completed, failed, were killed or timed out. \
Runs that were cancelled, lost or skipped, or whose exit code is unknown, count in RUNS and not in OK."
)]
pub(crate) struct Stats {
    /// Count only commands that ended within this many days.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    days: Option<u32>,
    /// List at most N commands, the most frequent first.
    #[arg(long, default_value_t = 20, value_name = "N")]
    top: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

const COLUMNS: [Column; 7] = [
    Column::right("RUNS", 0),
    Column::right("OK", 0),
    Column::right("MEDIAN", 8),
    Column::right("P95", 8).may_go(5),
    Column::right("WAIT", 0).may_go(4),
    Column::right("WAIT P95", 0).may_go(3),
    Column::left("COMMAND", 0).may_shrink_to(8),
];
/// Widest command when no terminal sets a limit, in characters, and how much of a command is read.
const COMMAND_MAX: usize = 60;
const LONGEST_COMMAND: usize = 500;

/// Prints the figures.
pub(crate) fn stats(options: &Stats) -> Result<()> {
    let tasks = Tasks::read(HistoryDepth::Archive, print::warn)?;
    let since = options.days.map(|days| {
        let span = TimeDelta::days(i64::from(days));
        Utc::now().checked_sub_signed(span).unwrap_or(DateTime::<Utc>::MIN_UTC)
    });
    let is_since = |task: &Task| task.status().ending().map(|it| it.ended_at) >= since;
    let mut all = Tally::default();
    let mut sessions = Sessions::default();
    tasks.ended.iter().filter(|task| is_since(task)).for_each(|task| sessions.add(task));
    let mut by_command: BTreeMap<String, Tally> = BTreeMap::new();
    for task in tasks.ended.iter().filter(|task| is_command(task) && is_since(task)) {
        all.add(task);
        by_command.entry(name(&task.command)).or_default().add(task);
    }
    let mut commands: Vec<(String, Tally)> = by_command.into_iter().collect();
    // The sort is stable, so equal counts stay in the order of their names.
    commands.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.runs()));
    commands.truncate(options.top);
    let not_ended = tasks.active.iter().filter(|task| is_command(task)).count();
    if options.json {
        let mut views: Vec<_> = commands.iter().map(|(_, tally)| tally.view()).collect();
        for (view, (command, _)) in views.iter_mut().zip(&commands) {
            view["command"] = json!(command);
        }
        return print::json(json!({
            "since": since, "not_ended": not_ended, "total": all.view(), "commands": views,
            "sessions_total": sessions.total_view(), "sessions": sessions.views(),
        }));
    }
    let commands = match all.runs() {
        0 if sessions.runs() > 0 => String::new(),
        0 => "No background command has ended yet.\n".to_owned(),
        _ => text(&all, &commands),
    };
    let sessions = if sessions.runs() > 0 { sessions.text() } else { String::new() };
    let gap = if commands.is_empty() || sessions.is_empty() { "" } else { "\n" };
    print::out(&format!("{commands}{gap}{sessions}"))
}

/// Agents and sessions are left out: their times would blur those of the commands.
fn is_command(task: &Task) -> bool {
    matches!(task.kind, Kind::Command | Kind::Service)
}

/// The command on one line. Commands that differ only in spaces are the same.
fn name(command: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().collect();
    one_line(&words.join(" "), LONGEST_COMMAND)
}

fn text(all: &Tally, commands: &[(String, Tally)]) -> String {
    let width = screen::width_of_output();
    let most = width.map_or(COMMAND_MAX, |_| LONGEST_COMMAND);
    let named = commands
        .iter()
        .map(|(command, tally)| (tally, Cell::from(screen::fit(command, most))))
        .chain([(all, Cell::of(Hue::Title, "all commands"))]);
    let table = if all.has_usage() {
        let [runs, ok, median, p95, wait, wait_p95, command] = COLUMNS;
        let cpu = Column::right("CPU", 0).may_go(2);
        let largest = Column::right("LARGEST PROCESS", 0).may_go(1);
        let columns = [runs, ok, median, p95, wait, wait_p95, cpu, largest, command];
        let rows = named.map(|(tally, command)| {
            let [runs, ok, median, p95, wait, wait_p95, command] = row(tally, command);
            let [cpu, largest] = tally.usage();
            [runs, ok, median, p95, wait, wait_p95, cpu, largest, command]
        });
        table::text(&columns, &rows.collect::<Vec<_>>())
    } else {
        let rows = named.map(|(tally, command)| row(tally, command));
        table::text(&COLUMNS, &rows.collect::<Vec<_>>())
    };
    format!("{table}\n{}\n", all.said())
}

fn row(tally: &Tally, command: Cell) -> [Cell; 7] {
    let time = |ms: Option<u64>| Cell::from(ms.map_or_else(|| "-".to_owned(), duration));
    [
        Cell::from(tally.runs().to_string()),
        tally.rate(),
        time(tally.durations.median()),
        time(tally.durations.p95()),
        time(tally.waits.median()),
        time(tally.waits.p95()),
        command,
    ]
}
