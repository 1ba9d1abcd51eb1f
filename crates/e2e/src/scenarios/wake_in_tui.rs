//! Claude Code's own notice is lost: the idle session in the terminal wakes anyway, once.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::reminder_mid_turn::{SAW_IT_END, check_once, idle_until_the_end, reminder};
use crate::home::{Home, Setup};
use crate::stage::Stage;
use crate::tui::Tui;

const LIMIT: Duration = Duration::from_secs(20);
/// From the end of the command to the turn: Claude Code's time to send a notice, and some for the machine.
const PROMPT: Duration = Duration::from_secs(6);
/// Longer than a waiter needs to wake the session again.
const QUIET: Duration = Duration::from_secs(7);

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    lose_notices(&home)?;
    let api = idle_until_the_end(&home)?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("run the tests")?;
    tui.wait_for_screen(LOST).context("Claude Code has announced nothing that could be lost")?;
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
        "the session was not woken by our waiter: {notices:?}"
    );
    // The user reads why Claude works, and which command failed.
    tui.wait_for_screen("News of background tasks")?;
    tui.wait_for_screen("\"run the tests\" failed with exit code")?;
    println!("     woken {:.1} s after Claude Code's notice was lost", waited.as_secs_f64());

    let requests = api.wait_until_quiet(QUIET, LIMIT)?;
    ensure!(requests.len() == number + 1, "{} turns more", requests.len() - number - 1);
    tui.wait_for_screen(SAW_IT_END)?;
    tui.say("what is new?")?;
    api.wait_for("our own turn", LIMIT, |requests| requests.get(number + 1).map(drop))?;
    check_once(&api.last()?)
}

/// The text that the user sees instead of a notice.
const LOST: &str = "lost on its way";

/// Puts a script in front of our UserPromptSubmit hook that blocks Claude Code's notices and hides them from the hook.
/// A second hook would not do: both would run, and ours would deliver the result with a prompt that the model never
/// reads.
fn lose_notices(home: &Home) -> Result<()> {
    let hook = home.plugin().join("hooks/bin/sisyphus-user-prompt-submit");
    let ours = hook.with_extension("ours");
    fs::rename(&hook, &ours).with_context(|| format!("could not rename `{}`", hook.display()))?;
    let script = format!(
        "#!/bin/bash\nevent=$(cat)\ncase $event in\n*'<task-id>'*) echo '{{\"decision\":\"block\",\"reason\":\"{LOST}\"}}' ;;\n\
         *) printf %s \"$event\" | '{}' ;;\nesac\n",
        ours.display()
    );
    // The copy brings the permission to execute.
    fs::copy(&ours, &hook)?;
    fs::write(&hook, script).with_context(|| format!("could not write `{}`", hook.display()))
}
