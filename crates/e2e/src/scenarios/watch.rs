//! The model watches a command: a line that matches wakes the idle session in the terminal, once. Then it waits for
//! another line with `until`, and stops the watch.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::api::{Api, Block, Request, bash, text, tool};
use crate::home::Setup;
use crate::stage::Stage;
use crate::tui::Tui;

const SERVER: &str = "mcp__plugin_sisyphus_tasks";
const LIMIT: Duration = Duration::from_secs(40);
/// Longer than the waiter needs to wake the session again.
const QUIET: Duration = Duration::from_secs(13);
const SAID: &str = "printed 1 line that you watch for";
const COMMAND: &str = "echo fine; until [ -e one ]; do sleep 0.1; done; echo 'ERROR one'; \
    until [ -e two ]; do sleep 0.1; done; echo 'port 4711 open'; \
    until [ -e three ]; do sleep 0.1; done; echo 'ERROR two'; sleep 300";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let api = Api::start(&home.folder.join("api"), |request, number| match number {
        0 => vec![bash(COMMAND).description("build").background()],
        1 => vec![tool("ToolSearch", json!({ "query": select(), "max_results": 5 }))],
        2 => vec![ours("watch", json!({ "task_id": "build", "pattern": "ERROR" }))],
        3 => vec![text("Waiting now.")],
        _ if request.text().contains("Saw the port.") => vec![text("Nothing is new.")],
        _ if answers(request).contains("The watch has ended.") => vec![text("Saw the port.")],
        _ if answers(request).contains("port 4711 open") => {
            vec![ours("watch", json!({ "task_id": "build", "stop": true }))]
        }
        _ => vec![ours("output", json!({ "task_id": "build", "until": r"port \d+" }))],
    })?;
    let touch = |name: &str| {
        let path = home.project.join(name);
        std::fs::write(&path, "").with_context(|| format!("could not write `{}`", path.display()))
    };
    let tui = Tui::start(&home, &api, &["--allowedTools", SERVER, "Bash"])?;
    tui.say("build")?;
    tui.wait_for_screen("Waiting now.")?;
    touch("one")?;
    let woken = api.wait_for("the session to wake", LIMIT, |requests| {
        requests.iter().find(|request| reminder(request).is_some()).cloned()
    })?;
    let told = reminder(&woken).context("no reminder")?;
    ensure!(told.contains("\n| ERROR one\n"), "the reminder does not quote the line:\n{told}");
    touch("two")?;
    tui.wait_for_screen("Saw the port.")?;
    touch("three")?;
    let requests = api.wait_until_quiet(QUIET, LIMIT)?;
    tui.say("what is new?")?;
    tui.wait_for_screen("Nothing is new.")?;
    let last = api.last()?;
    let count = last.text().matches(SAID).count();
    ensure!(count == 1, "the whole conversation has the line {count} times");
    let said = last.reminders().into_iter().find(|text| text.contains("\n| ERROR two\n"));
    ensure!(said.is_none(), "a stopped watch has said something: {said:?}");
    println!("     woken by one line in {} requests", requests.len());
    Ok(())
}

fn reminder(request: &Request) -> Option<String> {
    request.reminders().into_iter().find(|reminder| reminder.contains(SAID))
}

/// What the tools have answered.
fn answers(request: &Request) -> String {
    request.tool_results().iter().map(|result| result.text.as_str()).collect()
}

fn select() -> String {
    let names = ["watch", "output"].map(|name| format!("{SERVER}__background_{name}"));
    format!("select:{}", names.join(","))
}

fn ours(name: &str, input: Value) -> Block {
    tool(&format!("{SERVER}__background_{name}"), input)
}
