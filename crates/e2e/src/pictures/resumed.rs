//! A session that was killed while two commands ran, and is resumed: one still runs, the other has failed meanwhile.

use std::fs;
use std::time::Duration;

use anyhow::Result;

use crate::api::{Api, bash, text};
use crate::home::Setup;
use crate::stage::Stage;
use crate::tui::{Size, Tui};
use crate::wait;

const SESSION: &str = "5e551011-0000-4000-8000-00000000c0de";
const LIMIT: Duration = Duration::from_secs(10);
const SIZE: Size = Size { columns: 100, rows: 30 };

pub(super) fn shoot(stage: &Stage) -> Result<String> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let ends =
        "until [ -e go ]; do sleep 0.1; done; echo 'migration 7 failed'; touch ended; exit 6";
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![
            bash(ends).description("migrate the database").background(),
            bash("exec sleep 300").description("build the docs").background(),
        ],
        1 => vec![text("Both run.")],
        _ => vec![text("The migration failed with exit code 6 while we were away: number 7.")],
    })?;
    let killed = Tui::start_sized(&home, &api, &["--session-id", SESSION], SIZE)?;
    killed.say("migrate, and build the docs")?;
    killed.wait_for_screen("Both run.")?;
    killed.wait_for_screen("▶ build the docs")?;
    killed.kill()?;
    fs::write(home.project.join("go"), "")?;
    let has_ended = || home.project.join("ended").exists();
    wait::until_true("the first command to end", LIMIT, has_ended)?;
    let tui = Tui::start_sized(&home, &api, &["--resume", SESSION], SIZE)?;
    tui.say("what became of them?")?;
    tui.wait_for_screen("while we were away")?;
    tui.wait_for_screen("▶ build the docs")?;
    tui.coloured_screen()
}
