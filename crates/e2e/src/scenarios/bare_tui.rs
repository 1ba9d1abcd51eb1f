//! The harness alone, in a terminal.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::api::{Api, bash, text};
use crate::home::Setup;
use crate::stage::Stage;
use crate::tui::Tui;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::without_plugin())?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![bash("sleep 1; exit 3").description("run the tests").background()],
        1 => vec![text("Waiting now.")],
        _ => vec![text("Saw it end.")],
    })?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("please start")?;
    let announced =
        api.wait_for("Claude Code to announce the result", Duration::from_secs(15), |requests| {
            requests.iter().find_map(|request| request.notifications().pop())
        })?;
    ensure!(announced.status == "failed", "the client announced `{}`", announced.status);
    tui.wait_for_screen("Saw it end.")
}
