//! Claude Code is killed while a command without a runner runs, and its session is resumed. We report once that no
//! process saw its end, and what it had printed. Claude Code has a report of its own, for which it runs no hook.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::api::{Api, bash, text};
use crate::home::Setup;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;
use crate::wait;

const SESSION: &str = "5e551011-0000-4000-8000-0000000dead0";
const COMMAND: &str = "echo it began; touch began; until [ -e stop ]; do sleep 0.1; done";
const LOST: &str = "(\"the unwatched one\") was lost, exit code unknown";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        1 => vec![bash(COMMAND).description("the unwatched one").background()],
        _ => vec![text("Waiting.")],
    })?;
    let mut crashed = Session::idle(&home, &api, &[BYPASS, "--session-id", SESSION])?;
    crashed.send("hello")?;
    api.wait_for("the first turn", Duration::from_secs(20), |requests| requests.first().map(drop))?;
    // Without the runner a command runs as without the plugin. The file at its place keeps PreToolUse from restoring
    // it.
    let bin = home.state().join("bin");
    fs::remove_dir_all(&bin).context("could not remove the runner")?;
    fs::write(&bin, "").context("could not bar the runner's place")?;
    crashed.send("go")?;
    api.wait_for("the end of the turn", Duration::from_secs(20), |requests| {
        requests.get(2).map(drop)
    })?;
    let began = home.project.join("began");
    wait::until_true("the command to run", Duration::from_secs(5), || began.exists())?;
    // Until then a runner might still take over the shell.
    wait::until_true("the wait for a runner to end", Duration::from_secs(10), || {
        began
            .metadata()
            .and_then(|file| file.modified())
            .is_ok_and(|began| began.elapsed().is_ok_and(|ago| ago > Duration::from_secs(6)))
    })?;
    crashed.kill()?;

    let mut resumed = Session::idle(&home, &api, &[BYPASS, "--resume", SESSION])?;
    for prompt in ["what became of it?", "and now?"] {
        let seen = api.requests().len();
        resumed.send(prompt)?;
        api.wait_for("a turn of the resumed session", Duration::from_secs(20), |requests| {
            requests.get(seen).map(drop)
        })?;
    }
    let told = api.last()?.reminders().join("\n");
    ensure!(told.matches(LOST).count() == 1, "the loss was not reported once: {told}");
    ensure!(told.contains("| it began\n"), "its output was not reported: {told}");
    let notifications = api.last()?.notifications();
    ensure!(notifications.len() <= 1, "Claude Code reported it more than once: {notifications:?}");
    fs::write(home.project.join("stop"), "")?;
    resumed.finish()
}
