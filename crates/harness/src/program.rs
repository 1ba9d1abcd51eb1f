//! Finding the programs that the harness and Claude Code need.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The PATH of Claude Code and its children, the same on every machine.
pub const CLIENT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The program on the user's PATH.
pub fn find(name: &str) -> Option<PathBuf> {
    find_in(&env::var("PATH").unwrap_or_default(), name)
}

/// The program on Claude Code's PATH. The error is one line that names the scenario.
pub fn need(name: &str, scenario: &str) -> Result<PathBuf> {
    find_in(CLIENT_PATH, name)
        .with_context(|| format!("`{scenario}` needs `{name}` in {CLIENT_PATH}"))
}

fn find_in(path: &str, name: &str) -> Option<PathBuf> {
    path.split(':').map(|folder| Path::new(folder).join(name)).find(|candidate| candidate.is_file())
}
