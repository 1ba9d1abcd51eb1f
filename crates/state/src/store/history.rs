//! Finished tasks: the newest two hundred in `completed.json` and `failed.json`, older ones in `archive/YYYY-MM.jsonl`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use sisyphus_base::id::{ClientTaskId, SessionId};
use sisyphus_base::json;
use sisyphus_base::paths::{StateDir, create_dir};
use sisyphus_base::sys;
use sisyphus_tasks::delivery::Revision;
use sisyphus_tasks::outcome::Outcome;
use sisyphus_tasks::task::Task;

use crate::active::adoption::is_of;
use crate::file::{self, Format};

/// How many finished tasks each file keeps.
const KEPT: usize = 200;

/// Finished tasks, oldest first. They stay unparsed text until a reader needs them: adding one costs the same whatever
/// the others contain, and fields from newer versions survive.
#[derive(Debug, Default, Serialize)]
pub struct History {
    version: Format,
    tasks: Vec<Box<RawValue>>,
    /// Every other field of the file.
    #[serde(flatten)]
    others: BTreeMap<String, Box<RawValue>>,
}

impl<'de> Deserialize<'de> for History {
    /// Written by hand, because serde can't keep raw text and collect unknown fields in one struct.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = History;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with tasks")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<History, A::Error> {
        let mut history = History::default();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "version" => drop(map.next_value::<IgnoredAny>()?),
                "tasks" => history.tasks = map.next_value()?,
                _ => drop(history.others.insert(name, map.next_value()?)),
            }
        }
        Ok(history)
    }
}

impl History {
    /// Parses the tasks and leaves out damaged ones.
    pub fn tasks(&self) -> Vec<Task> {
        self.tasks.iter().filter_map(|raw| read(raw)).collect()
    }

    /// What orders the tasks, without those that are damaged there.
    pub(super) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.tasks.iter().filter_map(|raw| Record::read(raw))
    }

    /// The task that Claude Code knows by this id.
    pub(super) fn named(&self, session: &SessionId, id: &ClientTaskId) -> Option<Task> {
        let of_session = |task: &Task| &task.session == session || task.started_in() == session;
        // Few texts contain the id, so few are parsed.
        let texts = self.tasks.iter().rev().filter(|raw| raw.get().contains(id.as_str()));
        let mut tasks = texts.filter_map(|raw| read(raw));
        tasks.find(|task| task.client_id() == Some(id) && of_session(task))
    }

    /// The tasks of a session whose results no reader has received.
    pub(super) fn parked(&self, session: &SessionId) -> Vec<Task> {
        let texts = self.tasks.iter().filter(|raw| raw.get().contains(session.as_str()));
        let tasks = texts.filter_map(|raw| read(raw));
        tasks.filter(|task| &task.session == session && !task.delivery().is_settled()).collect()
    }

    /// The delegated sessions and kept commands of a project whose results no reader has received.
    pub(super) fn parked_in(&self, project: &Path) -> Vec<Task> {
        // Few texts contain one of the fields, so few are parsed.
        let outlives =
            |text: &str| ["\"delegated\"", "\"survival\""].iter().any(|it| text.contains(it));
        let texts = self.tasks.iter().filter(|raw| outlives(raw.get()));
        let tasks = texts.filter_map(|raw| read(raw));
        tasks.filter(|task| is_of(task, project) && !task.delivery().is_settled()).collect()
    }

    /// Like [`tasks`](Self::tasks), the newest first. Each is parsed only when the iterator reaches it.
    pub fn newest(&self) -> impl Iterator<Item = Task> {
        self.tasks.iter().rev().filter_map(|raw| read(raw))
    }

    /// Adds tasks at the end, replacing those with the same id.
    fn add(&mut self, tasks: &[&Task]) -> Result<()> {
        for task in tasks {
            let key = serde_json::to_string(&task.id)?;
            // Ids never need escaping, so the text tells them apart without a parse.
            self.tasks.retain(|raw| !starts_with_id(raw.get(), &key));
            self.tasks.push(RawValue::from_string(String::from_utf8(json::line(task)?)?)?);
        }
        Ok(())
    }

    fn take_overflow(&mut self) -> Vec<Box<RawValue>> {
        let overflow = self.tasks.len().saturating_sub(KEPT);
        self.tasks.drain(..overflow).collect()
    }
}

/// A finished task of which only what orders it is parsed.
pub(super) struct Record<'a> {
    raw: &'a RawValue,
    key: Key,
}

#[derive(Deserialize)]
struct Key {
    #[serde(default)]
    revision: Revision,
    status: End,
}

#[derive(Deserialize)]
struct End {
    ended_at: DateTime<Utc>,
}

impl<'a> Record<'a> {
    fn read(raw: &'a RawValue) -> Option<Self> {
        Some(Self { raw, key: serde_json::from_slice(raw.get().as_bytes()).ok()? })
    }

    /// The last that ended comes first, and of two copies the newer one.
    pub(super) fn order(&self) -> impl Ord + use<> {
        Reverse((self.key.status.ended_at, self.key.revision))
    }

