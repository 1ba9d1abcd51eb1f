//! The plugin does not delay the exit of a client that runs one prompt: with a background command that outlives the
//! last answer it exits as early as without the plugin.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::reminder_mid_turn::failing_tests;
use crate::api::{Api, text};
use crate::home::Setup;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

/// So many runs of each at most, alternating: the fastest count, because other load on the machine only delays.
const RUNS: usize = 5;
const ALLOWED: Duration = Duration::from_millis(1_500);

pub(super) fn run(stage: &Stage) -> Result<()> {
    let (mut without, mut with) = (Duration::MAX, Duration::MAX);
    for number in 0..RUNS {
        without = without.min(play(stage, &format!("without-{number}"), &Setup::without_plugin())?);
        with = with.min(play(stage, &format!("with-{number}"), &Setup::with_plugin())?);
        if with < without + ALLOWED {
            break;
        }
    }
    let (without_s, with_s) = (without.as_secs_f64(), with.as_secs_f64());
    println!("     {without_s:.1} s without the plugin, {with_s:.1} s with");
    ensure!(with < without + ALLOWED, "Claude Code took {with_s:.1} s instead of {without_s:.1} s");
    Ok(())
}

/// How long Claude Code runs.
fn play(stage: &Stage, label: &str, setup: &Setup) -> Result<Duration> {
    let home = stage.home(label, setup)?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![failing_tests(3)],
        _ => vec![text("That is all.")],
    })?;
    let start = Instant::now();
    Session::print(&home, &api, &[BYPASS], "run the tests")?.result()?;
    Ok(start.elapsed())
}
