//! What a scenario leaves outside its folder: the plugin keeps runs and announcements where the client has its temporary
//! files, which is one place for all of a user's sessions.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::sys;

/// Where the client keeps its tasks.
pub(super) fn client_tmp() -> PathBuf {
    PathBuf::from(format!("/tmp/claude-{}", sys::user_id()))
}

/// Removes run folders and announcements of the tasks that any home in this folder has recorded. A task whose client was
/// killed, or that no shell took up, has nobody else who would.
pub(super) fn remove_of(scenario: &Path) -> Result<()> {
    let root = client_tmp().join("sisyphus");
    let recorded: String = entries(scenario)?
        .iter()
        .map(|home| home.join("home/.claude/.sisyphus/background-tasks"))
        .map(|state| records(&state))
        .collect::<Result<_>>()?;
    let is_recorded =
        |name: &str| name.starts_with('t') && recorded.contains(&format!("\"{name}\""));
    for run in entries(&root)? {
        if is_recorded(file_name(&run)) {
            remove(&run)?;
        }
    }
    for session in entries(&root.join("announced"))? {
        // Each is called by its place and its task.
        let names = entries(&session)?;
        let tasks = names.iter().filter_map(|name| file_name(name).split_once('-'));
        if tasks.into_iter().any(|(_, task)| is_recorded(task)) {
            remove(&session)?;
        }
    }
    Ok(())
}

/// Every file of a state folder, one behind the other.
fn records(state: &Path) -> Result<String> {
    let mut text = String::new();
    for path in entries(state)? {
        if path.is_dir() {
            text += &records(&path)?;
        } else if path.extension().is_some_and(|it| it == "json" || it == "jsonl") {
            text += &fs::read_to_string(&path)
                .with_context(|| format!("could not read `{}`", path.display()))?;
        }
    }
    Ok(text)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listing = match fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        other => other.with_context(|| format!("could not list `{}`", folder.display()))?,
    };
    listing.map(|entry| Ok(entry?.path())).collect()
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Removes a folder with all that is in it, if it is there.
pub(super) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("could not remove `{}`", folder.display()))
        }
        _ => Ok(()),
    }
}
