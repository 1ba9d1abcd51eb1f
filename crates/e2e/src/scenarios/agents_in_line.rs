//! Four agents in one message with two slots: Claude Code launches all, two work, and two wait in their SubagentStart
//! hooks without a request. Each time one ends, the next one works by itself. The model stops the last one while it
//! waits. In the end nothing is held.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sisyphus_harness::sys;

use crate::api::{Api, Block, Request, text, tool};
use crate::home::{Home, Setup};
use crate::session::{BYPASS, Session};
use crate::stage::Stage;
use crate::tui::Tui;
use crate::wait;

const LIMIT: Duration = Duration::from_secs(30);
pub(super) const AGENTS: usize = 5;
/// The start of every agent's prompt, which distinguishes its requests from those of the conversation.
const PROMPT: &str = "SUBTASK part ";
/// What the model reads of an agent that waits, behind its name.
const WAITS: &str = " is launched and waits, number ";
/// What makes the model stop an agent.
const STOP: &str = "stop part ";

fn agent(number: usize) -> Block {
    let input = json!({ "description": format!("part {number}"), "prompt": format!("{PROMPT}{number}"),
                        "subagent_type": "general-purpose" });
    tool("Agent", input)
}

pub(crate) fn home(stage: &Stage, label: &str) -> Result<Home> {
    let settings = json!({ "sisyphus": { "max_background_tasks": 2 } });
    stage.home(label, &Setup::with_plugin().settings(settings))
}

pub(crate) fn api(home: &Home) -> Result<Api> {
    let project = home.project.clone();
    Api::start(&home.folder.join("api"), move |request, number| {
        if let Some(part) = part_of(request) {
            return work(&project, part);
        }
        match (number, to_stop(request)) {
            (0, _) => (0..AGENTS).map(agent).collect(),
            _ if is_again(request) => (0..AGENTS).map(agent).collect(),
            (_, Some(id)) => vec![tool("TaskStop", json!({ "task_id": id }))],
            (_, None) => vec![text("I see.")],
        }
    })
}

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = home(stage, "home")?;
    let api = api(&home)?;
    let mut session = Session::idle(&home, &api, &[BYPASS])?;
    session.send("go")?;
    let [first, second] = two_work(&home, &api)?;
    let queue = queued(&home)?;
    ensure!(queue.len() == 3, "the queue is {queue:?}");

    for (ending, next) in [(first, queue[0]), (second, queue[1])] {
        ensure!(!was_started(&home, next), "agent {next} worked before its turn");
        finish(&home, ending)?;
        started(&home, next)?;
    }
    let last = queue[2];
    session.send(&format!("{STOP}{last}"))?;
    conversation(&api, "the stop of a waiting agent", |request| {
        request.tool_results().iter().any(|result| result.text.contains("Successfully stopped"))
    })?;
    wait::until_true("an empty queue", LIMIT, || queued(&home).is_ok_and(|it| it.is_empty()))?;
    finish(&home, queue[0])?;
    finish(&home, queue[1])?;

    let worked: Vec<usize> = (0..AGENTS).filter(|part| *part != last).collect();
    let all_told = |request: &Request| {
        worked.iter().all(|part| request.text().contains(&format!("the result of {part}")))
    };
    conversation(&api, "all four results", all_told)?;
    api.wait_until_quiet(Duration::from_secs(2), LIMIT)?;
    let text = conversation(&api, "the last word", all_told)?.text();
    for part in worked {
        let told = text.matches(&format!("the result of {part}")).count();
        ensure!(told == 1, "the result of agent {part} was reported {told} times");
    }
    ensure!(!was_started(&home, last), "the stopped agent worked");
    session.finish()?;
    messages_are_kept(&home, last)?;
    nothing_is_held(&home)
}

/// The same in a terminal: the waiting agents are shown as launched and not as failed, and their rows say that they wait. The user stops all of them, and
/// calls them again. The hooks of a Claude Code that is killed end with it.
pub(super) fn run_in_tui(stage: &Stage) -> Result<()> {
    let home = home(stage, "home")?;
    let api = api(&home)?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("go")?;
    two_work(&home, &api)?;
    tui.wait_for_screen("5 background agents launched")?;
    let screen = tui.screen()?;
    for word in ["Not run", "Failed", "Error", "denied"] {
        ensure!(!screen.contains(word), "the screen shows `{word}`:\n{screen}");
    }
    let queue = queued(&home)?;
    ensure!(queue.len() == 3, "the queue is {queue:?}");
    for (place, part) in queue.iter().enumerate() {
        tui.wait_for_screen(&format!("queued({}): part {part}", place + 1))?;
    }
    let marks = tui.screen()?.matches("queued(").count();
    ensure!(marks == queue.len(), "{marks} agents are marked:\n{}", tui.screen()?);
    tui.stop_all_agents()?;
    wait::until_true("all agents to be over", LIMIT, || live(&home).is_ok_and(|live| live == 0))?;
    let cancelled = home.sisyphus(&["list"])?.matches("cancelled").count();
    ensure!(cancelled == AGENTS, "{cancelled} agents were cancelled");
    tui.say("again")?;
    wait::until_true("a queue", LIMIT, || queued(&home).is_ok_and(|it| it.len() == 3))?;
    tui.kill()?;
    let variable = home.variable();
    wait::until_true("the hooks to end", LIMIT, || sys::started_with(&variable).is_empty())?;
    let listed = home.sisyphus(&["list"])?;
    ensure!(!listed.contains("queued"), "an agent of a killed client is queued:\n{listed}");
    Ok(())
}

