//! Two identical background calls, with the same command in the foreground between them: three tasks.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::api::{Api, bash, text};
use crate::home::Setup;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

const COMMAND: &str = "sleep 1; echo twin; exit 4";
const OUTCOME: &str = "failed with exit code 4 after";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![bash(COMMAND).background(), bash(COMMAND), bash(COMMAND).background()],
        1 => vec![bash("sleep 3; echo waited")],
        _ => vec![text("done")],
    })?;
    Session::print(&home, &api, &[BYPASS], "go")?.result()?;

    let last = api.last()?;
    let between = last.tool_result("toolu_0000_1")?;
    ensure!(
        between.is_error && between.text == "Exit code 4\ntwin",
        "the one in the foreground gave: {}",
        between.text
    );
    let text = last.text();
    let delivered = text.matches(OUTCOME).count();
    ensure!(delivered == 2, "two background tasks were delivered {delivered} times");
    for call in ["toolu_0000_0", "toolu_0000_2"] {
        let announced = last
            .notifications()
            .into_iter()
            .filter(|one| one.call == call && one.summary.contains("exit code 4"));
        ensure!(announced.count() <= 1, "Claude Code announced `{call}` more than once");
    }
    let reminders = last.reminders().join("\n");
    let lines = reminders.lines().filter(|line| line.contains(OUTCOME));
    let tasks: BTreeSet<_> = lines.filter_map(|line| line.split(' ').nth(3)).collect();
    ensure!(tasks.len() == 2, "two tasks, but these names: {tasks:?}");
    Ok(())
}
