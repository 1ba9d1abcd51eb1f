//! `sisyphus timeline`: the last hours, one bar per task, as text or as a picture.

mod span;
mod svg;
mod text;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args as ClapArgs;
use serde_json::json;
use sisyphus_control::{HistoryDepth, Tasks};
use sisyphus_tasks::task::Task;

use crate::print;
use crate::screen;
use crate::style::Paint;
use crate::view::views;
use span::Span;

#[derive(Debug, ClapArgs)]
pub(crate) struct Timeline {
    /// Show this many hours.
    #[arg(long, default_value_t = 3.0, value_parser = hours)]
    hours: f64,
    /// Show at most N tasks, the newest ones.
    #[arg(long, default_value_t = 50, value_name = "N")]
    last: usize,
    /// Write a picture to this file instead.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    svg: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The width when no terminal sets a limit.
const USUAL_WIDTH: usize = 100;

/// What is shown: a span of time, and the tasks in it.
#[derive(Debug)]
pub(crate) struct Chart {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    spans: Vec<Span>,
}

impl Chart {
    /// How many of `parts` of the chart lie before this time.
    fn parts_before(&self, at: DateTime<Utc>, parts: i64) -> i64 {
        let whole = (self.to - self.from).num_milliseconds().max(1);
        let passed = (at - self.from).num_milliseconds().clamp(0, whole);
        passed.saturating_mul(parts) / whole
    }
}

/// Prints the text, or writes the picture.
pub(crate) fn timeline(options: &Timeline) -> Result<()> {
    let tasks = Tasks::read(HistoryDepth::Archive, print::warn)?;
    let to = Utc::now();
    #[expect(clippy::cast_possible_truncation, reason = "checked when it was read")]
    let earliest = to - TimeDelta::milliseconds((options.hours * 3_600_000.0) as i64);
    let shown = shown(&tasks, earliest, to, options.last).into_iter();
    let (spans, shown): (Vec<Span>, Vec<&Task>) = shown.unzip();
    // Empty hours before the first task would only narrow the bars.
    let first = spans.iter().map(|span| span.begin).min().unwrap_or(earliest);
    // So would the hours since the last one ended, if nothing goes on.
    let last = spans.iter().map(|span| span.end).max().unwrap_or(to).min(to);
    let from = first.max(earliest).min(last - TimeDelta::seconds(1));
    let chart = Chart { from, to: last, spans };
    if let Some(path) = &options.svg {
        let picture = svg::draw(&chart);
        // Unlike the state, the picture is no secret.
        return std::fs::write(path, picture)
            .with_context(|| format!("could not write `{}`", path.display()));
    }
    if options.json {
        let views = views(shown, tasks.store.dir());
        return print::json(json!({ "from": chart.from, "to": to, "tasks": views }));
    }
    let width = screen::width_of_output().unwrap_or(USUAL_WIDTH);
    print::out(&text::draw(&chart, width, Paint::of_output()))
}

/// The newest tasks of that time, the earliest first.
fn shown(tasks: &Tasks, from: DateTime<Utc>, to: DateTime<Utc>, last: usize) -> Vec<(Span, &Task)> {
    let mut shown: Vec<(Span, &Task)> =
        tasks.active.iter().chain(&tasks.ended).map(|task| (Span::of(task, to), task)).collect();
    shown.retain(|(span, _)| span.end >= from && span.begin <= to);
    shown.sort_by_key(|(span, _)| span.begin);
    let surplus = shown.len().saturating_sub(last);
    shown.split_off(surplus)
}

fn hours(text: &str) -> Result<f64, String> {
    let hours = text.parse().ok();
    // A hundred years.
    let sensible = hours.filter(|hours| *hours > 0.0 && *hours <= 24.0 * 365.0 * 100.0);
    sensible.ok_or_else(|| "give a number of hours above 0, such as 0.5".to_owned())
}
