//! A session that runs a tool is cancelled with its whole tree. The answer says how to continue, literally. A completed
//! and a cancelled session can be continued, and the conversation is there.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sisyphus_harness::sys;

use super::{SOON, wait_for_ends, wait_for_own, wait_for_start};
use super::{continue_all, delegate, delegated, go, ours, play, search, session_of, setup, turn};
use crate::api::{Api, Block, Request, bash, text};
use crate::session::Session;
use crate::stage::Stage;
use crate::wait;

/// Ignores TERM, with a child in a session of its own.
const TREE: &str = "echo one >> started; trap '' TERM; setsid sh -c 'echo $$ >> pids; exec sleep 300' & \
    sleep 300 & echo $! >> pids; echo $$ >> pids; while :; do sleep 0.2; done";

fn script(request: &Request, _: usize) -> Vec<Block> {
    let Some(name) = session_of(request) else {
        return match turn(request) {
            0 => vec![search()],
            1 => vec![delegate("one"), delegate("two")],
            2 => vec![bash("until [ $(cat pids | wc -l) = 3 ]; do sleep 0.1; done")],
            3 => vec![ours("background_cancel", json!({ "task_id": "one" }))],
            4 => vec![text("Noted.")],
            5 => continue_all(request),
            _ => vec![text("Done.")],
        };
    };
    let texts = request.text();
    if texts.contains("Continue: go on") {
        return vec![text(format!("Continued {name}, who was asked to please."))];
    }
    match (name.as_str(), request.tool_results().is_empty()) {
        ("one", true) => vec![bash(TREE)],
        _ => play(request, &name),
    }
}

pub(in crate::scenarios) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &setup(5))?;
    let api = Api::start(&home.folder.join("api"), script)?;
    let mut session = Session::idle(&home, &api, &[])?;
    session.send("go")?;
    wait_for_start(&home, 2)?;
    go(&home, "two")?;
    let last = wait_for_own(&api, 4)?;
    let stopped = last.tool_results().pop().context("no answer")?;
    ensure!(!stopped.is_error, "it was not cancelled: {}", stopped.text);
    let tree = std::fs::read_to_string(home.project.join("pids"))?;
    let tree: Vec<u32> = tree.lines().flat_map(str::parse).collect();
    ensure!(tree.len() == 3 && tree.iter().all(|id| !sys::is_alive(*id)), "it lives: {tree:?}");
    let ids: Vec<_> = delegated(&last).iter().map(|it| it["session_id"].clone()).collect();
    let id = ids[0].as_str().unwrap_or_default();
    let instruction = format!("delegate_task(session_id=\\\"{id}\\\", prompt=");
    ensure!(
        stopped.text.contains(&instruction)
            || stopped.text.contains(&instruction.replace('\\', "")),
        "no instruction `{instruction}` in {}",
        stopped.text
    );
    wait_for_ends(&home, 2)?;

    session.send("continue both")?;
    let all = wait_for_ends(&home, 4)?;
    let continued = all.iter().filter(|it| it["description"] == "more");
    let outcomes: Vec<_> = continued.map(|it| it["status"].clone()).collect();
    ensure!(outcomes == ["completed", "completed"], "the continued ones: {all:#?}");
    session.send("what came of it?")?;
    wait::until_true("both results", SOON, || {
        api.last().is_ok_and(|last| {
            let said = last.reminders().join("\n");
            ["one", "two"].iter().all(|it| said.contains(&format!("| Continued {it}, who")))
        })
    })?;
    // The conversation was there: the session's first prompt is in its last request.
    let requests = api.requests();
    let again = requests.iter().filter(|it| session_of(it).is_some());
    let again = again.filter(|it| it.text().contains("Continue: go on")).count();
    ensure!(again == 2, "{again} conversations went on");
    session.finish()
}
