//! Twenty sessions through five slots, while Claude Code of sessions, runners, the server and the caller are killed at
//! random. No result is lost, and no session starts twice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::sys;

use super::{SOON, delegate, listed, search, session_of, setup, started, turn, wait_for_own};
use crate::api::{Api, Block, Request, bash, text};
use crate::home::Home;
use crate::session::Session;
use crate::stage::Stage;
use crate::wait;

const CONVERSATION: &str = "5e551011-0000-4000-8000-000000002020";
const COUNT: usize = 20;

fn script(request: &Request, _: usize) -> Vec<Block> {
    let Some(name) = session_of(request) else {
        return match turn(request) {
            0 => vec![search()],
            1 => (0..COUNT).map(|number| delegate(&format!("s{number}"))).collect(),
            _ => vec![text("Noted.")],
        };
    };
    if request.tool_results().is_empty() {
        return vec![bash(&format!("echo {name} >> started; sleep 1"))];
    }
    vec![text(format!("Answer of {name}."))]
}

pub(in crate::scenarios) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &setup(5))?;
    let api = Api::start(&home.folder.join("api"), script)?;
    let mut caller = Session::idle(&home, &api, &["--session-id", CONVERSATION])?;
    caller.send("go")?;
    let answered = wait_for_own(&api, 2)?;
    ensure!(super::delegated(&answered).len() == COUNT, "not all were accepted");
    let killed = kill_some(&home)?;
    caller.kill()?;
    let all = wait::until("all sessions to end", SOON * 2, || {
        let all = listed(&home)?;
        Ok(all.iter().all(|it| !it["ended_at"].is_null()).then_some(all))
    })?;
    ensure!(all.len() == COUNT, "{} records of {COUNT}", all.len());
    let mut words: BTreeMap<String, usize> = BTreeMap::new();
    for task in &all {
        *words.entry(task["status"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    println!("        {killed} processes killed; {words:?}");
    let mut ran = started(&home);
    let count = ran.len();
    ran.sort();
    ran.dedup();
    ensure!(ran.len() == count, "started twice: {:?}", started(&home));

    let mut resumed = Session::idle(&home, &api, &["--resume", CONVERSATION])?;
    for _ in 0..2 {
        resumed.send("what came of them?")?;
        super::settled(&api)?;
    }
    let said = super::settled(&api)?.reminders().join("\n");
    for task in &all {
        let id = task["id"].as_str().unwrap_or_default();
        let sentence = format!("Background task {id} ");
        ensure!(said.matches(&sentence).count() == 1, "not once: {sentence}in {said}");
    }
    resumed.finish()
}

/// Kills a runner, a Claude Code of a session, and the server, one after the other. Returns how many were killed.
fn kill_some(home: &Home) -> Result<usize> {
    let mut killed = 0;
    let until = Instant::now() + Duration::from_secs(6);
    let mut targets = ["session", "--output-format", "sisyphus-mcp"].iter().cycle();
    while Instant::now() < until {
        let target = targets.next().context("no target")?;
        let found = sys::started_with(&home.variable()).into_iter().find(|id| {
            let path = format!("/proc/{id}/cmdline");
            let line = std::fs::read(path).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            // The caller reads its prompts from its input; its turn is over.
            line.contains(target) && !line.contains("--input-format")
        });
        if let Some(id) = found {
            sys::kill_process(id);
            killed += 1;
        }
        std::thread::sleep(Duration::from_millis(700));
    }
    Ok(killed)
}
