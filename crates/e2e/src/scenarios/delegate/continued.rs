//! A session whose Claude Code was killed, and one whose runner was killed, can be continued: the conversation is there.
//! While they run, the process table shows neither their prompts nor a token of the caller.

use anyhow::{Result, ensure};
use sisyphus_harness::sys;

use super::{SOON, continue_all, delegate, delegated, play, processes, search, session_of, setup};
use super::{read_process, turn, wait_for_ends, wait_for_own, wait_for_start};
use crate::api::{Api, Block, Request, text};
use crate::home::Home;
use crate::session::Session;
use crate::stage::Stage;
use crate::wait;

const NAMES: [&str; 2] = ["one", "two"];
const SECRET: &str = "CLAUDE_CODE_MESSAGING_TOKEN=";

fn script(request: &Request, _: usize) -> Vec<Block> {
    match session_of(request) {
        None => match turn(request) {
            0 => vec![search()],
            1 => NAMES.map(delegate).to_vec(),
            3 => continue_all(request),
            _ => vec![text("Noted.")],
        },
        Some(name) if is_continued(request) => vec![text(format!("Continued {name}."))],
        Some(name) => play(request, &name),
    }
}

fn is_continued(request: &Request) -> bool {
    request.text().contains("Continue: go on")
}

pub(in crate::scenarios) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &setup(5))?;
    let api = Api::start(&home.folder.join("api"), script)?;
    let mut session = Session::idle(&home, &api, &[])?;
    session.send("go")?;
    let answered = wait_for_own(&api, 2)?;
    wait_for_start(&home, 2)?;
    let launched = delegated(&answered);
    ensure!(launched.len() == 2, "accepted: {launched:?}");
    let word = |number: usize, key: &str| {
        launched[number][key].as_str().unwrap_or("no such session").to_owned()
    };
    let (conversation, task) = (word(0, "session_id"), word(1, "task_id"));
    let claude = processes(&home, |line| line.contains(&format!("--session-id {conversation}")));
    let runner = processes(&home, |line| line.contains(" session ") && line.contains(&task));
    ensure!(claude.len() == 1 && runner.len() == 1, "found {claude:?} and {runner:?}");
    ensure_hidden(&home, &[claude[0], runner[0]])?;
    sys::kill_process(claude[0]);
    sys::kill_process(runner[0]);
    let all = wait_for_ends(&home, 2)?;
    let ends = NAMES.map(|name| {
        let task = all.iter().find(|it| it["description"] == name);
        task.map(|it| it["status"].clone()).unwrap_or_default()
    });
    ensure!(ends == ["killed", "lost"], "the ends: {ends:?}");
    let of_second = format!("--session-id {}", word(1, "session_id"));
    wait::until_true("the Claude Code of the killed runner to end", SOON, || {
        processes(&home, |line| line.contains(&of_second)).is_empty()
    })?;

    session.send("continue both")?;
    let all = wait_for_ends(&home, 4)?;
    let continued = all.iter().filter(|it| it["description"] == "more");
    let outcomes: Vec<_> = continued.map(|it| it["status"].clone()).collect();
    ensure!(outcomes == ["completed", "completed"], "the continued ones: {all:#?}");
    for name in NAMES {
        let requests = api.requests();
        let is_its = |it: &&Request| session_of(it).as_deref() == Some(name) && is_continued(it);
        let its: Vec<_> = requests.iter().filter(is_its).collect();
        ensure!(its.len() == 1, "`{name}` sent {} requests", its.len());
        let messages = its[0].text();
        for earlier in [&format!("SESSION {name} please"), "Working."] {
            ensure!(messages.contains(earlier), "no `{earlier}` in {messages}");
        }
    }
    session.send("what came of it?")?;
    wait::until_true("both results", SOON, || {
        api.last().is_ok_and(|last| {
            let said = last.reminders().join("\n");
            NAMES.iter().all(|it| said.matches(&format!("| Continued {it}.")).count() == 1)
        })
    })?;
    session.finish()
}

/// No process of the home shows a prompt, and these two have no token, which other processes have (CC-75).
fn ensure_hidden(home: &Home, without_token: &[u32]) -> Result<()> {
    let mut tokens = 0;
    for id in processes(home, |_| true) {
        let (line, environment) = (read_process(id, "cmdline"), read_process(id, "environ"));
        for shown in [&line, &environment] {
            ensure!(!shown.contains(" please"), "a prompt is in `{shown}`");
        }
        let has_token = environment.contains(SECRET);
        ensure!(!has_token || !without_token.contains(&id), "`{line}` has a token");
        tokens += usize::from(has_token);
    }
    ensure!(tokens > 0, "no process has a token, so nothing was shown");
    Ok(())
}
