//! Claude Code's status line with the setting from the README: it shows what runs, and nothing afterwards.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::api::{Api, bash, text};
use crate::home::Setup;
use crate::session::BYPASS;
use crate::stage::Stage;
use crate::tui::Tui;
use crate::wait;

const COMMAND: &str = "until [ -e stop ]; do sleep 0.1; done";
const RUNS: &str = "▶1";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin().settings(of_readme(stage)?))?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![bash(COMMAND).description("until it is stopped").background()],
        1 => vec![text("Waiting now.")],
        _ => vec![text("Saw it end.")],
    })?;
    let tui = Tui::start(&home, &api, &[BYPASS])?;
    tui.say("start it")?;
    tui.wait_for_screen(RUNS)?;
    fs::write(home.project.join("stop"), "")?;
    tui.wait_for_screen("Saw it end.")?;
    wait::until("nothing in the status line", Duration::from_secs(15), || {
        Ok((!tui.screen()?.contains(RUNS)).then_some(()))
    })
}

/// The settings from the README.
fn of_readme(stage: &Stage) -> Result<Value> {
    let readme = fs::read_to_string(stage.root.join("README.md")).context("no README")?;
    let blocks = readme.split("```json\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let mut settings = blocks.filter_map(|(block, _)| serde_json::from_str::<Value>(block).ok());
    settings
        .find(|settings| settings.get("statusLine").is_some())
        .context("the README sets no status line")
}
