//! What one call of the status line costs, and one of the list.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::measure::{Candidate, rows, take_turns};
use super::ours::{Ours, wait_until};
use super::report::Table;
use super::stage::Stage;

const ROUNDS: usize = 200;
const RUNNING: usize = 5;

/// Calls it without any record, while nothing runs, and while five commands run.
pub(crate) fn run(stage: &Stage) -> Result<Vec<Table>> {
    stage.forget()?;
    let folder = |name: &str| stage.home().join(format!("statusline-{name}"));
    let (none, idle, busy) = (folder("none"), folder("idle"), folder("busy"));
    fs::create_dir_all(&none)?;
    let mut ours = Ours::start_with_state(stage, "idle", Some(idle.clone()))?;
    let called = ours.call("true");
    ours.live_through(&called)?;
    ensure!(idle.join("active.json").exists(), "nothing was recorded");
    let mut ours = Ours::start_with_state(stage, "busy", Some(busy.clone()))?;
    let mut children: Vec<Child> =
        (0..RUNNING).map(|_| ours.background("exec sleep 600")).collect::<Result<_>>()?;
    let asked = stage.file("asked", &json!({ "session_id": ours.session.id }))?;

    let line = |state: &PathBuf| {
        let mut line = stage.command_line();
        line.arg("statusline").env("SISYPHUS_STATE_DIR", state).stdin(Stdio::null());
        line
    };
    let says = format!("▶{RUNNING}");
    wait_until("the line to count what runs", || {
        let said = File::open(&asked).and_then(|asked| line(&busy).stdin(asked).output());
        said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).trim() == says)
    })
    .context("the status line is not what it should be")?;
    let asking = |name: &str, state: PathBuf| {
        let asked = asked.clone();
        Candidate::new(name, move || {
            let mut line = line(&state);
            line.stdout(Stdio::null());
            Ok((line, Some(File::open(&asked)?)))
        })
    };
    let list_of = busy.clone();
    let list = Candidate::new("sisyphus list: 5 commands run", || {
        let mut list = stage.command_line();
        list.arg("list").env("SISYPHUS_STATE_DIR", &list_of).stdout(Stdio::null());
        Ok((list, None))
    });
    let candidates = vec![
        Candidate::bin_true(),
        asking("sisyphus statusline: nothing was ever recorded", none),
        asking("sisyphus statusline: nothing runs", idle),
        asking("sisyphus statusline: 5 commands run", busy),
        list,
    ];
    let times = take_turns(candidates, stage.rounds(ROUNDS))?;
    for child in &mut children {
        // Killing a runner ends its command.
        child.kill()?;
        child.wait()?;
    }
    Ok(vec![
        Table::new("One line", rows(&times)).with_note("goals: 1.0 for a line, 1.2 for the list"),
    ])
}
