//! A hook has printed a result for a subagent, and the subagent ends before it reads that, because another hook of the
//! same answer still runs (CC-97). The main conversation reads the result, marked and once.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::delegate::wait_until_printed;
use super::reminder_mid_turn::MARK;
use crate::api::{Api, Block, Request, bash, text, tool};
use crate::home::{Home, Setup};
use crate::session::{BYPASS, Session};
use crate::stage::Stage;
use crate::tui::Tui;
use crate::wait;

const LIMIT: Duration = Duration::from_secs(30);
const CONVERSATION: &str = "5b0c6a3e-7d0f-4c55-9a0e-0d6f2f1f8a11";
/// The agent's prompt, which distinguishes its requests from those of the conversation.
const PROMPT: &str = "SUBTASK build it";
const STOP: &str = "stop the agent";
/// How our report of the result goes on. Claude Code's own notice has other words.
const OURS: &str = " failed with exit code 3 after ";

/// The user stops all agents.
pub(super) fn run_stopped(stage: &Stage) -> Result<()> {
    let home = home(stage)?;
    let api = api(&home)?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("go")?;
    end_beside_the_agent(&home)?;
    tui.stop_all_agents()?;
    check_read(&api, |prompt| tui.say(prompt))
}

/// The model stops the agent.
pub(super) fn run_cancelled(stage: &Stage) -> Result<()> {
    let home = home(stage)?;
    let api = api(&home)?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("go")?;
    end_beside_the_agent(&home)?;
    tui.say(STOP)?;
    check_read(&api, |prompt| tui.say(prompt))
}

/// Claude Code is killed, and the conversation continued.
pub(super) fn run_killed(stage: &Stage) -> Result<()> {
    let home = home(stage)?;
    let api = api(&home)?;
    let mut session = Session::idle(&home, &api, &[BYPASS, "--session-id", CONVERSATION])?;
    session.send("go")?;
    end_beside_the_agent(&home)?;
    session.kill()?;
    drop(session);
    let mut resumed = Session::idle(&home, &api, &[BYPASS, "--resume", CONVERSATION])?;
    check_read(&api, |prompt| resumed.send(prompt))?;
    resumed.finish()
}

/// No hook is slow, and the agent reads it. Then the main conversation does not.
pub(super) fn run_read(stage: &Stage) -> Result<()> {
    let home = home(stage)?;
    let api = api(&home)?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("go")?;
    end_before_the_answer(&home)?;
    fs::write(home.project.join("next"), "")?;
    let said = talk(&api, |prompt| tui.say(prompt))?;
    ensure!(said == Said { to_agent: 1, to_main: 0, marked: 0 }, "it came so often: {said:?}");
    Ok(())
}

/// A home with another hook of Bash's answers. It takes a minute while the file `slow` is there.
fn home(stage: &Stage) -> Result<Home> {
    let slow = "if [ -e slow ]; then sleep 60; fi";
    let hook = json!([{ "matcher": "Bash", "hooks": [{ "type": "command", "command": slow }] }]);
    stage.home("home", &Setup::with_plugin().settings(json!({ "hooks": { "PostToolUse": hook } })))
}

fn api(home: &Home) -> Result<Api> {
    let project = home.project.clone();
    Api::start(&home.folder.join("api"), move |request, number| {
        if is_agents(request) {
            return work(request, &project);
        }
        let agent =
            json!({ "description": "build", "prompt": PROMPT, "subagent_type": "general-purpose" });
        match to_stop(request) {
            _ if number == 0 => vec![tool("Agent", agent)],
            Some(id) => vec![tool("TaskStop", json!({ "task_id": id }))],
            None => vec![text("I see.")],
        }
    })
}

/// The agent starts a command in the background, and another one that it waits for.
fn work(request: &Request, project: &Path) -> Vec<Block> {
    let until = |file: &str| format!("until [ -e {file} ]; do sleep 0.05; done");
    match request.tool_results().len() {
        0 => vec![bash(&format!("{}; exit 3", until("over"))).description("build").background()],
        1 => {
            let waits = fs::write(project.join("waits"), "");
            vec![waits.map_or_else(|error| text(error.to_string()), |()| bash(&until("next")))]
        }
        _ => vec![text("The agent has read it.")],
    }
}

/// Claude Code's id of the agent, if the user has asked to stop it and the model has not done so yet.
fn to_stop(request: &Request) -> Option<String> {
    let results = request.tool_results();
    let [launched] = results.as_slice() else { return None };
    let (_, id) =
        launched.text.split_once("agentId: ").filter(|_| request.text().contains(STOP))?;
    Some(id.split([' ', '\n']).next()?.to_owned())
}

fn is_agents(request: &Request) -> bool {
    request.body["messages"][0].to_string().contains(PROMPT)
}

/// The background command ends while the agent waits for the other one.
fn end_before_the_answer(home: &Home) -> Result<()> {
    let file = |name: &str| home.project.join(name);
    wait::until_true("the agent to wait", LIMIT, || file("waits").exists())?;
    fs::write(file("over"), "")?;
    wait::until_true("the command to end", LIMIT, || {
        home.sisyphus(&["list"]).is_ok_and(|listed| listed.contains("failed(3)"))
    })
}

/// The background command ends. Then the other one does, a hook prints the result, and the slow one runs.
fn end_beside_the_agent(home: &Home) -> Result<()> {
    end_before_the_answer(home)?;
    fs::write(home.project.join("slow"), "")?;
    fs::write(home.project.join("next"), "")?;
    wait_until_printed(home)
}

/// How often the result was said.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    to_agent: usize,
    to_main: usize,
    marked: usize,
}

/// The conversation reads the result once, marked, whatever follows. The agent never does.
fn check_read(api: &Api, say: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let said = talk(api, say)?;
    ensure!(said == Said { to_agent: 0, to_main: 1, marked: 1 }, "it came so often: {said:?}");
    Ok(())
}

/// The user waits, and types two prompts.
fn talk(api: &Api, mut say: impl FnMut(&str) -> Result<()>) -> Result<Said> {
    api.wait_until_quiet(Duration::from_secs(5), LIMIT)?;
    for prompt in ["what came of it?", "and now?"] {
        say(prompt)?;
        api.wait_for(prompt, LIMIT, |requests| {
            requests.iter().any(|it| it.text().contains(prompt)).then_some(())
        })?;
        api.wait_until_quiet(Duration::from_secs(2), LIMIT)?;
    }
    let (of_agent, own): (Vec<_>, Vec<_>) = api.requests().into_iter().partition(is_agents);
    // The newest request holds the whole conversation.
    let main = own.last().map(Request::text).context("it sent no request")?;
    let count = |request: &Request| request.text().matches(OURS).count();
    Ok(Said {
        // Older versions forget what hooks said when the agent runs again (CC-97).
        to_agent: of_agent.iter().map(count).max().unwrap_or_default(),
        to_main: main.matches(OURS).count(),
        marked: main.matches(MARK).count(),
    })
}
