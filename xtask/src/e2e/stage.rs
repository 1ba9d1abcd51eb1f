//! The folder of one scenario, and what it shares with the others.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::home::{Home, Setup};
use super::run_folders::{self, remove};
use super::{client, plugin};
use crate::repository;

/// Where one scenario plays.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    /// Wiped at the start; kept after a failure.
    pub(crate) folder: PathBuf,
    pub(crate) client: PathBuf,
    pub(crate) binaries: PathBuf,
    pub(crate) root: PathBuf,
}

impl Stage {
    /// Makes an empty folder for the scenario `name`.
    pub(crate) fn set_up(name: &'static str) -> Result<Self> {
        let target = repository::target()?;
        let folder = target.join("e2e").join(name);
        remove(&folder)?;
        fs::create_dir_all(&folder)
            .with_context(|| format!("could not create `{}`", folder.display()))?;
        let client = client::fetch(&target)?;
        Ok(Self {
            name,
            folder,
            client,
            binaries: plugin::binaries(&target),
            root: repository::root()?,
        })
    }

    /// Makes a home in this scenario's folder.
    pub(crate) fn home(&self, label: &str, setup: &Setup) -> Result<Home> {
        Home::create(self, label, setup)
    }

    /// Removes all that a passed scenario leaves, in its folder and where the client keeps its tasks.
    pub(crate) fn clean(&self) -> Result<()> {
        run_folders::remove_of(&self.folder)?;
        let ours = flattened(&self.folder);
        for entry in fs::read_dir(run_folders::client_tmp()).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&format!("{ours}-")) {
                remove(&entry.path())?;
            }
        }
        remove(&self.folder)
    }
}

/// The client's name for a folder: all that is neither letter nor digit becomes a dash.
pub(crate) fn flattened(folder: &Path) -> String {
    let text = folder.to_string_lossy();
    text.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect()
}
