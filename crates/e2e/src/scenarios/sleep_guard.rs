//! A sleep is denied with a reason while a background command runs. Without one it runs.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::api::{Api, bash, text};
use crate::home::Setup;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

const HELD: &str = "touch held; until [ -e stop ]; do sleep 0.1; done; rm held";
const AFTER: &str = "touch stop; while [ -e held ]; do sleep 0.1; done; sleep 1";
/// Claude Code itself refuses a plain sleep of 25 seconds and more before it runs any hook.
const SLEEP: &str = "sleep 12s";
const PLAIN: &str = "sleep 60";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![bash(HELD).description("hold").background()],
        1 => vec![bash("until [ -e held ]; do sleep 0.1; done")],
        2 => vec![bash(SLEEP), bash(PLAIN), bash("sleep 0.5")],
        3 => vec![bash(AFTER)],
        4 => vec![bash(SLEEP)],
        _ => vec![text("done")],
    })?;
    Session::print(&home, &api, &[BYPASS], "go")?.result()?;

    let last = api.last()?;
    let refused = last.tool_result("toolu_0002_0")?;
    ensure!(refused.is_error, "`{SLEEP}` ran: {}", refused.text);
    let line = refused.text.lines().find(|line| {
        line.contains(
            "[sisyphus] This sleep was not run, because it is not needed. Background task t",
        )
    });
    let told = line.is_some_and(|line| {
        line.contains("(\"hold\") has been running for ")
            && line.contains("; you'll be notified when it finishes.")
    });
    ensure!(told, "`{SLEEP}` was refused with: {}", refused.text);
    let plain = last.tool_result("toolu_0002_1")?;
    ensure!(
        plain.text.contains("Blocked: standalone sleep 60."),
        "`{PLAIN}` was answered with: {}",
        plain.text
    );
    for (call, what) in
        [("toolu_0002_2", "a short sleep"), ("toolu_0004_0", "a sleep with nothing to wait for")]
    {
        let result = last.tool_result(call)?;
        ensure!(
            !result.is_error && !result.text.contains("[sisyphus]"),
            "{what} did not run: {}",
            result.text
        );
    }
    let slept = time_between(&api, 4, 5)?;
    ensure!(slept >= Duration::from_secs(12), "it was over after {:.1} s", slept.as_secs_f64());
    Ok(())
}

fn time_between(api: &Api, one: usize, other: usize) -> Result<Duration> {
    let arrived: Vec<Instant> = api.requests().iter().map(|request| request.arrived).collect();
    ensure!(arrived.len() > other, "there are only {} requests", arrived.len());
    Ok(arrived[other].duration_since(arrived[one]))
}