    /// `None` for a damaged one.
    pub(super) fn task(&self) -> Option<Task> {
        read(self.raw)
    }
}

/// `None` for a damaged one.
fn read(raw: &RawValue) -> Option<Task> {
    serde_json::from_slice(raw.get().as_bytes()).ok()
}

/// Whether the JSON text of a task begins with this id; `id` is the first field that we write.
fn starts_with_id(raw: &str, quoted_id: &str) -> bool {
    let rest = raw.trim_start_matches(['{', ' ', '\n', '\r', '\t']);
    rest.strip_prefix("\"id\"")
        .is_some_and(|rest| rest.trim_start_matches([':', ' ']).starts_with(quoted_id))
}

/// Records finished tasks. The caller holds the lock.
pub(super) fn record(state: &StateDir, finished: &[Task]) -> Result<()> {
    let (completed, failed): (Vec<&Task>, Vec<&Task>) =
        finished.iter().partition(|task| is_completed(task));
    for (path, tasks) in [(state.completed(), completed), (state.failed(), failed)] {
        if tasks.is_empty() {
            continue;
        }
        let (mut history, _): (History, _) = file::read_or_set_aside(&path)?;
        history.add(&tasks)?;
        let older = history.take_overflow();
        // Archive them before they leave this file: a task in both counts once.
        archive(state, &older)?;
        file::write(&path, &history)?;
    }
    Ok(())
}

fn is_completed(task: &Task) -> bool {
    task.status().ending().is_some_and(|ending| ending.outcome == Outcome::Completed)
}

fn archive(state: &StateDir, tasks: &[Box<RawValue>]) -> Result<()> {
    if tasks.is_empty() {
        return Ok(());
    }
    let dir = state.archive_dir();
    create_dir(&dir)?;
    let path = dir.join(format!("{}.jsonl", Utc::now().format("%Y-%m")));
    let mut lines = String::new();
    for raw in tasks {
        // Raw text may hold line breaks between its fields; a line of the archive may not.
        let value: serde_json::Value = serde_json::from_str(raw.get())?;
        // A killed process may have left half a line: begin a new one.
        lines.push('\n');
        lines.push_str(&value.to_string());
    }
    sys::append_private_file(&path)
        .and_then(|mut file| file.write_all(lines.as_bytes()))
        .with_context(|| format!("could not append to `{}`", path.display()))
}

/// Every archived task, oldest month first. Damaged lines are skipped; errors go to `warn`.
pub(super) fn read_archive(state: &StateDir, warn: impl Fn(&anyhow::Error)) -> Vec<Task> {
    let Ok(entries) = fs::read_dir(state.archive_dir()) else { return Vec::new() };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    let mut tasks = Vec::new();
    for path in paths {
        let read = fs::read(&path).with_context(|| format!("could not read `{}`", path.display()));
        match read {
            Ok(bytes) => {
                let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
                let (read, damaged): (Vec<_>, Vec<_>) =
                    lines.map(serde_json::from_slice::<Task>).partition(Result::is_ok);
                tasks.extend(read.into_iter().flatten());
                if !damaged.is_empty() {
                    let (count, path) = (damaged.len(), path.display());
                    warn(&anyhow::anyhow!("left out {count} damaged lines of `{path}`"));
                }
            }
            Err(error) => warn(&error),
        }
    }
    tasks
}

#[cfg(test)]
mod tests {
    use sisyphus_tasks::outcome::Outcome;
    use sisyphus_tasks::task::samples::finished;
    use sisyphus_testing::TempDir;

    use super::*;

    fn file_away(state: &StateDir, tasks: &[Task]) {
        record(state, tasks).unwrap();
    }

    fn archived(state: &StateDir) -> Vec<Task> {
        read_archive(state, |error| panic!("{error:#}"))
    }

    #[test]
    fn the_newest_stay_and_the_rest_is_archived() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        for number in 0..205 {
            file_away(&state, &[finished(&format!("t{number}"), Outcome::Completed)]);
        }
        file_away(&state, &[finished("f1", Outcome::Failed { exit_code: 1 })]);

        let completed = file::read::<History>(&state.completed()).unwrap().tasks();
        assert_eq!(completed.len(), 200);
        assert_eq!(completed[0].id.as_str(), "t5");
        let newest = file::read::<History>(&state.completed()).unwrap().newest().next().unwrap();
        assert_eq!(newest.id.as_str(), "t204");
        let archived = archived(&state);
        assert_eq!(archived.len(), 5);
        assert_eq!(archived[0].id.as_str(), "t0");
        assert_eq!(file::read::<History>(&state.failed()).unwrap().tasks().len(), 1);
    }

    #[test]
    fn recording_twice_keeps_one() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        for _ in 0..2 {
            file_away(
                &state,
                &[finished("t1", Outcome::Completed), finished("t11", Outcome::Completed)],
            );
        }
        assert_eq!(file::read::<History>(&state.completed()).unwrap().tasks().len(), 2);
    }
}
