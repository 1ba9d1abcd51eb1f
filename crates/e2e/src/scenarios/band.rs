//! The module's band and pane in a terminal: what runs, what waits and what failed stands above the prompt. `/sisyphus`
//! lists the same, shows an output and cancels a task, without a request to the model. If the user wants no band, there
//! is none.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::api::{Api, Block, bash, text};
use crate::home::{Home, Setup};
use crate::stage::Stage;
use crate::tui::Tui;
use crate::wait;

const LIMIT: Duration = Duration::from_secs(15);
/// How long the band would take to come at most: the module asks once a second.
const BAND: Duration = Duration::from_secs(3);
/// The second waits for the first, so both end after the failure.
const SLOTS: usize = 2;

fn work() -> Vec<Block> {
    let service = "echo compiling; until [ -e stop ]; do sleep 0.1; done";
    let tests = "echo '3 of 40 failed'; until [ -e fail ]; do sleep 0.1; done; exit 1";
    vec![
        bash(service).description("build the release").background(),
        bash(tests).description("run the tests").background(),
        bash("until [ -e stop ]; do sleep 0.1; done").description("build the docs").background(),
    ]
}

fn api(home: &Home) -> Result<Api> {
    Api::start(&home.folder.join("api"), |_, number| match number {
        0 => work(),
        1 => vec![text("Waiting now.")],
        _ => vec![text("Noted.")],
    })
}

fn home(stage: &Stage, own: Value) -> Result<Home> {
    stage.home("home", &Setup::with_plugin().settings(json!({ "sisyphus": own })))
}

pub(super) fn run_in_tui(stage: &Stage) -> Result<()> {
    let home = home(stage, json!({ "max_background_tasks": SLOTS }))?;
    let api = api(&home)?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("go")?;
    tui.wait_for_screen("⏳ build the docs  queued, number 1")?;
    tui.wait_for_screen("\"build the docs\" is queued, number 1, 2 of 2 slots busy")?;
    tui.wait_for_screen("▶ build the release")?;
    tui.wait_for_screen("s · compiling")?;
    fs::write(home.project.join("fail"), "").context("could not end the tests")?;
    tui.wait_for_screen("✖ run the tests  failed with exit code 1 after")?;
    tui.wait_for_screen("· 3 of 40 failed")?;
    tui.wait_for_screen("▶ build the docs")?;
    tui.wait_for_screen("Noted.")?;

    let requests = api.requests().len();
    tui.say("/sisyphus")?;
    tui.wait_for_screen("[ ▶ build the release")?;
    tui.press("Down")?;
    tui.confirm()?;
    tui.wait_for_screen("[ Cancel ]")?;
    tui.press("Down")?;
    tui.press("Right")?;
    tui.confirm()?;
    tui.wait_for_screen("– build the release  was stopped by the user")?;
    // The pane has cost no request. The notice of the cancelled command may, if Claude Code has one.
    let own = api.requests().len() - requests;
    ensure!(own <= 1, "the pane has cost {own} requests");

    // The next prompt takes the failure away, the end of the last task the rest.
    tui.press("Escape")?;
    tui.say("thank you")?;
    fs::write(home.project.join("stop"), "").context("could not end the commands")?;
    wait::until_true("an empty band", LIMIT, || {
        tui.screen().is_ok_and(|it| !it.contains("▶ build") && !it.contains("✖ run the tests"))
    })
}

pub(super) fn run_off_in_tui(stage: &Stage) -> Result<()> {
    let home = home(stage, json!({ "max_background_tasks": SLOTS, "band": false }))?;
    let api = api(&home)?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("go")?;
    tui.wait_for_screen("Waiting now.")?;
    let has_band = || tui.screen().is_ok_and(|screen| screen.contains("▶ build the release"));
    let shown = wait::until_true("a band", BAND, has_band);
    ensure!(shown.is_err(), "there is a band:\n{}", tui.screen()?);
    Ok(())
}
