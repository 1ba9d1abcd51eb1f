//! Another hook blocks the prompt that carries a result, so the model reads neither: the result is delivered again.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use super::reminder_mid_turn::{check_once, idle_until_the_end, reminder};
use crate::home::Setup;
use crate::stage::Stage;
use crate::tui::Tui;

const LIMIT: Duration = Duration::from_secs(20);
/// The text that the user sees.
const REASON: &str = "not in this house";

pub(super) fn run(stage: &Stage) -> Result<()> {
    // Our hook runs beside the other one, and answers too.
    let block = format!(
        "case $(cat) in *'<task-id>'*) echo '{{\"decision\":\"block\",\"reason\":\"{REASON}\"}}' ;; esac"
    );
    let hook = json!([{ "hooks": [{ "type": "command", "command": block }] }]);
    let settings = json!({ "hooks": { "UserPromptSubmit": hook } });
    let home = stage.home("home", &Setup::with_plugin().settings(settings))?;
    let api = idle_until_the_end(&home)?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("run the tests")?;
    tui.wait_for_screen(REASON)?;
    // The session may wake for it by itself; at the latest the next prompt must bring it.
    api.wait_until_quiet(Duration::from_secs(7), LIMIT)?;
    let before = api.requests().len();
    tui.say("what became of them?")?;
    api.wait_for("our own turn", LIMIT, |requests| requests.get(before).map(drop))?;
    let last = api.last()?;
    ensure!(reminder(&last).is_some(), "the result is lost");
    check_once(&last)
}
