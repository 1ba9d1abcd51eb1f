//! The process that holds a lock. Windows does not list the holders of locks, and lets no other process read what is
//! locked. So the holder writes its number and its start into a file beside the lock.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use sisyphus_base::atomic;
use sisyphus_base::lock::{Lock, is_held};

use super::processes::program;
use crate::holder::{Holder, PidNamespace};
use crate::identity::ProcessId;

/// Longest file beside a lock that is read, in bytes.
const MAX_BYTES: u64 = 64;

/// Takes a lock by which others find this process.
pub fn hold(lock: &Path, wait: Duration) -> Result<Lock> {
    let held = Lock::acquire(lock, wait)?;
    let ProcessId { pid, start } = ProcessId::own();
    // Without the file the others do not find this process. Its command runs all the same.
    let _ = atomic::write(&beside(lock), format!("{pid} {}", start.unwrap_or(0)).as_bytes());
    Ok(held)
}

/// The process that holds a lock which it has taken with [`hold`]. Any process of this user may have written the file, so
/// the caller looks at the program.
pub fn holder(lock: &Path) -> Result<Option<Holder>> {
    if !is_held(lock).with_context(|| format!("could not inspect `{}`", lock.display()))? {
        return Ok(None);
    }
    let Some(process) = noted(lock).filter(|process| process.is_alive()) else { return Ok(None) };
    let Some(program) = program(process.pid) else { return Ok(None) };
    // The answer above is about any process that had the number.
    Ok(process.is_alive().then(|| Holder {
        process,
        program,
        output: PathBuf::new(),
        numbers: PidNamespace::Ours,
    }))
}

fn noted(lock: &Path) -> Option<ProcessId> {
    let bytes = atomic::read(&beside(lock), MAX_BYTES).ok()??;
    let text = String::from_utf8(bytes).ok()?;
    let (pid, start) = text.split_once(' ')?;
    Some(ProcessId { pid: pid.parse().ok()?, start: Some(start.parse().ok()?) })
}

fn beside(lock: &Path) -> PathBuf {
    let mut name = OsString::from(lock);
    name.push(".holder");
    name.into()
}
