//! A command that the user keeps: it goes on when its session ends, the next session of the project reads that it runs and
//! is woken when it ends. In its own session the model stops it like any other.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sisyphus_harness::sys;

use crate::api::{Api, Block, Request, bash, text, tool};
use crate::home::{Home, Setup};
use crate::session::{BYPASS, Session};
use crate::stage::Stage;
use crate::tui::Tui;
use crate::wait;

const SOON: Duration = Duration::from_secs(20);
const COMMAND: &str =
    "echo $$ > pid; until [ -e go ]; do sleep 0.05; done; echo it is over; exit 3 # keep";
const RUNS: &str = "The user keeps 1 background command of an earlier session of this project";
const ENDED: &str = "failed with exit code 3";

fn setup() -> Setup {
    Setup::with_plugin().settings(json!({ "sisyphus": { "keep_patterns": ["*# keep"] } }))
}

fn launch() -> Vec<Block> {
    vec![bash(COMMAND).description("serve").background()]
}

/// The process of the command.
fn pid(home: &Home) -> Result<u32> {
    let file = home.project.join("pid");
    wait::until("the command to run", SOON, || {
        Ok(fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok()))
    })
}

/// How often the model reads this in its newest conversation.
fn count(api: &Api, text: &str) -> usize {
    api.last().map_or(0, |request| request.text().matches(text).count())
}

fn task(home: &Home) -> Result<Value> {
    let list: Value = serde_json::from_str(&home.sisyphus(&["list", "--json"])?)?;
    Ok(list["tasks"][0].clone())
}

/// It outlives its session.
pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &setup())?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => launch(),
        _ => vec![text("I see.")],
    })?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("start it")?;
    tui.wait_for_screen("I see.")?;
    let pid = pid(&home)?;
    tui.say("/exit")?;
    tui.wait_for_screen("Exit and stop")?;
    tui.confirm()?;
    wait::until_true("the record of the end of its session", SOON, || {
        task(&home).is_ok_and(|task| task["left_at"].is_string())
    })?;
    // The terminal ends with it.
    let is_closed = || tui.screen().is_ok_and(|screen| screen.is_empty());
    wait::until_true("Claude Code to exit", SOON, is_closed)?;
    ensure!(sys::is_alive(pid), "the command ended with its session");
    let next = Tui::start(&home, &api, &[])?;
    next.say("good morning")?;
    wait::until_true("the next session to read of it", SOON, || count(&api, RUNS) == 1)?;
    ensure!(sys::is_alive(pid), "the command did not outlive its session");
    fs::write(home.project.join("go"), "")?;
    wait::until_true("the next session to be woken", SOON, || count(&api, ENDED) == 1)?;
    let ended = task(&home)?;
    ensure!(ended["exit_code"] == 3 && ended["status"] == "failed", "the record says {ended:#}");
    Ok(())
}

/// The model stops it.
pub(super) fn run_stopped(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &setup())?;
    let api = Api::start(&home.folder.join("api"), |request: &Request, number| match number {
        0 => launch(),
        1 => vec![bash("until [ -e pid ]; do sleep 0.05; done")],
        2 => vec![tool("TaskStop", json!({ "task_id": super::task_stop::started_task(request) }))],
        _ => vec![text("done")],
    })?;
    let mut session = Session::idle(&home, &api, &[BYPASS])?;
    session.send("go")?;
    let pid = pid(&home)?;
    api.wait_for("the stop", SOON, |requests| requests.get(3).map(|_| ()))?;
    wait::until_true("the command to be stopped", SOON, || !sys::is_alive(pid))?;
    let mut stopped = Value::Null;
    wait::until_true("the record of what stopped it", SOON, || {
        stopped = task(&home).unwrap_or_default();
        stopped["status"] == "cancelled" && stopped["by"] == "model"
    })
    .with_context(|| format!("the record says {stopped:#}"))?;
    session.finish()
}
