//! `/clear` in the terminal while two commands run: Claude Code starts another conversation and moves what runs and all
//! notices to it. So do we.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::{LIMIT, LIVE, LOST, SESSION, UNTOLD};
use super::{check, failed, home, newest_start, output, records, report, still_running, task};
use crate::api::{Api, Request, text};
use crate::stage::Stage;
use crate::tui::Tui;
use crate::wait;

/// Longer than the waiter of the earlier conversation would need to wake this one.
const QUIET: Duration = Duration::from_secs(7);
const ONE_MORE: &str = "start one more";

pub(in super::super) fn run(stage: &Stage) -> Result<()> {
    let (home, events) = home(stage)?;
    let api = Api::start(&home.folder.join("api"), |request, number| match number {
        0 => [LIVE, UNTOLD].into_iter().map(task).collect(),
        1 => vec![text("Waiting now.")],
        _ if request.tool_results().is_empty() && says(request, ONE_MORE) => vec![task(LOST)],
        _ => vec![text("I see.")],
    })?;
    let tui = Tui::start(&home, &api, &["--session-id", SESSION])?;
    tui.say("start them")?;
    tui.wait_for_screen("Waiting now.")?;
    tui.say("/clear")?;
    wait::until("another conversation to start", LIMIT, || {
        Ok((newest_start(&events)?.0 == "clear").then_some(()))
    })?;
    ensure!(newest_start(&events)?.1 != SESSION, "the conversation has kept its id");

    tui.say("what runs?")?;
    let asked = api.wait_for("the turn", LIMIT, |requests| {
        requests.iter().find(|request| says(request, "what runs?")).cloned()
    })?;
    check(&asked, &[(still_running(LIVE), 1), (still_running(UNTOLD), 1), (report(), 0)])?;
    tui.say(ONE_MORE)?;
    let third = home.project.join(format!("ended-{}", LOST.0));
    fs::write(home.project.join(LOST.0), "")?;
    wait::until_true("a third command to end", LIMIT, || third.exists())?;

    let mut told = Vec::new();
    for name in [LOST, UNTOLD, LIVE] {
        fs::write(home.project.join(name.0), "")?;
        told.extend([(failed(name), 1), (output(name), 1)]);
        api.wait_for(&format!("the result of `{}` to be reported", name.0), LIMIT, |requests| {
            check(requests.last()?, &told).is_ok().then_some(())
        })?;
    }
    let requests = api.wait_until_quiet(QUIET, LIMIT)?;
    // Three results, and the time limit of the one that was started after `/clear`.
    told.push((report(), 4));
    check(requests.last().unwrap_or(&asked), &told)?;
    ensure!(records(&home)? == 3, "not one record for each task");
    ensure!(!tui.screen()?.contains("delivered already"), "the session was woken for nothing");
    Ok(())
}

fn says(request: &Request, line: &str) -> bool {
    request.texts().iter().any(|text| text == line)
}
