//! The folder of one scenario, and what it shares with the others.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sisyphus_harness::{plugin, repository};

use super::leftovers;

/// The stage of one scenario.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    /// Emptied at the start, and kept after a failure.
    pub(crate) folder: PathBuf,
    pub(crate) client: PathBuf,
    pub(crate) binaries: PathBuf,
    pub(crate) root: PathBuf,
}

impl Stage {
    /// Makes an empty folder for the scenario `name`, which plays with this executable of Claude Code.
    pub(crate) fn set_up(name: &'static str, client: &Path) -> Result<Self> {
        let target = repository::target()?;
        let folder = target.join("e2e").join(name);
        // The folder of an earlier failure is still there.
        leftovers::sweep(&folder)?;
        fs::create_dir_all(&folder)
            .with_context(|| format!("could not create `{}`", folder.display()))?;
        Ok(Self {
            name,
            folder,
            client: client.to_path_buf(),
            binaries: plugin::binaries(&target),
            root: repository::root()?,
        })
    }

    /// Removes everything that a passed scenario leaves, in its folder and where Claude Code keeps its tasks.
    pub(crate) fn clean(&self) -> Result<()> {
        leftovers::sweep(&self.folder)
    }
}
