//! A notice of a result that the model knows already: it costs no turn, and says how the command ended.

use std::fs;
use std::time::Duration;

use anyhow::Result;

use crate::api::{Api, Block, bash, text};
use crate::home::Setup;
use crate::stage::Stage;
use crate::tui::{Size, Tui};
use crate::wait;

const LIMIT: Duration = Duration::from_secs(10);

fn suite(number: u32) -> Block {
    let command = format!("until [ -e go ]; do sleep 0.05; done; exit $(({number} / 4))");
    bash(&command).description(&format!("suite {number}")).background()
}

pub(super) fn shoot(stage: &Stage) -> Result<String> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => (1..=4).map(suite).collect(),
        1 => vec![text("The suites run.")],
        _ => vec![text("Noted.")],
    })?;
    let tui = Tui::start_sized(&home, &api, &[], Size { columns: 100, rows: 34 })?;
    tui.say("run all suites")?;
    tui.wait_for_screen("The suites run.")?;
    tui.wait_for_screen("▶ suite 4")?;
    // They end together, so one notice carries all results.
    fs::write(home.project.join("go"), "")?;
    tui.wait_for_screen("; Claude knows")?;
    let is_over = || tui.screen().is_ok_and(|it| !it.contains("▶ suite"));
    wait::until_true("an empty band", LIMIT, is_over)?;
    tui.coloured_screen()
}
