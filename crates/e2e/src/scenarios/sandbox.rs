//! The reminder of a command that runs in Claude Code's sandbox, where little of the system is visible.

use anyhow::Result;
use serde_json::json;
use sisyphus_harness::program;

use super::reminder_mid_turn;
use crate::home::Setup;
use crate::stage::Stage;

pub(super) fn run(stage: &Stage) -> Result<()> {
    if cfg!(target_os = "linux") {
        program::need("bwrap", stage.name)?;
        program::need("socat", stage.name)?;
    }
    let settings = json!({ "sandbox": { "enabled": true } });
    reminder_mid_turn::play(stage, &Setup::with_plugin().settings(settings))
}
