//! A background command fails after the turn has ended: Claude Code starts a turn by itself, and it holds the reminder.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::reminder_mid_turn::{check_first, check_once, failing_tests, reminder};
use crate::api::{Api, text};
use crate::home::Setup;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

/// The command takes two seconds; a reminder must follow soon after.
const PROMPT: Duration = Duration::from_secs(7);

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![failing_tests(2)],
        1 => vec![text("Waiting.")],
        _ => vec![text("I see.")],
    })?;
    let mut session = Session::idle(&home, &api, &[BYPASS])?;
    session.send("run the tests")?;
    let number = api.wait_for("a turn with the reminder", Duration::from_secs(20), |requests| {
        requests.iter().position(|request| reminder(request).is_some())
    })?;
    ensure!(number >= 2, "request {number} has the reminder: the turn had not ended");
    let requests = api.requests();
    check_first(&requests)?;
    let waited = requests[number].arrived.duration_since(requests[0].arrived);
    ensure!(waited < PROMPT, "a command of 2 s was reported after {:.1} s", waited.as_secs_f64());

    // One more turn of ours, in which any repetition would show.
    session.send("go on")?;
    api.wait_for("our own turn", Duration::from_secs(10), |requests| {
        (requests.len() > number + 1).then_some(())
    })?;
    session.finish()?;
    check_once(&api.last()?)
}
