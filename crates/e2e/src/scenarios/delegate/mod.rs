//! Delegated sessions with the real Claude Code: the model asks for them, and the same scripted model plays them. A
//! session is known by its first prompt, which begins with `SESSION`, a blank and its name.

mod cancelled;
mod continued;
mod delivered;
mod failed;
mod killed;
mod limited;
mod person;
mod queued;
mod rights;
mod unread;
mod waited;
mod worktrees;

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sisyphus_harness::sys;

use crate::api::{Api, Block, Request, bash, text, tool};
use crate::home::{Home, Setup};
use crate::wait;

pub(in crate::scenarios) use cancelled::run as run_cancelled;
pub(in crate::scenarios) use continued::run as run_continued;
pub(in crate::scenarios) use delivered::{
    run as run_delivered, run_after_clear, run_after_kill, run_elsewhere, run_mid_turn,
};
pub(in crate::scenarios) use failed::run as run_failed;
pub(in crate::scenarios) use killed::run as run_killed;
pub(in crate::scenarios) use limited::run as run_limited;
pub(in crate::scenarios) use person::run as run_person;
pub(in crate::scenarios) use queued::run as run_queued;
pub(in crate::scenarios) use rights::run as run_rights;
pub(in crate::scenarios) use unread::{
    run_adopted as run_unread_adopted, run_after_call as run_unread_after_call,
    run_at_start as run_unread_at_start, run_at_stop as run_unread_at_stop,
    run_interrupted as run_unread_interrupted, wait_until_printed,
};
pub(in crate::scenarios) use waited::run as run_waited;
pub(in crate::scenarios) use worktrees::run as run_worktrees;

const SERVER: &str = "mcp__plugin_sisyphus_tasks";
/// How long anything may take that one Claude Code does at once.
const SOON: Duration = Duration::from_secs(40);

/// A home whose sessions may run every command, and so many sessions at once.
pub(crate) fn setup(limit: usize) -> Setup {
    Setup::with_plugin().settings(json!({
        "permissions": { "allow": ["Bash", SERVER] },
        "sisyphus": { "max_background_tasks": limit },
    }))
}

/// The name of the session that sends this request; `None` for the one that delegates.
pub(crate) fn session_of(request: &Request) -> Option<String> {
    let first = &request.body["messages"][0]["content"];
    let first = first.to_string();
    let (_, rest) = first.split_once("SESSION ")?;
    let name = rest.split(|letter: char| !letter.is_ascii_alphanumeric()).next()?;
    Some(name.to_owned())
}

/// The requests of the conversation that delegates.
fn own(requests: &[Request]) -> Vec<&Request> {
    requests.iter().filter(|request| session_of(request).is_none()).collect()
}

/// How many answers the conversation of this request has had.
pub(crate) fn turn(request: &Request) -> usize {
    let messages = request.body["messages"].as_array().into_iter().flatten();
    messages.filter(|message| message["role"] == "assistant").count()
}

/// Ends what was started from a home, also after a failure: a session outlives everything that asked for it.
struct Swept<'a>(&'a Home);

impl Drop for Swept<'_> {
    fn drop(&mut self) {
        crate::session::sweep(self.0);
    }
}

/// Plays a session that marks its start, waits for the file `go-NAME`, and answers.
pub(crate) fn play(request: &Request, name: &str) -> Vec<Block> {
    if request.tool_results().is_empty() {
        let wait = format!(
            "echo {name} >> started; until [ -e go-{name} ]; do sleep 0.05; done; echo worked"
        );
        return vec![text("Working."), bash(&wait)];
    }
    vec![text(format!("Answer of {name}."))]
}

/// What Claude Code needs before it shows the tools of a server.
pub(crate) fn search() -> Block {
    let names = ["delegate_task", "background_list", "background_output", "background_cancel"];
    let names = names.map(|name| format!("{SERVER}__{name}"));
    let query = format!("select:{}", names.join(","));
    tool("ToolSearch", json!({ "query": query, "max_results": 5 }))
}

/// A call of one of our tools.
pub(crate) fn ours(name: &str, input: Value) -> Block {
    tool(&format!("{SERVER}__{name}"), input)
}

/// A call that delegates the session of this name.
fn delegate(name: &str) -> Block {
    ours(
        "delegate_task",
        json!({ "description": name, "prompt": format!("SESSION {name} please") }),
    )
}

/// All answers of `delegate_task` in a request, in the order of their calls.
fn delegated(request: &Request) -> Vec<Value> {
    let answers = request.tool_results().into_iter();
    let answers = answers.filter_map(|it| serde_json::from_str::<Value>(&it.text).ok());
    answers.filter(|it| it["session_id"].is_string() && it["task_id"].is_string()).collect()
}

/// The names of the sessions that have started, in their order.
fn started(home: &Home) -> Vec<String> {
    let text = std::fs::read_to_string(home.project.join("started")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

pub(crate) fn wait_for_start(home: &Home, count: usize) -> Result<()> {
    wait::until_true(&format!("session number {count} to start"), SOON, || {
        started(home).len() >= count
    })
}

fn go(home: &Home, name: &str) -> Result<()> {
    std::fs::write(home.project.join(format!("go-{name}")), "")?;
    Ok(())
}

/// The records of all sessions, as `sisyphus list --json` shows them.
fn listed(home: &Home) -> Result<Vec<Value>> {
    let text = home.sisyphus(&["list", "--json"])?;
    let all: Value = serde_json::from_str(&text).context("`list --json` printed no JSON")?;
    let tasks = all.as_array().or(all["tasks"].as_array()).cloned().unwrap_or_default();
    Ok(tasks.into_iter().filter(|task| task["kind"] == "session").collect())
}

/// Does what the answer to a cancellation says, with each session that this conversation has delegated.
fn continue_all(request: &Request) -> Vec<Block> {
    let continued = |answer: Value| {
        let (id, prompt) = (&answer["session_id"], "Continue: go on");
        ours("delegate_task", json!({ "session_id": id, "description": "more", "prompt": prompt }))
    };
    delegated(request).into_iter().map(continued).collect()
}

/// The processes of this home whose command line is meant.
fn processes(home: &Home, is_meant: impl Fn(&str) -> bool) -> Vec<u32> {
    let mut found = sys::started_with(&home.variable());
    found.retain(|id| is_meant(&read_process(*id, "cmdline")));
    found
}

/// A file of a process, with blanks between what it lists.
fn read_process(id: u32, name: &str) -> String {
    let bytes = std::fs::read(format!("/proc/{id}/{name}")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// Waits until as many sessions are over.
fn wait_for_ends(home: &Home, count: usize) -> Result<Vec<Value>> {
    wait::until(&format!("{count} sessions to end"), SOON, || {
        let all = listed(home)?;
        let over = all.iter().filter(|it| !it["ended_at"].is_null()).count();
        Ok((over >= count).then_some(all))
    })
}

/// The delegating conversation, once nothing more comes: a result may cost it a turn of its own.
fn settled(api: &Api) -> Result<Request> {
    let all = api.wait_until_quiet(Duration::from_secs(3), SOON)?;
    own(&all).last().map(|it| (*it).clone()).context("it sent no request")
}

/// Waits for a request of the delegating conversation with this number.
fn wait_for_own(api: &Api, number: usize) -> Result<Request> {
    api.wait_for("the next turn", SOON, |all| own(all).get(number).map(|it| (*it).clone()))
}
