//! Two builds in one message, and a group of one: the second waits although slots are free, the model reads for which
//! group and behind what, and another command passes it.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::api::{Api, Block, Request, bash, text};
use crate::home::Setup;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

const LIMIT: Duration = Duration::from_secs(30);
/// What the model reads of the build that waits, behind its name.
const WAITS: &str = " is number 1 in the queue of the group `build`: at most 1 at once (";
/// The builds, and a command of no group.
const BUILDS: usize = 2;

/// A build that belongs to the group. It ends when the second request was answered and the other command has run.
fn build(number: usize) -> Block {
    let wait = "until [ -e go ]; do sleep 0.1; done";
    let line = format!("echo begin {number} >> log; {wait}; echo end {number} >> log");
    bash(&format!("build() {{ {line}; }}; : || ./build-it {number}; build")).background()
}

pub(super) fn run(stage: &Stage) -> Result<()> {
    let group = json!({ "patterns": ["./build-it *"], "limit": 1 });
    let settings = json!({ "sisyphus": { "groups": { "build": group } } });
    let home = stage.home("home", &Setup::with_plugin().settings(settings))?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => (0..BUILDS).map(build).chain([bash("echo other >> log").background()]).collect(),
        1 => vec![bash("until grep -q other log; do sleep 0.1; done; touch go")],
        _ => vec![text("I see.")],
    })?;
    let mut session = Session::idle(&home, &api, &[BYPASS])?;
    session.send("go")?;
    let answered = api.wait_for("the answers to the calls", LIMIT, |requests| {
        requests.iter().rev().find(|it| it.tool_results().len() == BUILDS + 1).cloned()
    })?;
    let text = answered.text();
    let told = text.matches(WAITS).count();
    ensure!(told == 1, "{told} builds are said to wait:\n{text}");
    let folder = format!(" in `{}`)", home.project.display());
    ensure!(text.contains(&folder), "the folder of the build ahead is missing:\n{text}");
    let all_told =
        |request: &Request| request.text().matches("completed with exit code 0").count() > BUILDS;
    api.wait_for("all results", LIMIT, |requests| requests.iter().any(all_told).then_some(()))?;
    session.finish()?;
    let log = fs::read_to_string(home.project.join("log")).context("nothing was built")?;
    let builds: Vec<&str> = log.lines().filter(|line| *line != "other").collect();
    let in_turn = |first: usize, second: usize| {
        [first, second].map(|it| [format!("begin {it}"), format!("end {it}")]).concat()
    };
    ensure!(builds == in_turn(0, 1) || builds == in_turn(1, 0), "two builds at once:\n{log}");
    ensure!(!log.trim_end().ends_with("other"), "the other command waited for the builds:\n{log}");
    Ok(())
}
