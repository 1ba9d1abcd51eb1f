//! Where the repository and its build folder are.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The folder that holds the workspace's `Cargo.toml`, and the plugin's manifest beside it.
pub fn root() -> Result<PathBuf> {
    // The variable of the running process first: a binary copied with its target folder must not use its build path.
    let package =
        env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let root = Path::new(&package).ancestors().find(|folder| folder.join("plugin.json").is_file());
    Ok(root.with_context(|| format!("`{package}` is not in the repository"))?.to_path_buf())
}

/// The build folder of this binary, however it was configured (`CARGO_TARGET_DIR`, a config file, the default).
pub fn target() -> Result<PathBuf> {
    let executable = env::current_exe().context("could not tell where this executable is")?;
    let target =
        executable.ancestors().nth(2).context("this executable is not in a build folder")?;
    Ok(target.to_path_buf())
}

/// The cargo that runs us.
pub fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}
