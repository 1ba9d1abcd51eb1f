//! The official command line for inspecting a server, in the one version that was tested.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use sisyphus_harness::{npm::quietly, program};

use super::home::Home;

/// A version that runs on Node 20; from 2.0 on the inspector needs Node 22.
const VERSION: &str = "0.16.8";
const PACKAGE: &str = "@modelcontextprotocol/inspector-cli";

/// The scenario that needs it.
pub(crate) const NEEDED_BY: &str = "mcp_inspector";

/// The inspector's program, downloaded into the build folder the first time.
pub(crate) fn fetch(target: &Path) -> Result<PathBuf> {
    let folder = target.join("inspector").join(VERSION);
    let script = folder.join("node_modules").join(PACKAGE).join("build/index.js");
    if script.is_file() {
        return Ok(script);
    }
    if program::find("npm").is_none() {
        bail!("cargo xtask e2e {NEEDED_BY} needs `npm` to download {PACKAGE}@{VERSION}, once");
    }
    println!("downloading {PACKAGE}@{VERSION}");
    // Installed in a folder beside its place and renamed, so that an interrupted download never looks complete.
    let beside = target.join("inspector").join(format!(".{VERSION}.{}", std::process::id()));
    fs::create_dir_all(&beside)
        .with_context(|| format!("could not create `{}`", beside.display()))?;
    let mut install = Command::new("npm");
    install.args([
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
    ]);
    install.arg(&beside).arg(format!("{PACKAGE}@{VERSION}"));
    let installed = quietly(&mut install).and_then(|()| Ok(fs::rename(&beside, &folder)?));
    if installed.is_err() {
        fs::remove_dir_all(&beside).ok();
    }
    // Another run may have been faster, and its copy is as good.
    ensure!(script.is_file(), "`{PACKAGE}@{VERSION}` could not be installed: {installed:?}");
    Ok(script)
}

/// Lets the inspector call the server that is installed in `home`; returns its output.
pub(crate) fn call(home: &Home, script: &Path, session: &str, arguments: &[&str]) -> Result<Value> {
    let node = program::find("node").context("the inspector needs `node`")?;
    let server = home.plugin().join("hooks/bin/sisyphus-mcp");
    let mut command = home.command(&node);
    command.arg(script).arg(server).args(arguments).env("CLAUDE_CODE_SESSION_ID", session);
    let output = command.output().with_context(|| format!("could not start {command:?}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the inspector failed: {complaint}");
    serde_json::from_slice(&output.stdout).context("the inspector printed no JSON")
}
