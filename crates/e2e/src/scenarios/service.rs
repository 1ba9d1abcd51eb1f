//! In the terminal interface Claude Code has no time limit for a dev server, so we change nothing of its call.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::api::{Api, bash, text};
use crate::home::Setup;
use crate::stage::Stage;
use crate::tui::Tui;

const COMMAND: &str = "tail -f server.log";

pub(super) fn run(stage: &Stage) -> Result<()> {
    // A hook that records events after the call: another hook before the call would change what we do.
    let witness = stage.folder.join("seen.json");
    let hook = json!({ "type": "command", "command": format!("cat > '{}'", witness.display()) });
    let settings = json!({ "hooks": { "PostToolUse": [{ "matcher": "Bash", "hooks": [hook] }] } });
    let home = stage.home("home", &Setup::with_plugin().settings(settings))?;
    fs::write(home.project.join("server.log"), "listening\n").context("could not write the log")?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![bash(COMMAND).description("serve").background()],
        _ => vec![text("Served.")],
    })?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("serve")?;
    api.wait_for("the call to be answered", Duration::from_secs(30), |requests| {
        requests.last().filter(|request| !request.tool_results().is_empty()).map(|_| ())
    })?;

    let seen = fs::read_to_string(&witness).context("the call was not seen")?;
    let seen: Value = serde_json::from_str(&seen).context("the event is not JSON")?;
    let expected = json!({ "command": COMMAND, "description": "serve", "run_in_background": true });
    ensure!(seen["tool_input"] == expected, "the call ran as {}", seen["tool_input"]);
    Ok(())
}