/// Waits until all calls are answered and two agents work. Returns the two.
pub(crate) fn two_work(home: &Home, api: &Api) -> Result<[usize; 2]> {
    let answered = conversation(api, "the answers to the calls", |request| {
        request.tool_results().len() == AGENTS
    })?;
    for (number, result) in answered.tool_results().iter().enumerate() {
        ensure!(!result.is_error, "call {number} failed: {}", result.text);
    }
    let told = answered.text().matches(WAITS).count();
    ensure!(told == AGENTS - 2, "{told} agents are said to wait:\n{}", answered.text());
    let working = || (0..AGENTS).filter(|part| was_started(home, *part)).collect::<Vec<_>>();
    wait::until_true("two agents to work", LIMIT, || working().len() >= 2)?;
    let working = working();
    <[usize; 2]>::try_from(working.as_slice())
        .with_context(|| format!("the agents {working:?} work"))
}

/// The queued agents in their order.
pub(super) fn queued(home: &Home) -> Result<Vec<usize>> {
    let active = active(home)?;
    let tasks = active["tasks"].as_array().cloned().unwrap_or_default();
    let queued = tasks.iter().filter(|task| task["status"]["state"] == "queued");
    let part = |task: &Value| task["description"].as_str()?.strip_prefix("part ")?.parse().ok();
    Ok(queued.filter_map(part).collect())
}

fn active(home: &Home) -> Result<Value> {
    let state = home.state().join("active.json");
    serde_json::from_slice(&fs::read(&state).context("there is no state")?).context("no JSON")
}

/// The agent that a request comes from; `None` for the conversation itself.
fn part_of(request: &Request) -> Option<usize> {
    let first = request.body["messages"][0].to_string();
    let (_, rest) = first.split_once(PROMPT)?;
    rest.chars().next()?.to_digit(10)?.try_into().ok()
}

/// Whether the newest message is the user's who calls the agents again.
fn is_again(request: &Request) -> bool {
    let messages = request.body["messages"].as_array();
    let mut users = messages.into_iter().flatten().filter(|message| message["role"] == "user");
    users.next_back().is_some_and(|message| {
        let text = message["content"].to_string();
        text.contains("\"again\"") && !text.contains("tool_result")
    })
}

/// How many tasks are not over.
pub(super) fn live(home: &Home) -> Result<usize> {
    let active = active(home)?;
    let tasks = active["tasks"].as_array().cloned().unwrap_or_default();
    Ok(tasks.iter().filter(|task| task["status"]["state"] != "finished").count())
}

/// Claude Code's id of the agent that the newest prompt asks to stop.
fn to_stop(request: &Request) -> Option<String> {
    let newest = request.body["messages"].as_array()?.last()?.to_string();
    let (_, part) = newest.split_once(STOP)?;
    let part: usize = part.chars().next()?.to_digit(10)?.try_into().ok()?;
    let result = &request.tool_results().into_iter().nth(part)?.text;
    let (_, rest) = result.split_once("agentId: ")?;
    Some(rest.split([' ', '\n']).next()?.to_owned())
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

pub(super) fn was_started(home: &Home, part: usize) -> bool {
    file(home, "begun", part).exists()
}

fn started(home: &Home, part: usize) -> Result<()> {
    wait::until_true(&format!("agent {part} to begin"), LIMIT, || was_started(home, part))
}

pub(super) fn finish(home: &Home, part: usize) -> Result<()> {
    fs::write(file(home, "end", part), "").context("could not end an agent")
}

/// Waits for a request of the conversation itself, and returns the newest.
fn conversation(api: &Api, what: &str, is_it: impl Fn(&Request) -> bool) -> Result<Request> {
    api.wait_for(what, LIMIT, |requests| {
        requests.iter().rev().find(|it| part_of(it).is_none() && is_it(it)).cloned()
    })
}

/// What each agent that worked said last is kept.
fn messages_are_kept(home: &Home, stopped: usize) -> Result<()> {
    let files = fs::read_dir(home.state().join("output")).context("no message is kept")?;
    let texts: Vec<String> =
        files.flatten().filter_map(|file| fs::read_to_string(file.path()).ok()).collect();
    for part in (0..AGENTS).filter(|part| *part != stopped) {
        let expected = format!("the result of {part}\n");
        ensure!(texts.contains(&expected), "the message of {part} is not among {texts:?}");
    }
    Ok(())
}

fn nothing_is_held(home: &Home) -> Result<()> {
    let active = active(home)?;
    let tasks = active["tasks"].as_array().map_or(0, Vec::len);
    ensure!(tasks == 0, "{tasks} tasks are live: {active}");
    let listed = home.sisyphus(&["list"])?;
    let count = |word: &str| {
        let lines = listed.lines().filter(|line| line.contains("agent general-purpose: part "));
        lines.filter(|line| line.contains(word)).count()
    };
    let ended = (count("completed"), count("cancelled"));
    ensure!(ended == (AGENTS - 1, 1), "{ended:?} agents completed and were cancelled:\n{listed}");
    let log = home.state().join("hooks.log");
    let log = fs::read_to_string(log).unwrap_or_default();
    ensure!(log.is_empty(), "something went wrong: {log}");
    Ok(())
}
