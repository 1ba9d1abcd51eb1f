//! The same as `reminder_from_idle`, in the terminal interface.

use std::time::Duration;

use anyhow::Result;

use super::reminder_mid_turn::{check_first, check_once, failing_tests, reminder};
use crate::api::{Api, text};
use crate::home::Setup;
use crate::stage::Stage;
use crate::tui::Tui;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![failing_tests(2)],
        1 => vec![text("Waiting now.")],
        _ => vec![text("Saw it end.")],
    })?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("run the tests")?;
    api.wait_for("a turn with the reminder", Duration::from_secs(20), |requests| {
        requests.iter().find_map(reminder)
    })?;
    tui.wait_for_screen("Saw it end.")?;
    check_first(&api.requests())?;
    check_once(&api.last()?)
}
