//! `sisyphus install`: runs the installer of the unpacked archive, or of the npm package, that this program is part of. In the
//! installed plugin there is only one that removes it.

pub(crate) mod import;

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Args as ClapArgs;
use sisyphus_base::sys::INSTALLER;

use crate::print::Verdict;

const MANIFEST: &str = "plugin.json";
/// The installer of Linux and macOS, and that of Windows. An archive has only its own.
const UNIX_INSTALLER: &str = "install.sh";
/// What the installer of Linux and macOS leaves of itself in the installed plugin.
const UNIX_UNINSTALLER: &str = "uninstall.sh";
const WINDOWS_INSTALLER: &str = "install.ps1";

#[derive(Debug, ClapArgs)]
pub(crate) struct Install {
    /// Remove what was installed, keep the task history.
    #[arg(long)]
    uninstall: bool,
    /// With --uninstall: remove the task history too.
    #[arg(long, requires = "uninstall")]
    purge: bool,
    /// Don't ask before an open session loses the plugin.
    #[arg(long)]
    yes: bool,
}

/// Installs, updates or removes the plugin.
pub(crate) fn install(options: &Install) -> Result<Verdict> {
    let program = std::env::current_exe().and_then(|path| path.canonicalize());
    let program = program.context("could not find this program's own file")?;
    let tree = program.parent().and_then(Path::parent).filter(|it| it.join(MANIFEST).is_file());
    let Some(mut installer) = tree.and_then(|tree| installer(tree, options)) else {
        let option = if options.uninstall { " --uninstall" } else { "" };
        bail!(
            "no installer is beside `{}`; run `{INSTALLER}{option}` of the sources or of an unpacked archive, or for \
             the npm package `\"$(npm prefix -g)/bin/sisyphus\" install{option}`",
            program.display()
        );
    };
    let status = installer.status().with_context(|| format!("could not start {installer:?}"))?;
    // It has said why.
    Ok(if status.success() { Verdict::Good } else { Verdict::Bad })
}

fn installer(tree: &Path, options: &Install) -> Option<Command> {
    let chosen = [
        (options.uninstall, "--uninstall", "-Uninstall"),
        (options.purge, "--purge", "-Purge"),
        (options.yes, "--yes", ""),
    ];
    let chosen = chosen.iter().filter(|(is_chosen, ..)| *is_chosen);
    let mut unix = tree.join(UNIX_INSTALLER);
    if options.uninstall && !unix.is_file() {
        unix = tree.join(UNIX_UNINSTALLER);
    }
    let windows = tree.join(WINDOWS_INSTALLER);
    if unix.is_file() {
        let mut command = Command::new(unix);
        command.args(chosen.map(|(_, option, _)| option));
        return Some(command);
    }
    if windows.is_file() {
        let mut command = Command::new("powershell");
        command.args(["-NoProfile", "-ExecutionPolicy", "Bypass", "-File"]).arg(windows);
        // It asks nothing.
        command.args(chosen.map(|(_, _, option)| option).filter(|option| !option.is_empty()));
        return Some(command);
    }
    None
}
