//! The harness alone: Claude Code runs a background command and sends a notice when it ends.

use anyhow::{Context as _, Result, ensure};

use crate::api::{Api, bash, text};
use crate::home::Setup;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::without_plugin())?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![
            text("Starting."),
            bash("sleep 1; echo out; exit 3").description("run the tests").background(),
        ],
        1 => vec![bash("sleep 2; echo read")],
        _ => vec![text("done")],
    })?;
    let session = Session::print(&home, &api, &[BYPASS], "go")?;
    ensure!(
        session.result()?["result"] == "done",
        "the turn did not end with the model's last word"
    );

    let last = api.last()?;
    ensure!(
        last.tool_result("toolu_0001_0")?.text == "read",
        "the foreground command's output is not its result"
    );
    let notifications = last.notifications();
    let notification = notifications.first().context("Claude Code announced nothing")?;
    ensure!(notifications.len() == 1, "Claude Code announced more than once: {notifications:?}");
    ensure!(notification.status == "failed", "Claude Code announced `{}`", notification.status);
    let expected = "Background command \"run the tests\" failed with exit code 3";
    ensure!(notification.summary == expected, "Claude Code announced `{}`", notification.summary);
    ensure!(last.reminders().is_empty(), "a reminder of a plugin that is not there");
    Ok(())
}
