//! A monitor of Claude Code is no background command: its lines and its end reach the model, nothing of ours stands in
//! the conversation, and no task is recorded.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::api::{Api, bash, text, tool};
use crate::home::Setup;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

const WATCH: &str = "echo line number $((20 + 1)); sleep 2; echo line number $((20 + 2))";
const LAST_LINE: &str = "line number 22";
/// How our texts begin.
const OURS: &str = "[sisyphus]";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![tool(
            "Monitor",
            json!({ "command": WATCH, "description": "lines", "timeout_ms": 20_000, "persistent": false }),
        )],
        1 => vec![bash("sleep 1")],
        _ => vec![text("done")],
    })?;
    let mut session = Session::idle(&home, &api, &[BYPASS])?;
    session.send("watch it")?;
    api.wait_for("the last line of the monitor", Duration::from_secs(20), |requests| {
        requests.last().filter(|request| request.text().contains(LAST_LINE)).map(|_| ())
    })?;
    let last = api.last()?;
    let started = last.tool_result("toolu_0000_0")?;
    ensure!(!started.is_error, "the monitor did not start: {}", started.text);
    ensure!(!last.text().contains(OURS), "a text of ours: {}", last.text());
    let listed = home.sisyphus(&["list", "--all", "--json"])?;
    let list: Value =
        serde_json::from_str(&listed).context("`sisyphus list --json` printed no JSON")?;
    ensure!(list["tasks"] == json!([]), "the monitor was recorded: {listed}");
    session.finish()
}
