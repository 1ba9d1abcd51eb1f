//! Files that killed runners left in the queue. They hold nothing and only take up space.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::lock_file::remove_free;
use super::names;
use super::snapshot::is_held;
use super::{LineTicket, RuntimeDir, slots_of, waiting_of};
use crate::run_root::RunRoot;

/// The folders of the queue outside the sandbox, and of the queues inside.
pub fn folders(runtime: Option<&RuntimeDir>, roots: &[RunRoot]) -> Vec<PathBuf> {
    let lines = runtime.map(RuntimeDir::line).into_iter().chain(roots.iter().map(RunRoot::line));
    let groups = runtime.map(RuntimeDir::groups).into_iter();
    let groups = groups
        .chain(roots.iter().map(RunRoot::groups))
        .flat_map(|dir| names::groups(&dir).unwrap_or_default().into_iter().map(|(_, path)| path));
    let tops: Vec<PathBuf> = lines.chain(groups).collect();
    tops.into_iter().flat_map(|top| [slots_of(&top), waiting_of(&top)]).collect()
}

/// Whether a process that died left this file. A file with a name that we don't use is not ours.
pub fn is_left_behind(path: &Path) -> bool {
    let Some(lock) = lock_of(path) else { return false };
    !is_held(&lock) && !is_held(path)
}

/// Removes such a file, unless a runner holds it again.
pub fn remove_left_behind(path: &Path) -> io::Result<()> {
    if lock_of(path).as_deref() == Some(path) {
        remove_free(path);
        return Ok(());
    }
    fs::remove_file(path)
}

/// The lock file that a file belongs to: the file itself, the one that it describes, or the one that it would have
/// become.
fn lock_of(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let stem = name.split('.').find(|part| !part.is_empty())?;
    let number = stem.strip_prefix("slot-").map(str::parse::<u64>);
    let is_ours = number.is_some_and(|it| it.is_ok()) || LineTicket::parse(stem).is_some();
    is_ours.then(|| path.with_file_name(stem))
}
