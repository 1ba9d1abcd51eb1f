//! The official inspector lists the tools of the installed server and calls them, on a command of a real session.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sisyphus_harness::repository;

use crate::api::{Api, bash, text};
use crate::home::{Home, Setup};
use crate::inspector;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;
use crate::wait;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let script = inspector::fetch(&repository::target()?)?;
    let home = stage.home("home", &Setup::with_plugin())?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![bash("echo held; touch held; sleep 300").description("hold").background()],
        _ => vec![text("done")],
    })?;
    let mut session = Session::idle(&home, &api, &[BYPASS])?;
    session.send("go")?;
    wait::until_true("the command to run", Duration::from_secs(20), || {
        home.project.join("held").exists()
    })?;
    let id = session_of(&home)?;
    let call = |arguments: &[&str]| inspector::call(&home, &script, &id, arguments);

    let listed = call(&["--method", "tools/list"])?;
    let tools = listed["tools"].as_array().context("no tools")?;
    let names: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    ensure!(
        names
            == [
                "background_list",
                "background_output",
                "background_watch",
                "background_cancel",
                "delegate_task"
            ],
        "{names:?}"
    );
    ensure!(tools.iter().all(|tool| tool["outputSchema"]["type"] == "object"), "{listed}");

    let tool = |name, more: &[&str]| {
        call(&[&["--method", "tools/call", "--tool-name", name], more].concat())
    };
    let tasks = tool("background_list", &[])?;
    let held = &tasks["structuredContent"]["tasks"][0];
    ensure!(held["description"] == "hold" && held["status"] == "running", "{tasks}");
    let asked = ["--tool-arg", "task_id=hold", "--tool-arg", "since=0"];
    let news = tool("background_output", &asked)?;
    ensure!(news["structuredContent"]["output"] == "held", "{news}");
    let stopped = tool("background_cancel", &["--tool-arg", "all=true"])?;
    ensure!(stopped["structuredContent"]["cancelled"] == 1, "{stopped}");
    let wrong = tool("background_cancel", &[])?;
    ensure!(wrong["isError"] == true, "{wrong}");
    session.finish()
}

/// The only session that has a task.
fn session_of(home: &Home) -> Result<String> {
    let listed: Value = serde_json::from_str(&home.sisyphus(&["list", "--json"])?)?;
    let session = listed["tasks"][0]["session"].as_str();
    Ok(session.context("no task is known")?.to_owned())
}
