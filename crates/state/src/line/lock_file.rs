//! The lock files that make up the queue.
//!
//! A lock file has mode 0200 and is opened for writing only. `flock` works on every file that a process can open, and
//! Claude Code's sandbox lets commands open files for reading that they can't write. So no sandboxed command can hold
//! or see a lock. Beside the lock file is a readable description for people. The runner locks the description too: from
//! that lock, sandboxed runners see what is held outside. No process outside relies on that second lock.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use fs4::{FileExt, TryLockError};
use serde::{Deserialize, Serialize};
use sisyphus_base::atomic::{self, if_found};
use sisyphus_base::id::TaskId;
use sisyphus_base::json;
use sisyphus_base::sys;

/// How often a runner tries a lock that others only probe.
const ATTEMPTS: usize = 50;
/// Largest description, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// Describes a held slot or an entry. For people: no decision depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occupant {
    pub task: TaskId,
    /// The folder that the command was started in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The configuration folder of Claude Code in its session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<String>,
    /// The runner's id in its own process namespace.
    pub pid: u32,
}

/// A held lock file. Dropping it removes the file and releases the lock.
#[derive(Debug)]
pub(super) struct Held {
    path: PathBuf,
    lock: File,
    description: Option<File>,
}

impl Held {
    /// Acquires the lock of `path` if it is free, creating the file.
    pub(super) fn take(path: &Path) -> io::Result<Option<Self>> {
        for _ in 0..ATTEMPTS {
            let file = sys::open_lock_file(path)?;
            match try_exclusive(&file)? {
                // Otherwise the file was removed between open and lock: no other runner would see the lock.
                Taken::Yes if sys::is_at(&file, path)? => return Ok(Some(Self::new(path, file))),
                Taken::Yes | Taken::NotNow => std::thread::yield_now(),
                Taken::No => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Creates and locks a file under the name `unnamed`, then renames it: a runner that sees the file sees it held.
    pub(super) fn create(path: &Path, unnamed: &Path) -> Result<Self> {
        let context = || format!("could not create `{}`", path.display());
        let file = sys::open_lock_file(unnamed).with_context(context)?;
        FileExt::try_lock(&file).map_err(io::Error::from).with_context(context)?;
        fs::rename(unnamed, path).with_context(context)?;
        Ok(Self::new(path, file))
    }

    fn new(path: &Path, lock: File) -> Self {
        Self { path: path.to_owned(), lock, description: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Describes the holder. Best effort: only the lock is binding.
    pub(super) fn describe(&mut self, occupant: &Occupant) {
        self.description = describe(&description_of(&self.path), occupant).ok();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // If the file was removed while it was held, its name may belong to another holder.
        if !sys::is_at(&self.lock, &self.path).unwrap_or(false) {
            return;
        }
        // Remove the names before the locks: a name without a holder means that a process died.
        if self.description.is_some() {
            let _ = fs::remove_file(description_of(&self.path));
        }
        let _ = fs::remove_file(&self.path);
    }
}

/// Writes a locked description in one rename.
fn describe(path: &Path, occupant: &Occupant) -> io::Result<File> {
    atomic::replace_with(path, |mut file| {
        sys::lock_for_readers(&file)?;
        file.write_all(&json::line(occupant)?)?;
        Ok(file)
    })
}

pub(super) fn description_of(path: &Path) -> PathBuf {
    path.with_extension("json")
}

/// The description of the lock file `path`, if it can be read.
pub(super) fn occupant_of(path: &Path) -> Option<Occupant> {
    atomic::read_json(&description_of(path), MAX_BYTES)
}

/// A lock, as this process can see it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watched {
    /// A lock file.
    Lock(PathBuf),
    /// The description beside a lock file that this process can't open.
    Description(PathBuf),
}

impl Watched {
    pub fn path(&self) -> &Path {
        match self {
            Self::Lock(path) | Self::Description(path) => path,
        }
    }

    fn open(&self) -> io::Result<File> {
        match self {
            Self::Lock(path) => sys::open_lock_to_probe(path),
            Self::Description(path) => sys::open_own_file(path),
        }
    }

    /// Waits until it is free, without a timeout: for a thread that does nothing else. A missing file is free.
    pub fn wait_until_open(&self) -> io::Result<()> {
        if_found(self.open())?.map_or(Ok(()), |file| FileExt::lock_shared(&file))
    }

    /// Whether it is held. A file that can't be opened as a lock file is not held.
    pub(super) fn is_held(&self) -> bool {
        let Ok(file) = self.open() else { return false };
        matches!(FileExt::try_lock_shared(&file), Err(TryLockError::WouldBlock))
    }
}

/// Removes a free lock file and its description, under its lock so that no runner acquires it at the same time.
pub(super) fn remove_free(path: &Path) {
    let Ok(file) = sys::open_lock_to_probe(path) else { return };
    if matches!(try_exclusive(&file), Ok(Taken::Yes)) && sys::is_at(&file, path).unwrap_or(false) {
        let _ = fs::remove_file(description_of(path));
        let _ = fs::remove_file(path);
    }
}

/// The result of trying a lock.
enum Taken {
    Yes,
    /// It has a holder.
    No,
    /// Another process probes it.
    NotNow,
}

fn try_exclusive(file: &File) -> io::Result<Taken> {
    match FileExt::try_lock(file) {
        Ok(()) => return Ok(Taken::Yes),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // A probe shares the lock for a moment; a holder does not share it.
    match FileExt::try_lock_shared(file) {
        Ok(()) => Ok(Taken::NotNow),
        Err(TryLockError::WouldBlock) => Ok(Taken::No),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
