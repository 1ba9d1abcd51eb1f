//! The client's own notice of an end is lost: the idle session in the terminal wakes all the same, once.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::reminder_mid_turn::{check_once, failing_tests, reminder};
use crate::e2e::api::{Api, text};
use crate::e2e::home::{Home, Setup};
use crate::e2e::stage::Stage;
use crate::e2e::tui::Tui;

const LIMIT: Duration = Duration::from_secs(20);
/// From the end of the command to the turn: the client's time to announce it, and some for the machine.
const PROMPT: Duration = Duration::from_secs(6);
/// Longer than a waiter would need to wake the session once more.
const QUIET: Duration = Duration::from_secs(7);

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    lose_notices(&home)?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![failing_tests(2)],
        1 => vec![text("Waiting now.")],
        _ => vec![text("Saw it end.")],
    })?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("run the tests")?;
    tui.wait_for_screen(LOST).context("the client has announced nothing that could be lost")?;
    let ended = Instant::now();
    let (number, woken) = api.wait_for("the session to wake", LIMIT, |requests| {
        let number = requests.iter().position(|request| reminder(request).is_some())?;
        Some((number, requests[number].clone()))
    })?;
    let waited = woken.arrived.duration_since(ended);
    ensure!(waited < PROMPT, "the session woke {:.1} s after the end", waited.as_secs_f64());
    let notices = woken.notifications();
    ensure!(
        notices.len() == 1 && notices[0].task.is_empty(),
        "not our waiter has woken the session: {notices:?}"
    );
    println!("     woken {:.1} s after the client's notice was lost", waited.as_secs_f64());

    let requests = api.wait_until_quiet(QUIET, LIMIT)?;
    ensure!(requests.len() == number + 1, "{} turns more", requests.len() - number - 1);
    tui.wait_for_screen("Saw it end.")?;
    tui.say("what is new?")?;
    api.wait_for("our own turn", LIMIT, |requests| requests.get(number + 1).map(drop))?;
    check_once(&api.last()?)
}

/// What a person is shown in the place of a notice.
const LOST: &str = "lost on its way";

/// Puts a script in front of our UserPromptSubmit hook that blocks the client's notices, and does not show them to the
/// hook. A second hook beside ours would not do: both are started, and ours would tell the result to a prompt that the
/// model never gets.
fn lose_notices(home: &Home) -> Result<()> {
    let hook = home.plugin().join("hooks/bin/sisyphus-user-prompt-submit");
    let ours = hook.with_extension("ours");
    fs::rename(&hook, &ours).with_context(|| format!("could not rename `{}`", hook.display()))?;
    let script = format!(
        "#!/bin/bash\nevent=$(cat)\ncase $event in\n*'<task-id>'*) echo '{{\"decision\":\"block\",\"reason\":\"{LOST}\"}}' ;;\n\
         *) printf %s \"$event\" | '{}' ;;\nesac\n",
        ours.display()
    );
    // Only the copy brings the right to be executed.
    fs::copy(&ours, &hook)?;
    fs::write(&hook, script).with_context(|| format!("could not write `{}`", hook.display()))
}
