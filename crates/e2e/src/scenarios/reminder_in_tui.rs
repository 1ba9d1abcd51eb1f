//! The same as `reminder_from_idle`, in the terminal interface.

use std::time::Duration;

use anyhow::Result;

use super::reminder_mid_turn::{SAW_IT_END, check_first, check_once, idle_until_the_end, reminder};
use crate::home::Setup;
use crate::stage::Stage;
use crate::tui::Tui;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let api = idle_until_the_end(&home)?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("run the tests")?;
    api.wait_for("a turn with the reminder", Duration::from_secs(20), |requests| {
        requests.iter().find_map(reminder)
    })?;
    tui.wait_for_screen(SAW_IT_END)?;
    check_first(&api.requests())?;
    check_once(&api.last()?)
}
