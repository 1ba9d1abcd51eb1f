//! A session ends at a rate limit of the API, and the model reads that. The next one is held back, says why, and starts
//! by itself as soon as fewer run.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{SERVER, SOON, delegate, go, ours, play, search, session_of, settled, turn};
use super::{started, wait_for_ends, wait_for_own, wait_for_start};
use crate::api::{Api, Refusal, Reply, Request, text};
use crate::home::Setup;
use crate::session::Session;
use crate::stage::Stage;
use crate::wait;

const NAMES: [&str; 3] = ["one", "two", "three"];
/// Longer than a waiting runner leaves a free slot unnoticed.
const HELD_BACK: Duration = Duration::from_millis(2_500);
/// How often Claude Code repeats a request that the API refuses. Without this it does so for minutes (CC-82).
const RETRIES: &str = "1";

/// Plays all Claude Codes. What follows the list is answered only once `go_three` is there, or long after the scenario has
/// failed: no turn of the model can have started the third session.
fn script(request: &Request, go_three: &Path) -> Reply {
    let Some(name) = session_of(request) else {
        return match turn(request) {
            0 => vec![search()],
            1 => NAMES.map(delegate).to_vec(),
            2 => vec![text("Noted.")],
            3 => vec![ours("background_list", json!({}))],
            _ => {
                let _ = wait::until_true("the third to start", SOON * 2, || go_three.exists());
                vec![text("Noted.")]
            }
        }
        .into();
    };
    match (name.as_str(), request.tool_results().is_empty()) {
        ("one", false) => Reply::Refused(Refusal::RateLimit),
        ("three", false) => Reply::Refused(Refusal::Overloaded),
        _ => play(request, &name).into(),
    }
}

pub(in crate::scenarios) fn run(stage: &Stage) -> Result<()> {
    let setup = Setup::with_plugin().settings(json!({
        "permissions": { "allow": ["Bash", SERVER] },
        "sisyphus": { "max_background_tasks": 2 },
        "env": { "CLAUDE_CODE_MAX_RETRIES": RETRIES },
    }));
    let home = stage.home("home", &setup)?;
    let go_three = home.project.join("go-three");
    let api = Api::start(&home.folder.join("api"), move |it, _| script(it, &go_three))?;
    let mut session = Session::idle(&home, &api, &[])?;
    session.send("go")?;
    wait_for_own(&api, 2)?;
    wait_for_start(&home, 2)?;
    go(&home, "one")?;
    let all = wait_for_ends(&home, 1)?;
    let state = |name: &str, all: &[Value]| {
        all.iter().find(|it| it["description"] == name).map(|it| it["status"].clone())
    };
    ensure!(state("one", &all) == Some(json!("failed")), "the first: {all:#?}");

    std::thread::sleep(HELD_BACK);
    ensure!(started(&home).len() == 2, "the third was not held back");
    session.send("what came of it?")?;
    let last = wait_for_own(&api, 4)?;
    let said = last.reminders().join("\n");
    ensure!(said.contains("failed at a rate limit"), "no rate limit in {said}");
    let tasks = last.tool_results().pop().context("no list")?.text;
    let held: Value = serde_json::from_str(&tasks).unwrap_or_default();
    let held = held["tasks"].as_array().into_iter().flatten().find(|it| it["place_in_line"] == 1);
    let why = held.map(|it| it["held_back"].to_string()).unwrap_or_default();
    ensure!(why.contains("after a rate limit of the API at most 1 session"), "in {tasks}");

    go(&home, "two")?;
    wait_for_start(&home, 3)?;
    go(&home, "three")?;
    wait_for_ends(&home, 3)?;
    session.send("and now?")?;
    let said = settled(&api)?.reminders().join("\n");
    let limits = said.matches("failed at a rate limit").count();
    ensure!(limits == 2 && said.contains("| Answer of two."), "{limits} limits in {said}");
    session.finish()
}
