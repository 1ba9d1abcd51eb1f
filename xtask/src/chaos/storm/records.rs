//! The state files, read by nothing of ours.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::home::Home;

/// Everything that is recorded.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) active: Vec<Value>,
    /// Every finished task, with the file that it stands in.
    pub(super) finished: Vec<(String, Value)>,
    pub(super) outboxes: BTreeMap<String, Value>,
    /// What is wrong with the files themselves.
    pub(super) broken: Vec<String>,
}

impl Records {
    pub(super) fn read(home: &Home) -> Self {
        let state = home.state();
        let mut records = Self::default();
        let active = records.json(&state.join("active.json"));
        records.active = tasks(&active);
        for name in ["completed.json", "failed.json"] {
            let file = records.json(&state.join(name));
            records.finished.extend(tasks(&file).into_iter().map(|task| (name.to_owned(), task)));
        }
        for path in files(&state.join("archive")) {
            let text = fs::read_to_string(&path).unwrap_or_default();
            for line in text.lines() {
                match serde_json::from_str(line) {
                    Ok(task) => records.finished.push(("archive".to_owned(), task)),
                    Err(error) => records.broken.push(format!("`{}`: {error}", path.display())),
                }
            }
        }
        for path in files(&state.join("outbox")).into_iter().filter(|path| is_json(path)) {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let outbox = records.json(&path);
            records.outboxes.insert(name, outbox);
        }
        for path in files(&state.join("sessions")).into_iter().filter(|path| is_json(path)) {
            records.json(&path);
        }
        for path in files(&state).into_iter().chain(files(&state.join("outbox"))) {
            if path.to_string_lossy().contains(".corrupt-") {
                records.broken.push(format!("`{}` was set aside", path.display()));
            }
        }
        records
    }

    fn json(&mut self, path: &Path) -> Value {
        let Ok(bytes) = fs::read(path) else { return Value::Null };
        serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            self.broken.push(format!("`{}`: {error}", path.display()));
            Value::Null
        })
    }
}

fn tasks(file: &Value) -> Vec<Value> {
    file["tasks"].as_array().cloned().unwrap_or_default()
}

/// The files of a folder, sorted by name; none if there is no folder.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}
