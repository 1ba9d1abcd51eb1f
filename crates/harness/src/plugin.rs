//! The plugin's binaries, which the installer builds once, as for a user. Every scenario installs them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, id};

use anyhow::{Context as _, Result, ensure};

use crate::remove;

/// Variables that would lead the installer out of its home, or make it skip the build.
const OF_THE_CALLER: [&str; 3] = ["CLAUDE_CONFIG_DIR", "SISYPHUS_STATE_DIR", "SISYPHUS_PREBUILT"];

/// Lets `install.sh` build the plugin; returns a folder with the installed binaries.
pub fn build(root: &Path, target: &Path) -> Result<PathBuf> {
    build_into(root, target, &binaries(target))?;
    Ok(binaries(target))
}

/// Lets the `install.sh` in `root` build the plugin, and copies the binaries which it installed into `folder`.
pub fn build_into(root: &Path, target: &Path, folder: &Path) -> Result<()> {
    let home = target.join("e2e").join(format!(".installed-{}", id()));
    let kept = install(root, &home).and_then(|()| keep(&home, folder));
    let removed = remove(&home);
    kept.and(removed)
}

/// The folder that [`build`] fills.
pub fn binaries(target: &Path) -> PathBuf {
    target.join("installed")
}

/// `install.sh` for another home. The toolchain stays that of the caller's home.
pub fn installer(root: &Path, home: &Path) -> Result<Command> {
    let mut install = Command::new(root.join("install.sh"));
    let own = env::home_dir().context("could not find the home folder")?;
    for (variable, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        if env::var_os(variable).is_none() {
            install.env(variable, own.join(folder));
        }
    }
    for variable in OF_THE_CALLER {
        install.env_remove(variable);
    }
    install.env("HOME", home);
    Ok(install)
}

/// Installs the plugin of this folder into an empty home.
pub fn install(root: &Path, home: &Path) -> Result<()> {
    fs::create_dir_all(home).with_context(|| format!("could not create `{}`", home.display()))?;
    let mut install = installer(root, home)?;
    let output = install.output().with_context(|| format!("could not start {install:?}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "could not install the plugin: {}", complaint.trim());
    Ok(())
}

/// Copies the installed binaries into one folder, laid out like a build.
fn keep(home: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("could not create `{}`", folder.display()))?;
    for place in ["hooks/bin", "bin"] {
        let installed = home.join(".claude/skills/sisyphus").join(place);
        for entry in fs::read_dir(&installed)
            .with_context(|| format!("could not list `{}`", installed.display()))?
        {
            replace(&entry?.path(), folder)?;
        }
    }
    Ok(())
}

/// By a rename, because a process of another run may be executing this binary.
fn replace(binary: &Path, folder: &Path) -> Result<()> {
    let name = binary.file_name().context("a binary has a name")?;
    let (new, place) = (folder.join(format!(".new-{}", id())), folder.join(name));
    fs::copy(binary, &new)
        .and_then(|_| fs::rename(&new, &place))
        .with_context(|| format!("could not copy `{}` to `{}`", binary.display(), place.display()))
}
