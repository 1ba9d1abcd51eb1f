//! `/compact` in the terminal while two commands run: the model, which has forgotten them, gets a report of both, and
//! each result once.

use std::fs;

use anyhow::{Result, ensure};

use super::{LIMIT, LIVE, SESSION, UNTOLD};
use super::{check, failed, home, newest_start, output, records, report, still_running, task};
use crate::api::{Api, text};
use crate::stage::Stage;
use crate::tui::Tui;
use crate::wait;

pub(in super::super) fn run(stage: &Stage) -> Result<()> {
    let (home, events) = home(stage)?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => [LIVE, UNTOLD].into_iter().map(task).collect(),
        1 => vec![text("Waiting now.")],
        _ => vec![text("I see.")],
    })?;
    let tui = Tui::start(&home, &api, &["--session-id", SESSION])?;
    tui.say("start them")?;
    tui.wait_for_screen("Waiting now.")?;
    tui.say("/compact")?;
    wait::until("the session to start again", LIMIT, || {
        Ok((newest_start(&events)?.0 == "compact").then_some(()))
    })?;
    ensure!(newest_start(&events)?.1 == SESSION, "the session has another id");
    tui.wait_for_screen("Compacted")?;

    tui.say("what runs?")?;
    let asked = |text: &String| text == "what runs?";
    let number = api.wait_for("the turn", LIMIT, |requests| {
        requests.iter().position(|request| request.texts().iter().any(asked))
    })?;
    let table = [(still_running(LIVE), 1), (still_running(UNTOLD), 1), (report(), 0)];
    check(&api.requests()[number], &table)?;

    for (turns, (name, code)) in [UNTOLD, LIVE].into_iter().enumerate() {
        fs::write(home.project.join(name), "")?;
        let told = api.wait_for("its result to be reported", LIMIT, |requests| {
            requests.get(number + 1 + turns).cloned()
        })?;
        check(
            &told,
            &[(failed((name, code)), 1), (output((name, code)), 1), (report(), turns + 1)],
        )?;
    }
    ensure!(records(&home)? == 2, "not one record for each task");
    Ok(())
}
