//! The user leaves the session while a command runs: Claude Code stops the command, and its record says that the end of
//! the session cancelled it.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;
use sisyphus_harness::sys;

use crate::api::{Api, bash, text};
use crate::client::Version;
use crate::home::Setup;
use crate::stage::Stage;
use crate::tui::Tui;
use crate::wait;

/// The oldest version that was seen to ask whether it may stop what runs (CC-38).
const ASKS: &str = "2.1.258";
/// The oldest version that was seen to fire SessionEnd each time (CC-38).
const FIRES: &str = "2.1.299";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![bash("echo $$ > pid; sleep 300; true").description("serve").background()],
        _ => vec![text("It runs.")],
    })?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("start it")?;
    tui.wait_for_screen("It runs.")?;
    let file = home.project.join("pid");
    let pid: u32 = wait::until("the command to run", Duration::from_secs(10), || {
        Ok(fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok()))
    })?;
    tui.say("/exit")?;
    let version = Version::of(&stage.client)?;
    if version >= ASKS.parse()? {
        // Because something runs. Its first answer is to stop that.
        tui.wait_for_screen("Exit and stop")?;
        tui.confirm()?;
    }
    wait::until_true("the command to be stopped", Duration::from_secs(10), || !sys::is_alive(pid))?;
    // Without SessionEnd the plugin sees a signal that nothing explains.
    let fires = version >= FIRES.parse()?;
    let is_known = |by: &Value| by == "session_end" || !fires && by == "unknown";
    let mut listed = String::new();
    wait::until("the record of what stopped it", Duration::from_secs(10), || {
        listed = home.sisyphus(&["list", "--json"])?;
        let list: Value = serde_json::from_str(&listed).context("no JSON")?;
        let task = &list["tasks"][0];
        Ok((task["status"] == "cancelled" && is_known(&task["by"])).then_some(()))
    })
    .with_context(|| format!("`sisyphus list --json` says: {listed}"))
}
