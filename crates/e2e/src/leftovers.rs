//! What a scenario leaves outside its folder. The plugin keeps runs and announcements in Claude Code's temporary
//! folder, which is one place for all of a user's sessions.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sisyphus_harness::{remove, sys};

/// The state folder, and that of 0.1.0.
const STATES: [&str; 2] = ["plugins/data/sisyphus/state", ".sisyphus/background-tasks"];

/// Where Claude Code keeps its tasks.
fn client_tmp() -> PathBuf {
    PathBuf::from(format!("/tmp/claude-{}", sys::user_id()))
}

/// Removes a scenario's folder, and what the processes of its homes left elsewhere.
pub(super) fn sweep(scenario: &Path) -> Result<()> {
    remove_of(scenario)?;
    remove_clients_own(scenario)?;
    remove(scenario)
}

/// Removes run folders and announcements of the tasks that the homes in this folder have recorded. If a task's client
/// was killed, or no shell claimed the task, no other process removes them.
fn remove_of(scenario: &Path) -> Result<()> {
    let root = client_tmp().join("sisyphus");
    let recorded: String = entries(scenario)?
        .iter()
        .flat_map(|home| STATES.map(|state| home.join("home/.claude").join(state)))
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
        for announcement in entries(&session)? {
            // Its name holds its place and its task.
            let task = file_name(&announcement).split_once('-').map(|(_, task)| task);
            if task.is_some_and(is_recorded) {
                remove(&announcement)?;
            }
        }
        // Another checkout may run the same scenario, whose sessions have the same names.
        let _ = fs::remove_dir(&session);
    }
    Ok(())
}

/// Removes what Claude Code keeps for the projects of the homes in this folder.
fn remove_clients_own(scenario: &Path) -> Result<()> {
    let homes: Vec<String> =
        entries(scenario)?.iter().map(|home| format!("{}-", flattened(home))).collect();
    for project in entries(&client_tmp())? {
        if homes.iter().any(|home| file_name(&project).starts_with(home)) {
            remove(&project)?;
        }
    }
    Ok(())
}

/// Claude Code's name for a folder: everything except letters and digits becomes a dash.
pub(crate) fn flattened(folder: &Path) -> String {
    let text = folder.to_string_lossy();
    text.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect()
}

/// The text of every file of a state folder, concatenated.
fn records(state: &Path) -> Result<String> {
    let mut text = String::new();
    for path in entries(state)? {
        if path.is_dir() {
            text += &records(&path)?;
        } else if path.extension().is_some_and(|it| it == "json" || it == "jsonl") {
            let bytes =
                fs::read(&path).with_context(|| format!("could not read `{}`", path.display()))?;
            text += &String::from_utf8_lossy(&bytes);
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
