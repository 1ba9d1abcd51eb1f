//! A state that can be restored, so that each round starts from the same one.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};

/// So old that no runner takes it for a recent end.
const LONG_AGO: Duration = Duration::from_secs(60);

/// The files of a state folder. The archive and the outputs stay as they are: nothing reads them again.
pub(crate) struct Snapshot {
    state: PathBuf,
    kept: PathBuf,
}

impl Snapshot {
    /// Copies the files of `state` to a folder beside it.
    pub(crate) fn take(state: &Path) -> Result<Self> {
        let snapshot = Self { state: state.to_owned(), kept: state.with_extension("kept") };
        copy_files(&snapshot.state, &snapshot.kept)?;
        Ok(snapshot)
    }

    /// Restores the state.
    pub(crate) fn restore(&self) -> Result<()> {
        let found = files(&self.state)?.into_iter();
        // Lock files may be in use, and hold no data.
        for path in found.filter(|path| path.extension().is_none_or(|it| it != "lock")) {
            match fs::remove_file(&path) {
                // The notifier removes its notes by itself when it has taken them.
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error)
                        .with_context(|| format!("could not remove `{}`", path.display()));
                }
                _ => {}
            }
        }
        copy_files(&self.kept, &self.state)?;
        calm(&self.state)
    }
}

/// Moves the last end into the past: a runner that ends right after another one waits for further ends.
pub(crate) fn calm(state: &Path) -> Result<()> {
    let path = state.join("runners.lock");
    let lock = File::options().create(true).append(true).open(&path);
    lock.and_then(|lock| lock.set_modified(SystemTime::now() - LONG_AGO))
        .with_context(|| format!("could not touch `{}`", path.display()))
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("could not create `{}`", to.display()))?;
    for path in files(from)?.into_iter().filter(|path| !may_change(path)) {
        fs::copy(&path, to.join(path.file_name().unwrap_or_default()))
            .with_context(|| format!("could not copy `{}`", path.display()))?;
    }
    Ok(())
}

/// The files of processes that may be running: locks, and notes for the notifier.
fn may_change(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Also a new one that is not renamed yet.
    name.ends_with(".lock")
        || ["notify.json", "terminal.json"].iter().any(|it| name.starts_with(it))
}

/// The files of a folder; none if the folder does not exist.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_as_it_was() {
        let folder = std::env::temp_dir().join(format!("snapshot-{}", std::process::id()));
        let state = folder.join("state");
        fs::create_dir_all(&state).unwrap();
        fs::write(state.join("active.json"), "one").unwrap();
        let snapshot = Snapshot::take(&state).unwrap();
        fs::write(state.join("active.json"), "changed").unwrap();
        fs::write(state.join("notify.json"), "new").unwrap();
        snapshot.restore().unwrap();
        assert_eq!(fs::read_to_string(state.join("active.json")).unwrap(), "one");
        assert!(!state.join("notify.json").exists());
        let touched = state.join("runners.lock").metadata().unwrap().modified().unwrap();
        assert!(touched.elapsed().unwrap() >= LONG_AGO);
        fs::remove_dir_all(folder).unwrap();
    }
}
