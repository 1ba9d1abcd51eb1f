//! What every part of the check needs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sisyphus_base::atomic;
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::{StateDir, client_config_dir};
use sisyphus_settings::layers::{File, Layers};
use sisyphus_state::store::{Active, Store};
use sisyphus_tasks::task::Task;

use crate::project::project_dir;

/// The settings files of an administrator, on Linux and macOS.
const MANAGED: [&str; 2] = [
    "/etc/claude-code/managed-settings.json",
    "/Library/Application Support/ClaudeCode/managed-settings.json",
];
/// The largest state file, in bytes. It is the limit of the other readers.
pub(super) const STATE_MAX: u64 = 64 * 1024 * 1024;

/// How many entries of a folder are read.
const ENTRIES_MAX: usize = 5_000;
/// The largest file of Claude Code that is read, in bytes.
const CLIENT_FILE_MAX: u64 = 1024 * 1024;

/// The entries of a folder, none of one that can't be read.
pub(super) fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.take(ENTRIES_MAX).map(|entry| entry.path())
}

pub(super) fn json_files(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    entries(folder).filter(|path| path.extension().is_some_and(|it| it == "json"))
}

/// A file of Claude Code or of the plugin; `None` if it can't be read.
pub(super) fn read_json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&atomic::read_linked(path, CLIENT_FILE_MAX).ok()??).ok()
}

/// The folders, files and times that the parts read.
pub(super) struct DoctorContext {
    pub(super) environment: Environment,
    pub(super) config_dir: PathBuf,
    pub(super) store: Store,
    pub(super) layers: Layers,
    pub(super) managed: Vec<File>,
    pub(super) now: DateTime<Utc>,
}

impl DoctorContext {
    pub(super) fn find() -> Result<Self> {
        let environment = Environment::read();
        let config_dir = client_config_dir(&environment)?;
        Ok(Self {
            store: Store::new(StateDir::locate(&environment)?),
            layers: Layers::read(&config_dir, project_dir().as_deref()),
            managed: MANAGED.map(|path| File::read(path.into())).into(),
            now: Utc::now(),
            config_dir,
            environment,
        })
    }

    pub(super) fn state(&self) -> &StateDir {
        self.store.dir()
    }

    /// Where the installer puts the plugin.
    pub(super) fn skills_copy(&self) -> PathBuf {
        self.config_dir.join("skills/sisyphus")
    }

    /// Whether that folder holds anything.
    pub(super) fn has_skills_copy(&self) -> bool {
        self.skills_copy().symlink_metadata().is_ok()
    }

    /// Every settings file in rising order of precedence.
    pub(super) fn settings_files(&self) -> impl Iterator<Item = &File> {
        std::iter::once(&self.layers.user).chain(&self.layers.project).chain(&self.managed)
    }

    /// The tasks that have not ended. None if the file can't be read; another part reports that. Other readers set a
    /// broken file aside, the doctor leaves it in place.
    pub(super) fn active(&self) -> Vec<Task> {
        let bytes = atomic::read(&self.state().active(), STATE_MAX).ok().flatten();
        let active = bytes.and_then(|bytes| serde_json::from_slice::<Active>(&bytes).ok());
        active.map(|active| active.tasks).unwrap_or_default()
    }

    /// The newest that have ended.
    pub(super) fn ended(&self) -> Vec<Task> {
        let histories = [self.store.read_completed(), self.store.read_failed()];
        histories.into_iter().flatten().flat_map(|history| history.tasks()).collect()
    }
}
