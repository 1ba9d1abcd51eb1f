//! Claude Code's own validation accepts the installed plugin.

use anyhow::{Context as _, Result, ensure};

use crate::home::Setup;
use crate::stage::Stage;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let mut validate = home.command(&home.client);
    validate.args(["plugin", "validate"]).arg(home.plugin()).arg("--strict");
    let output = validate.output().context("could not start Claude Code")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`claude plugin validate --strict` failed:\n{}", said.trim());
    Ok(())
}
