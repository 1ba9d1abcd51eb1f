//! Reads `events.jsonl`, and follows it while commits append to it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sisyphus_base::atomic;
use sisyphus_base::paths::StateDir;
use sisyphus_base::sys;

/// How much is read at once, in bytes.
const PIECE: usize = 64 * 1024;
/// Longest line that is read, in bytes: paths may be long.
const LINE_MAX: usize = 64 * 1024;

/// A line that holds what every line does. Fields that this version does not know are in it too.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The line as it is in the file.
    pub text: String,
    pub at: DateTime<Utc>,
    pub fields: Value,
}

impl Line {
    /// `None` for a damaged line.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = str::from_utf8(bytes).ok()?.trim().to_owned();
        let fields: Value = serde_json::from_str(&text).ok()?;
        let is_text = |name: &str| fields.get(name).is_some_and(Value::is_string);
        let is_whole = fields.get("version").is_some_and(Value::is_u64)
            && ["id", "to", "said"].into_iter().all(is_text);
        let at = DateTime::parse_from_rfc3339(fields.get("at")?.as_str()?).ok()?;
        is_whole.then(|| Self { text, at: at.to_utc(), fields })
    }

    /// A field that is text; empty if it is not.
    pub fn text_of(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Reads the lines in order, also while a full file moves aside.
#[derive(Debug)]
pub struct LineReader {
    state: StateDir,
    /// The first one is read now. The last one is the newest that was found.
    files: VecDeque<File>,
    position: u64,
    /// The beginning of a line that has no end yet.
    rest: Vec<u8>,
    /// How many lines could not be read.
    pub damaged: usize,
}

impl LineReader {
    /// Begins with the oldest line.
    pub fn from_start(state: &StateDir) -> Result<Self> {
        let open = |path: &Path| {
            atomic::open(path).with_context(|| format!("could not read `{}`", path.display()))
        };
        let old_path = state.old_events();
        // The newer one is opened first. If it moves aside in between, both are the same file.
        let new = open(&state.events())?;
        let is_same = |new: &File| sys::is_at(new, &old_path).unwrap_or(false);
        let old = if new.as_ref().is_some_and(is_same) { None } else { open(&old_path)? };
        let files = old.into_iter().chain(new).collect();
        Ok(Self { state: state.clone(), files, position: 0, rest: Vec::new(), damaged: 0 })
    }

    /// Begins with the next line that a commit appends.
    pub fn from_end(state: &StateDir) -> Result<Self> {
        let mut reader = Self::from_start(state)?;
        while reader.files.len() > 1 {
            reader.files.pop_front();
        }
        if let Some(file) = reader.files.front_mut() {
            reader.position = file.seek(SeekFrom::End(0)).context("could not read the events")?;
        }
        Ok(reader)
    }

    /// Hands on each line up to the present end, unless `each` breaks.
    pub fn read(
        &mut self,
        mut each: impl FnMut(Line) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        loop {
            if self.read_file(&mut each)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if self.files.len() <= 1 {
                let Some(newer) = self.find_newer()? else {
                    return Ok(ControlFlow::Continue(()));
                };
                self.files.push_back(newer);
                // What was appended between the last read and the move.
                if self.files.len() > 1 && self.read_file(&mut each)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            if self.files.len() > 1 {
                self.files.pop_front();
                self.damaged += usize::from(!self.rest.trim_ascii().is_empty());
            }
            self.rest.clear();
            self.position = 0;
        }
    }

    /// Opens the file that has taken the place of the one that is read.
    fn find_newer(&self) -> Result<Option<File>> {
        let path = self.state.events();
        if self.files.front().is_some_and(|file| sys::is_at(file, &path).unwrap_or(true)) {
            return Ok(None);
        }
        atomic::open(&path).with_context(|| format!("could not read `{}`", path.display()))
    }

    fn read_file(
        &mut self,
        each: &mut impl FnMut(Line) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        loop {
            let piece = self.piece().context("could not read the events")?;
            if piece.is_empty() {
                return Ok(ControlFlow::Continue(()));
            }
            for part in piece.split_inclusive(|&byte| byte == b'\n') {
                if self.rest.len() <= LINE_MAX {
                    self.rest.extend_from_slice(part);
                }
                if !part.ends_with(b"\n") {
                    continue;
                }
                let line = std::mem::take(&mut self.rest);
                match Line::parse(&line) {
                    Some(line) => {
                        if each(line)?.is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                    None if line.trim_ascii().is_empty() => {}
                    None => self.damaged += 1,
                }
            }
        }
    }

    fn piece(&mut self) -> io::Result<Vec<u8>> {
        let Some(file) = self.files.front_mut() else { return Ok(Vec::new()) };
        let length = file.metadata()?.len();
        if length < self.position {
            // A commit took back what a full disk had left of it.
            self.position = length;
            self.rest.clear();
        }
        file.seek(SeekFrom::Start(self.position))?;
        let mut piece = vec![0; PIECE];
        let count = file.read(&mut piece)?;
        piece.truncate(count);
        self.position += count as u64;
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use sisyphus_testing::TempDir;

    use super::*;

    fn line(number: usize) -> String {
        format!(
            "{{\"version\":1,\"at\":\"2026-11-28T10:00:00Z\",\"id\":\"t{number}\",\"to\":\"running\",\
             \"said\":\"runs\",\"later\":[1]}}\n"
        )
    }

    fn append(state: &StateDir, text: &str) {
        sys::append_own_file(&state.events()).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn ids(reader: &mut LineReader) -> String {
        let mut ids = Vec::new();
        let read = reader.read(|line| {
            ids.push(line.text_of("id").to_owned());
            Ok(ControlFlow::Continue(()))
        });
        assert!(read.unwrap().is_continue());
        ids.join(" ")
    }

    #[test]
    fn both_files_are_read_in_order() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        assert_eq!(ids(&mut LineReader::from_start(&state).unwrap()), "");
        fs::write(state.old_events(), line(1) + "{\"version\":1}\n\nno line\n" + &line(2)).unwrap();
        append(&state, &line(3));
        append(&state, "half");
        let mut reader = LineReader::from_start(&state).unwrap();
        assert_eq!((ids(&mut reader).as_str(), reader.damaged), ("t1 t2 t3", 2));
        let mut reader = LineReader::from_end(&state).unwrap();
        assert_eq!(ids(&mut reader), "");
        append(&state, &format!("\n{}", line(4)));
        assert_eq!(ids(&mut reader), "t4");
    }

    /// A reader follows through moves, missing files and half lines.
    #[test]
    fn a_reader_follows_every_change() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        let mut reader = LineReader::from_end(&state).unwrap();
        let half = line(2);
        append(&state, &(line(1) + &half[..20]));
        assert_eq!(ids(&mut reader), "t1");
        append(&state, &half[20..]);
        append(&state, &line(3));
        fs::rename(state.events(), state.old_events()).unwrap();
        assert_eq!(ids(&mut reader), "t2 t3");
        append(&state, &line(4));
        assert_eq!(ids(&mut reader), "t4");
        fs::remove_file(state.events()).unwrap();
        assert_eq!(ids(&mut reader), "");
        append(&state, &line(5));
        assert_eq!(ids(&mut reader), "t5");
        // A commit takes back what a full disk left of it.
        append(&state, "half");
        assert_eq!(ids(&mut reader), "");
        let events = fs::OpenOptions::new().write(true).open(state.events()).unwrap();
        events.set_len(events.metadata().unwrap().len() - 4).unwrap();
        assert_eq!(ids(&mut reader), "");
        append(&state, &line(6));
        assert_eq!((ids(&mut reader).as_str(), reader.damaged), ("t6", 0));
    }

    #[test]
    fn reading_stops_where_it_is_asked_to() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        append(&state, &(line(1) + &line(2)));
        let mut reader = LineReader::from_start(&state).unwrap();
        let mut count = 0;
        let read = reader.read(|_| {
            count += 1;
            Ok(ControlFlow::Break(()))
        });
        assert_eq!((read.unwrap(), count), (ControlFlow::Break(()), 1));
    }
}
