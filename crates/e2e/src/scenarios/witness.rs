//! Hooks in the user's settings that record every event of Claude Code.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// Settings whose hooks write each event of these kinds to a file of its own in `folder`.
pub(crate) fn settings(folder: &Path, events: &[&str]) -> Result<Value> {
    fs::create_dir_all(folder)
        .with_context(|| format!("could not create `{}`", folder.display()))?;
    let command = format!(
        "t=$(date +%s%N); cat > '{0}'/.$t-$$ && mv '{0}'/.$t-$$ '{0}'/$t-$$.json",
        folder.display()
    );
    let hook = json!([{ "hooks": [{ "type": "command", "command": command }] }]);
    let hooks: serde_json::Map<String, Value> =
        events.iter().map(|event| ((*event).to_owned(), hook.clone())).collect();
    Ok(json!({ "hooks": hooks }))
}

/// The events so far, in order.
pub(crate) fn seen(folder: &Path) -> Result<Vec<Value>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("could not list `{}`", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
        .iter()
        .map(|file| {
            let text = fs::read_to_string(file)?;
            serde_json::from_str(&text).with_context(|| format!("`{}`", file.display()))
        })
        .collect()
}
