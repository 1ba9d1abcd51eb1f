//! The folder and the project of a command that names none.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use sisyphus_base::environment::Environment;
use sisyphus_base::sys::real_path;

/// The current folder, without links.
pub(crate) fn current_folder() -> Result<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a person works where they are")]
    let current = std::env::current_dir()
        .context("could not find the current folder; change to one that exists")?;
    real_path(&current).with_context(|| format!("could not find `{}`", current.display()))
}

/// The folder that Claude Code was started in, or else the current one.
pub(crate) fn project_dir() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "at a prompt the current folder is the project")]
    let current = || std::env::current_dir().ok();
    Environment::read().claude_project_dir.or_else(current)
}
