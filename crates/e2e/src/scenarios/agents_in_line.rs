//! Four agents in one message with two slots: two run, two are denied with their place in the queue. Each time one
//! ends, the model is notified of the next one once, launches it again, and it runs. In the end nothing is held.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::api::{Api, Block, Request, text, tool};
use crate::home::{Home, Setup};
use crate::session::{BYPASS, Session};
use crate::stage::Stage;
use crate::wait;

const LIMIT: Duration = Duration::from_secs(30);
const AGENTS: usize = 4;
/// The start of every agent's prompt, which distinguishes its requests from those of the conversation.
const PROMPT: &str = "SUBTASK part ";
const TURN: &str = "[sisyphus] A slot is free for agent \"part ";
const REFUSED: &str =
    "[sisyphus] Not launched: at most 2 background tasks run at once, over all sessions (";

fn agent(number: usize) -> Block {
    let input = json!({ "description": format!("part {number}"), "prompt": format!("{PROMPT}{number}"),
                        "subagent_type": "general-purpose" });
    tool("Agent", input)
}

pub(super) fn run(stage: &Stage) -> Result<()> {
    let settings = json!({ "sisyphus": { "max_background_tasks": 2 } });
    let home = stage.home("home", &Setup::with_plugin().settings(settings))?;
    let project = home.project.clone();
    let api = Api::start(&home.folder.join("api"), move |request, number| {
        if let Some(part) = part_of(request) {
            return work(&project, part);
        }
        match (number, newest_turn(request)) {
            (0, _) => (0..AGENTS).map(agent).collect(),
            (_, Some(part)) => vec![agent(part)],
            (_, None) => vec![text("I see.")],
        }
    })?;
    let mut session = Session::idle(&home, &api, &[BYPASS])?;
    session.send("go")?;

    let answered = conversation(&api, "the answers to the calls", |request| {
        request.tool_results().len() == AGENTS
    })?;
    let mut running = Vec::new();
    let mut waiting = [None; 2];
    for (number, result) in answered.tool_results().iter().enumerate() {
        match result.text.split_once(REFUSED) {
            None => {
                ensure!(!result.is_error, "call {number} failed: {}", result.text);
                running.push(number);
            }
            Some((_, reason)) => {
                ensure!(result.is_error, "call {number} was not denied: {}", result.text);
                let first = reason.contains("It is number 1 in the queue.");
                let second = reason.contains("It is number 2 in the queue.");
                ensure!(first != second, "call {number} got the answer: {}", result.text);
                waiting[usize::from(second)] = Some(number);
            }
        }
    }
    ensure!(running.len() == 2, "{} of the calls ran", running.len());
    for part in &running {
        started(&home, *part)?;
    }
    let [Some(third), Some(fourth)] = waiting else {
        anyhow::bail!("the two others got the same place")
    };

    for (ending, next) in [(running[0], third), (running[1], fourth)] {
        ensure!(!was_started(&home, next), "agent {next} ran before its turn");
        finish(&home, ending)?;
        started(&home, next)?;
    }
    finish(&home, third)?;
    finish(&home, fourth)?;

    let all_told = |request: &Request| {
        (0..AGENTS).all(|part| request.text().contains(&format!("the result of {part}")))
    };
    conversation(&api, "all four results", all_told)?;
    api.wait_until_quiet(Duration::from_secs(2), LIMIT)?;
    let last = conversation(&api, "the last word", all_told)?.text();
    for part in [third, fourth] {
        let told = last.matches(&format!("{TURN}{part}\"")).count();
        ensure!(told == 1, "the turn of agent {part} was reported {told} times");
        ensure!(
            last.contains(&format!("\n| {PROMPT}{part}")),
            "its turn lacks the prompt of {part}"
        );
    }
    for part in &running {
        ensure!(!last.contains(&format!("{TURN}{part}\"")), "agent {part} never waited");
    }
    session.finish()?;
    messages_are_kept(&home)?;
    nothing_is_held(&home)
}

/// The agent that a request comes from; `None` for the conversation itself.
fn part_of(request: &Request) -> Option<usize> {
    let first = request.body["messages"][0].to_string();
    let (_, rest) = first.split_once(PROMPT)?;
    rest.chars().next()?.to_digit(10)?.try_into().ok()
}

/// The agent whose turn the newest message announces.
fn newest_turn(request: &Request) -> Option<usize> {
    let newest = request.body["messages"].as_array()?.last()?.to_string();
    let (_, rest) = newest.split_once(&TURN.replace('"', "\\\""))?;
    rest.chars().next()?.to_digit(10)?.try_into().ok()
}

/// An agent at work: it records that it has begun, and ends when it may.
fn work(project: &Path, part: usize) -> Vec<Block> {
    let begun = fs::write(project.join(format!("begun-{part}")), "");
    let may_end = || project.join(format!("end-{part}")).exists();
    let ended = begun.is_ok() && wait::until_true("its end", LIMIT, may_end).is_ok();
    vec![text(if ended { format!("the result of {part}") } else { "nothing".to_owned() })]
}

fn file(home: &Home, name: &str, part: usize) -> PathBuf {
    home.project.join(format!("{name}-{part}"))
}

fn was_started(home: &Home, part: usize) -> bool {
    file(home, "begun", part).exists()
}

fn started(home: &Home, part: usize) -> Result<()> {
    wait::until_true(&format!("agent {part} to begin"), LIMIT, || was_started(home, part))
}

fn finish(home: &Home, part: usize) -> Result<()> {
    fs::write(file(home, "end", part), "").context("could not end an agent")
}

/// Waits for a request of the conversation itself, and returns the newest.
fn conversation(api: &Api, what: &str, is_it: impl Fn(&Request) -> bool) -> Result<Request> {
    api.wait_for(what, LIMIT, |requests| {
        requests.iter().rev().find(|it| part_of(it).is_none() && is_it(it)).cloned()
    })
}

/// What each agent said last is kept. No prompt is, because no call is queued.
fn messages_are_kept(home: &Home) -> Result<()> {
    let files = fs::read_dir(home.state().join("output")).context("no message is kept")?;
    let texts: Vec<String> =
        files.flatten().filter_map(|file| fs::read_to_string(file.path()).ok()).collect();
    for part in 0..AGENTS {
        let expected = format!("the result of {part}\n");
        ensure!(texts.contains(&expected), "the message of {part} is not among {texts:?}");
    }
    let sessions = fs::read_dir(home.state().join("prompts")).context("no prompt was ever kept")?;
    ensure!(sessions.count() == 0, "the prompt of an agent that ran is still kept");
    Ok(())
}

fn nothing_is_held(home: &Home) -> Result<()> {
    let state = home.state().join("active.json");
    let active: Value = serde_json::from_slice(&fs::read(&state).context("there is no state")?)?;
    let tasks = active["tasks"].as_array().map_or(0, Vec::len);
    let waiting = active["agents"]["waiting"].as_array().map_or(0, Vec::len);
    ensure!((tasks, waiting) == (0, 0), "{tasks} tasks are live, {waiting} calls wait: {active}");
    let listed = home.sisyphus(&["list"])?;
    let finished = listed
        .lines()
        .filter(|line| line.contains("completed") && line.contains("agent general-purpose: part "))
        .count();
    ensure!(finished == AGENTS, "{finished} agents completed:\n{listed}");
    let log = home.state().join("hooks.log");
    let log = fs::read_to_string(log).unwrap_or_default();
    ensure!(log.is_empty(), "something went wrong: {log}");
    Ok(())
}
