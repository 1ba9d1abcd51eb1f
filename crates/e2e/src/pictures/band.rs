//! The band above the prompt in a wide and in a narrow terminal, and the pane with an output.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::api::{Api, bash, text};
use crate::home::{Home, Setup};
use crate::stage::Stage;
use crate::tui::{Size, Tui};
use crate::wait;

const LIMIT: Duration = Duration::from_secs(20);
const WIDE: Size = Size { columns: 100, rows: 26 };
const NARROW: Size = Size { columns: 60, rows: 26 };
const TESTS: &str = "echo 'test cart::a_coupon_lowers_the_price ... FAILED'; sleep 2; \
                     echo 'test result: FAILED. 41 passed; 1 failed'; exit 101";
const BUILD: &str =
    "for i in $(seq 31); do echo \"   Compiling shop-$i v0.3.0\"; done; exec sleep 300";

pub(super) fn shoot_wide(stage: &Stage) -> Result<String> {
    shoot(stage, WIDE, |_| Ok(()))
}

pub(super) fn shoot_narrow(stage: &Stage) -> Result<String> {
    shoot(stage, NARROW, |_| Ok(()))
}

pub(super) fn shoot_pane(stage: &Stage) -> Result<String> {
    shoot(stage, Size { columns: 130, ..WIDE }, |tui| {
        tui.say("/sisyphus")?;
        tui.wait_for_screen("[ ▶ build the release")?;
        tui.press("Down")?;
        tui.confirm()?;
        tui.wait_for_screen("[ Cancel ]")?;
        tui.wait_for_screen("Compiling shop-20")
    })
}

fn shoot(stage: &Stage, size: Size, more: impl Fn(&Tui<'_>) -> Result<()>) -> Result<String> {
    let settings = json!({ "sisyphus": { "max_background_tasks": 2 } });
    let home = stage.home("home", &Setup::with_plugin().settings(settings))?;
    let api = api(&home)?;
    let tui = Tui::start_sized(&home, &api, &[], size)?;
    tui.say("run the tests, and build everything")?;
    tui.wait_for_screen("✖ run the tests")?;
    tui.wait_for_screen("⏳ lint")?;
    tui.wait_for_screen("One test fails.")?;
    more(&tui)?;
    wait::until_true("the end of the turn", LIMIT, || {
        tui.screen().is_ok_and(|it| it.contains("❯"))
    })?;
    tui.coloured_screen()
}

fn api(home: &Home) -> Result<Api> {
    Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![
            text("I start the tests and the builds in the background."),
            bash(TESTS).description("run the tests").background(),
            bash(BUILD).description("build the release").background(),
            bash("exec sleep 300").description("build the docs").background(),
            bash("exec sleep 301").description("lint").background(),
        ],
        1 => vec![text("They run. I go on when the tests have ended.")],
        _ => vec![text("One test fails. I look at the coupon.")],
    })
}
