//! The user presses Esc while another hook of a notice runs. Claude Code puts the notice back into its queue and takes it
//! again at once (CC-96). The model reads the result with that, marked, and no prompt of the user is needed.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use super::delegate::wait_until_printed;
use super::reminder_mid_turn::{MARK, check_once, idle_until_the_end};
use crate::home::Setup;
use crate::stage::Stage;
use crate::tui::Tui;

const LIMIT: Duration = Duration::from_secs(20);

pub(super) fn run(stage: &Stage) -> Result<()> {
    let slow = "case $(cat) in *'<task-id>'*) if [ -e slow ]; then sleep 60; fi ;; esac";
    let hook = json!([{ "hooks": [{ "type": "command", "command": slow }] }]);
    let settings = json!({ "hooks": { "UserPromptSubmit": hook } });
    let home = stage.home("home", &Setup::with_plugin().settings(settings))?;
    fs::write(home.project.join("slow"), "")?;
    let api = idle_until_the_end(&home)?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("run the tests")?;
    wait_until_printed(&home)?;
    fs::remove_file(home.project.join("slow"))?;
    ensure!(api.requests().len() == 2, "the model read it before the key");
    tui.press("Escape")?;
    api.wait_for("the notice", LIMIT, |requests| requests.get(2).map(drop))?;
    api.wait_until_quiet(Duration::from_secs(2), LIMIT)?;
    let before = api.requests().len();
    tui.say("and now?")?;
    api.wait_for("our own turn", LIMIT, |requests| requests.get(before).map(drop))?;
    let last = api.last()?;
    let marks = last.text().matches(MARK).count();
    ensure!(marks == 1, "the whole conversation has {marks} marks");
    check_once(&last)
}
