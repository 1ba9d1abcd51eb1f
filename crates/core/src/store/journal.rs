//! A change of several files as one: prepared beside them, announced in `journal.json`, then put in place.
//!
//! Whoever takes the lock next finishes what a killed process has announced. Before the announcement nothing has
//! happened; what was prepared by then is overwritten by the next change.

use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::file::{self, Format};
use crate::paths::StateDir;
use crate::sys;

/// `journal.json`: what is prepared and announced.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Journal {
    #[serde(default)]
    version: Format,
    #[serde(default)]
    steps: Vec<Step>,
}

/// What is to be done with one prepared file. Paths are relative to the state folder, which may be moved.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    /// It takes the place of this one.
    Replace(Name),
    /// Its content goes behind the first `length` bytes of this one.
    Append { to: Name, length: u64 },
}

/// A file of the state folder that is changed by way of the journal: no other is touched, whatever a journal says. One
/// that says otherwise is as broken as one that does not parse.
#[derive(Debug, Serialize, Deserialize)]
#[serde(try_from = "PathBuf")]
struct Name(PathBuf);

impl TryFrom<PathBuf> for Name {
    type Error = anyhow::Error;

    fn try_from(path: PathBuf) -> Result<Self> {
        let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        let is_known = match path.parent() {
            Some(folder) => {
                [Path::new(""), Path::new("outbox"), Path::new("archive")].contains(&folder)
            }
            None => false,
        };
        let is_state = path.extension().is_some_and(|end| end == "json" || end == "jsonl");
        anyhow::ensure!(is_plain && is_known && is_state, "`{}` is no state file", path.display());
        Ok(Self(path))
    }
}

/// What is prepared and has not happened.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    state: &'a StateDir,
    steps: Vec<Step>,
}

impl<'a> Prepared<'a> {
    pub(crate) fn new(state: &'a StateDir) -> Self {
        Self { state, steps: Vec::new() }
    }

    /// Prepares a file of the state folder to be replaced by `bytes`.
    pub(crate) fn replace(&mut self, path: &Path, bytes: &[u8]) -> Result<()> {
        let name = self.prepare(path, bytes)?;
        self.steps.push(Step::Replace(name));
        Ok(())
    }

    /// Prepares `text` to be appended to a file of the state folder: once for each file.
    pub(crate) fn append(&mut self, path: &Path, text: &str) -> Result<()> {
        let length = match path.metadata() {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => {
                return Err(error).with_context(|| format!("could not read `{}`", path.display()));
            }
        };
        let to = self.prepare(path, text.as_bytes())?;
        self.steps.push(Step::Append { to, length });
        Ok(())
    }

    fn prepare(&self, path: &Path, bytes: &[u8]) -> Result<Name> {
        let name = path.strip_prefix(self.state.root()).context("a state file lies elsewhere")?;
        let name = Name::try_from(name.to_owned())?;
        let next = beside(path);
        write(&next, bytes).with_context(|| format!("could not write `{}`", next.display()))?;
        Ok(name)
    }

    /// How much is prepared, for [`Self::truncate`].
    pub(crate) fn count(&self) -> usize {
        self.steps.len()
    }

    /// Forgets what was prepared behind the first `count`.
    pub(crate) fn truncate(&mut self, count: usize) {
        self.steps.truncate(count);
    }

    /// Makes it happen, all or nothing. The caller holds the lock.
    pub(crate) fn commit(self) -> Result<()> {
        match self.steps.as_slice() {
            [] => Ok(()),
            // One rename is all or nothing by itself.
            [step @ Step::Replace(_)] => step.take(self.state),
            _ => {
                let journal = Journal { version: Format, steps: self.steps };
                file::write(&self.state.journal(), &journal)?;
                finish(self.state)
            }
        }
    }
}

/// Whether a process has announced a change and not finished it yet: it is about to, or it was killed.
pub(crate) fn is_announced(state: &StateDir) -> bool {
    state.journal().exists()
}

/// Finishes what a process has announced that was killed over it. The caller holds the lock.
pub(crate) fn finish(state: &StateDir) -> Result<()> {
    let path = state.journal();
    // Nearly always there is none: that costs one failed look.
    if !is_announced(state) {
        return Ok(());
    }
    let journal: Journal = file::read_or_set_aside(&path)?;
    for step in &journal.steps {
        step.take(state)?;
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("could not remove `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

impl Step {
    /// Takes the step; one that was taken already is none.
    fn take(&self, state: &StateDir) -> Result<()> {
        match self {
            Self::Replace(Name(name)) => {
                let path = state.root().join(name);
                unless_taken(fs::rename(beside(&path), &path))
                    .with_context(|| format!("could not replace `{}`", path.display()))
            }
            Self::Append { to: Name(name), length } => {
                let path = state.root().join(name);
                unless_taken(append(&path, *length))
                    .with_context(|| format!("could not append to `{}`", path.display()))
            }
        }
    }
}

/// What was prepared is gone once its step was taken.
fn unless_taken(taken: io::Result<()>) -> io::Result<()> {
    match taken {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Cuts the file off first: whoever was killed may have written a part. It is not made longer: somebody may have removed
/// it meanwhile.
fn append(path: &Path, length: u64) -> io::Result<()> {
    let prepared = beside(path);
    let text = fs::read(&prepared)?;
    let mut file = sys::open_lock_file(path)?;
    file.set_len(length.min(file.metadata()?.len()))?;
    file.seek(SeekFrom::End(0))?;
    file.write_all(&text)?;
    fs::remove_file(prepared)
}

/// Not through a temporary file: until it is announced nobody reads it.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file: File = sys::open_lock_file(path)?;
    file.set_len(0)?;
    file.write_all(bytes)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".next");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sisyphus_testing::TempDir;

    #[test]
    fn what_is_announced_happens_whenever_its_process_was_killed() {
        for taken in 0..3 {
            let dir = TempDir::new();
            let state = StateDir::at(dir.path());
            let [one, log] = ["one.json", "log.jsonl"].map(|name| dir.path().join(name));
            fs::write(&log, "before\n").unwrap();
            let mut prepared = Prepared::new(&state);
            prepared.replace(&one, b"new").unwrap();
            prepared.append(&log, "behind\n").unwrap();
            let steps = prepared.steps;
            // Not announced: nothing has happened.
            finish(&state).unwrap();
            assert!(!one.exists());
            let journal = Journal { version: Format, steps };
            file::write(&state.journal(), &journal).unwrap();
            journal.steps.iter().take(taken).for_each(|step| step.take(&state).unwrap());
            if taken == 1 {
                // Killed in the middle of the append.
                fs::write(&log, "before\nbeh").unwrap();
            }
            finish(&state).unwrap();
            finish(&state).unwrap();
            assert_eq!(fs::read_to_string(&one).unwrap(), "new", "{taken}");
            assert_eq!(fs::read_to_string(&log).unwrap(), "before\nbehind\n", "{taken}");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "{taken}");
        }
    }

    #[test]
    fn what_a_killed_process_prepared_and_did_not_announce_is_overwritten() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        let one = dir.path().join("one.json");
        Prepared::new(&state).replace(&one, b"a longer one that never was").unwrap();
        let mut prepared = Prepared::new(&state);
        prepared.replace(&one, b"new").unwrap();
        prepared.commit().unwrap();
        assert_eq!(fs::read_to_string(&one).unwrap(), "new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
