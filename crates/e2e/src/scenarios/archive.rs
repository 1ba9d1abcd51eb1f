//! The archive of a release, on a machine without cargo: its own script installs and removes it, then Claude Code
//! installs it as a marketplace.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::{pack, program::CLIENT_PATH};

use super::reminder_mid_turn::{check_first, failing_tests};
use crate::api::{Api, bash, text};
use crate::home::{Home, Setup};
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

/// The name of the plugin as a marketplace names it.
const PLUGIN: &str = "sisyphus@sisyphus";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let unpacked = unpack(stage)?;
    let tools = tools_without_rust(&stage.folder.join("tools"))?;
    installs_itself(stage, &unpacked, &tools)?;
    is_refused_when_damaged(stage, &unpacked, &tools)?;
    is_a_marketplace(stage, &unpacked)
}

/// Packs the built plugin twice, which must give the same bytes; returns the unpacked folder.
fn unpack(stage: &Stage) -> Result<PathBuf> {
    let host = pack::Target::host()?;
    let pack = |name: &str| {
        let folder = stage.folder.join(name);
        fs::create_dir_all(&folder)?;
        pack::pack(&stage.root, &stage.binaries, &host, &folder)
    };
    let (archive, again) = (pack("one")?, pack("two")?);
    ensure!(fs::read(&archive)? == fs::read(&again)?, "two archives of the same files differ");
    prints(Command::new("tar").arg("xzf").arg(&archive).current_dir(&stage.folder))?;
    let name = archive.file_name().context("an archive has a name")?.to_string_lossy();
    let folder = stage.folder.join(name.trim_end_matches(".tar.gz"));
    prints(
        Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&folder),
    )?;
    Ok(folder)
}

/// A folder with all the programs that Claude Code finds, except those that build Rust.
fn tools_without_rust(folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let mut programs = BTreeMap::new();
    for entry in CLIENT_PATH.split(':').filter_map(|path| fs::read_dir(path).ok()).flatten() {
        let entry = entry?;
        programs.entry(entry.file_name()).or_insert(entry.path());
    }
    programs.retain(|name, _| ["cargo", "rustc", "rustup"].iter().all(|rust| name != rust));
    prints(Command::new("ln").arg("-s").args(programs.values()).arg(folder))?;
    Ok(folder.to_owned())
}

fn installs_itself(stage: &Stage, unpacked: &Path, tools: &Path) -> Result<()> {
    let home = stage.home("without-cargo", &Setup::without_plugin())?;
    let said = prints(&mut installer(&home, unpacked, tools))?;
    ensure!(!said.contains("Building"), "it was built:\n{said}");
    ensure!(said.contains("failed with exit code 3 after"), "no reminder was shown:\n{said}");
    let validate = ["plugin", "validate", "--strict"];
    prints(home.command(&home.client).args(validate).arg(home.plugin().canonicalize()?))?;
    home.sisyphus(&["demo"])?;
    prints(installer(&home, unpacked, tools).args(["--uninstall", "--purge"]))?;
    let ours = [".local/bin/sisyphus", ".claude/.sisyphus", ".claude/plugins/data/sisyphus"];
    for place in ours.map(|name| home.path.join(name)).into_iter().chain([home.plugin()]) {
        ensure!(place.symlink_metadata().is_err(), "`{}` was left", place.display());
    }
    Ok(())
}

fn is_refused_when_damaged(stage: &Stage, unpacked: &Path, tools: &Path) -> Result<()> {
    let home = stage.home("damaged", &Setup::without_plugin())?;
    let damaged = home.folder.join("archive");
    prints(Command::new("cp").arg("-R").arg(unpacked).arg(&damaged))?;
    fs::write(damaged.join("hooks/hooks.json"), "{}")?;
    let output = installer(&home, &damaged, tools).output()?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success(), "a damaged archive was installed");
    ensure!(
        complaint.contains("hooks/hooks.json' is missing or not as it was packed"),
        "{complaint}"
    );
    ensure!(home.plugin().symlink_metadata().is_err(), "a damaged archive was installed");
    Ok(())
}

/// Claude Code installs the plugin from the folder, and runs its hooks.
fn is_a_marketplace(stage: &Stage, unpacked: &Path) -> Result<()> {
    let home = stage.home("marketplace", &Setup::without_plugin())?;
    let client = |words: &[&str], last: &Path| {
        let mut command = home.command(&home.client);
        command.args(words).arg(last).env("DISABLE_AUTOUPDATER", "1");
        command.env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
        prints(&mut command)
    };
    client(&["plugin", "validate", "--strict"], unpacked)?;
    // The sources have no programs: as a plugin they would fail at each event.
    let refused = client(&["plugin", "marketplace", "add"], &stage.root);
    let refused = refused.err().context("the sources were added as a marketplace")?;
    ensure!(format!("{refused:#}").contains("Marketplace file not found"), "{refused:#}");
    client(&["plugin", "marketplace", "add"], unpacked)?;
    client(&["plugin", "install"], Path::new(PLUGIN))?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![text("Starting."), failing_tests(1)],
        1 => vec![bash("sleep 3; echo read").description("read files")],
        _ => vec![text("done")],
    })?;
    Session::print(&home, &api, &[BYPASS], "run the tests")?.result()?;
    check_first(&api.requests())
}

fn installer(home: &Home, unpacked: &Path, tools: &Path) -> Command {
    let mut command = home.command(&unpacked.join("install.sh"));
    command.env("PATH", tools);
    command
}

/// The output of a command that must succeed.
fn prints(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("could not start {command:?}"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    ensure!(output.status.success(), "{command:?} failed:\n{}", said.trim());
    Ok(said)
}
