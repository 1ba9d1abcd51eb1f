//! Lists the files of a folder.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use chrono::NaiveDateTime;
use sisyphus_base::id::{ClientTaskId, SessionId, TaskId, ToolUseId};

/// How many entries of one folder are examined. Sandboxed commands can write to some folders.
const ENTRIES: usize = 100_000;

/// An entry of a folder that is not a link.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
}

impl Entry {
    /// Whether it got its place this long ago.
    pub(super) fn is_older(&self, age: Duration, now: SystemTime) -> bool {
        let since = self.set_aside_at().unwrap_or(self.modified);
        now.duration_since(since).unwrap_or_default() >= age
    }

    /// When a broken file was set aside. The time is in its name, because the file itself is as old as its last change.
    fn set_aside_at(&self) -> Option<SystemTime> {
        let (_, stamp) = self.name.rsplit_once(".corrupt-")?;
        let stamp = stamp.strip_suffix(".reason").unwrap_or(stamp);
        Some(NaiveDateTime::parse_from_str(stamp, "%Y%m%dT%H%M%S%3f").ok()?.and_utc().into())
    }

    /// The session whose state file it is, or whose waiter holds it or is named in it.
    pub(super) fn session(&self) -> Option<SessionId> {
        let name = self.name.strip_suffix(".json").or_else(|| self.name.strip_suffix(".lock"))?;
        SessionId::new(name).ok()
    }

    /// The session and the task whose run folder it is.
    pub(super) fn run_of(&self) -> Option<(SessionId, ClientTaskId)> {
        let session = self.path.parent()?.file_name()?.to_str()?;
        Some((SessionId::new(session).ok()?, ClientTaskId::new(self.name.as_str()).ok()?))
    }

    /// Whether it is a copy of the runner, whatever its version.
    pub(super) fn is_runner(&self) -> bool {
        let version = self.name.strip_prefix("sisyphus-run-");
        version.is_some_and(|it| it.starts_with(|first: char| first.is_ascii_digit()))
            && !self.is_temporary()
    }

    /// Whether it says which conversation an instance of Claude Code has left.
    pub(super) fn is_left(&self) -> bool {
        let client = self.name.strip_suffix(".json").unwrap_or_default();
        !client.is_empty() && client.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// The task whose kept output it is.
    pub(super) fn output_of(&self) -> Option<TaskId> {
        let name = self.name.strip_suffix(".log").or_else(|| self.name.strip_suffix(".jsonl"))?;
        TaskId::new(name).ok()
    }

    /// Whether it is a handoff, which is named after a process or a call, or a temporary file for one.
    pub(super) fn is_handoff(&self) -> bool {
        let name = self.name.strip_suffix(".tmp").unwrap_or(&self.name);
        let of_call = name.split_once(".call").filter(|(id, _)| ToolUseId::new(*id).is_ok());
        of_call
            .map_or(name, |(_, rest)| rest)
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-' || byte == b'.')
    }

    /// Whether one of our processes was writing it, or prepared it to replace a state file.
    pub(super) fn is_temporary(&self) -> bool {
        if [".json.next", ".jsonl.next"].iter().any(|end| self.name.strip_suffix(end).is_some()) {
            return true;
        }
        let number = self.name.strip_suffix(".tmp").and_then(|name| name.rsplit_once('.'));
        number.is_some_and(|(_, number)| {
            number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        })
    }

    /// Whether it is a state file that was set aside, or the reason for that.
    pub(super) fn is_corrupt(&self) -> bool {
        // 0.2.0 gave a damaged event the other name.
        let is_aside = self.name.contains(".corrupt-") || self.name.ends_with(".broken");
        is_aside && !self.is_temporary()
    }

    /// Whether it holds finished tasks.
    pub(super) fn is_history(&self) -> bool {
        matches!(self.name.as_str(), "completed.json" | "failed.json")
    }

    /// Whether it holds lines about changes of status.
    pub(super) fn is_events(&self) -> bool {
        matches!(self.name.as_str(), "events.jsonl" | "events.1.jsonl")
    }

    /// Whether it is a month of archived history.
    pub(super) fn is_archive(&self) -> bool {
        self.name.strip_suffix(".jsonl").is_some()
    }
}

pub(super) fn files(dir: &Path) -> Result<Vec<Entry>> {
    list(dir, Metadata::is_file)
}

pub(super) fn folders(dir: &Path) -> Result<Vec<Entry>> {
    list(dir, Metadata::is_dir)
}

/// Lists a folder. A missing folder, or a link in its place, has no entries.
fn list(dir: &Path, is_wanted: fn(&Metadata) -> bool) -> Result<Vec<Entry>> {
    if !dir.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(Vec::new());
    }
    let context = || format!("could not list `{}`", dir.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).with_context(context)?.take(ENTRIES) {
        let entry = entry.with_context(context)?;
        // The entry may be gone. If its name is not valid text, it is not ours.
        let (Ok(metadata), Ok(name)) = (entry.metadata(), entry.file_name().into_string()) else {
            continue;
        };
        let Ok(modified) = metadata.modified() else { continue };
        if is_wanted(&metadata) {
            found.push(Entry { path: entry.path(), name, bytes: metadata.len(), modified });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> Entry {
        Entry { path: name.into(), name: name.to_owned(), bytes: 0, modified: SystemTime::now() }
    }

    #[test]
    fn only_names_that_we_give_are_known() {
        for (name, expected) in [
            ("4026531836-712-99812", true),
            ("4026531836-712-99812.17-0.tmp", true),
            ("toolu_01AbC.call", true),
            ("toolu_01AbC.call.17-0.tmp", true),
            ("toolu_01AbC.calling", false),
            ("id_rsa", false),
            (".bashrc", false),
            ("draft.tmp", false),
        ] {
            assert_eq!(entry(name).is_handoff(), expected, "{name}");
        }
        for (name, expected) in [
            ("active.json.17-0.tmp", true),
            ("t7k2m9qa4.17.tmp", true),
            ("sisyphus-run-0.1.17.tmp", true),
            ("active.json.next", true),
            ("2026-11.jsonl.next", true),
            ("draft.tmp", false),
            ("draft.next", false),
            ("active.json", false),
            ("active.json.17-0", false),
        ] {
            assert_eq!(entry(name).is_temporary(), expected, "{name}");
        }
    }
}
