//! Claude Code's own validation accepts the installed plugin, and the tests of its module pass.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::home::Setup;
use crate::stage::Stage;

const TESTS: &str = "hooks/register.test.ts";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let mut validate = home.command(&home.client);
    validate.args(["plugin", "validate"]).arg(home.plugin()).arg("--strict");
    said(&mut validate)?;
    // The tests are not installed.
    fs::copy(stage.root.join(TESTS), home.plugin().join(TESTS))
        .with_context(|| format!("could not copy `{TESTS}`"))?;
    let mut test = home.command(&home.client);
    test.args(["plugin", "test"]).arg(home.plugin());
    let passed = said(&mut test)?;
    ensure!(passed.contains("\n 0 fail\n"), "not all tests ran:\n{passed}");
    Ok(())
}

/// What a command of Claude Code says; an error if it fails.
fn said(command: &mut Command) -> Result<String> {
    let output = command.output().context("could not start Claude Code")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed:\n{}", said.trim());
    Ok(said)
}
