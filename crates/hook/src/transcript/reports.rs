//! The reports of our hooks that a transcript has. They are read once: thousands of lines of running commands may be on
//! their way to one conversation, and each of them asks.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sisyphus_base::id::TaskId;

use super::{parsed, time_of};

/// What precedes the name of a task.
const BEGIN: &str = "[sisyphus] Background task ";
/// What follows the name of a task that a subagent started.
const OF_SUBAGENT: &str = ", started by a subagent,";

/// The reports of each task.
#[derive(Debug, Default)]
pub(super) struct Reports(BTreeMap<String, Vec<Report>>);

#[derive(Debug)]
struct Report {
    at: Option<DateTime<Utc>>,
    /// How it goes on behind the name of the task.
    predicate: String,
}

impl Reports {
    /// Reads them from those lines of the transcript that have what hooks said.
    pub(super) fn read<'a>(of_hooks: impl Iterator<Item = &'a str>) -> Self {
        let mut reports = Self::default();
        for entry in of_hooks.filter(|line| line.contains(BEGIN)).filter_map(parsed) {
            let at = time_of(&entry);
            let content = &entry["attachment"]["content"];
            let several = content.as_array().into_iter().flatten();
            let texts = several.chain([content]).filter_map(Value::as_str);
            for (task, predicate) in texts.flat_map(str::lines).filter_map(report) {
                let predicate = predicate.to_owned();
                reports.0.entry(task.to_owned()).or_default().push(Report { at, predicate });
            }
        }
        reports
    }

    /// Whether there is one of this task since then that goes on with one of these words.
    pub(super) fn has(&self, id: &TaskId, words: &[&str], since: DateTime<Utc>) -> bool {
        let mut of_task = self.0.get(id.as_str()).into_iter().flatten();
        of_task.any(|report| {
            report.at.is_none_or(|at| at >= since)
                && words.iter().any(|words| report.predicate.starts_with(words))
        })
    }
}

/// The task of a line of what a hook said, and how the line goes on behind its name.
fn report(line: &str) -> Option<(&str, &str)> {
    // A mark may precede it. What a command printed is behind `| `.
    let (_, rest) = line.split_once(BEGIN).filter(|(mark, _)| !mark.starts_with('|'))?;
    let (task, rest) = rest.split_at(rest.find([' ', ','])?);
    let rest = match rest.strip_prefix(" (\"") {
        Some(description) => behind_description(description),
        None => rest,
    };
    let predicate = rest.strip_prefix(OF_SUBAGENT).unwrap_or(rest);
    Some((task, predicate.strip_prefix(' ')?.trim_start()))
}

/// What stands behind a description, in which quotes and backslashes have a backslash before them.
fn behind_description(text: &str) -> &str {
    let is_end = |(at, _): &(usize, &str)| {
        let before = &text[..*at];
        (before.len() - before.trim_end_matches('\\').len()).is_multiple_of(2)
    };
    let end = text.match_indices("\")").find(is_end);
    end.map_or("", |(at, mark)| &text[at + mark.len()..])
}
