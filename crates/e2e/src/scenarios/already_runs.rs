//! A command that runs already in the same folder is launched again: the model reads which one runs and since when. In
//! another folder it reads nothing of that. With `sisyphus.deny_duplicates` the second call is denied, and the first
//! command goes on.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::api::{Api, Block, Request, bash, text};
use crate::home::{Home, Setup};
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

const LIMIT: Duration = Duration::from_secs(40);
/// The same text in each folder.
const HELD: &str = "echo x >> held; until [ -e \"$HOME/stop\" ]; do sleep 0.1; done; exit 3";
const RUNS: &str = "until [ -e held ]; do sleep 0.1; done";
const CLAUSE: &str = "[sisyphus] The same command already runs in this folder: ";
const REFUSED: &str = "[sisyphus] Not started (setting `sisyphus.deny_duplicates`): the same command already runs in this folder: ";

fn held(name: &str) -> Block {
    bash(HELD).description(name).background()
}

pub(super) fn run(stage: &Stage) -> Result<()> {
    named(stage).context("by default")?;
    denied(stage).context("with `deny_duplicates`")
}

fn named(stage: &Stage) -> Result<()> {
    let home = stage.home("named", &Setup::with_plugin())?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![held("first")],
        1 => vec![bash(RUNS)],
        2 => vec![held("again")],
        3 => vec![bash("mkdir sub && cd sub")],
        4 => vec![held("elsewhere")],
        5 => vec![bash(RUNS)],
        _ => vec![text("I see.")],
    })?;
    let mut session = Session::idle(&home, &api, &[BYPASS])?;
    session.send("go")?;
    let last = api.wait_for("the answers", LIMIT, |all| all.get(6).cloned())?;
    let text = last.text();
    ensure!(text.matches(CLAUSE).count() == 1, "not one clause:\n{text}");
    let first = task(&home, "first")?;
    let expected = format!("{CLAUSE}{} (\"first\"), since 20", first["id"].as_str().unwrap_or("?"));
    ensure!(text.contains(&expected), "not `{expected}` in:\n{text}");
    let folder = task(&home, "elsewhere")?["cwd"].clone();
    ensure!(folder == json!(home.project.join("sub")), "the third ran in {folder}");
    end(&home, &api, &mut session, &["first", "again", "elsewhere"])
}

fn denied(stage: &Stage) -> Result<()> {
    let settings = json!({ "sisyphus": { "deny_duplicates": true } });
    let home = stage.home("denied", &Setup::with_plugin().settings(settings))?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![held("first")],
        1 => vec![bash(RUNS)],
        2 => vec![held("again")],
        _ => vec![text("I see.")],
    })?;
    let mut session = Session::idle(&home, &api, &[BYPASS])?;
    session.send("go")?;
    let last = api.wait_for("the answers", LIMIT, |all| all.get(3).cloned())?;
    let refused = last.tool_result("toolu_0002_0")?;
    let first = task(&home, "first")?;
    let expected =
        format!("{REFUSED}{} (\"first\"), since 20", first["id"].as_str().unwrap_or("?"));
    ensure!(refused.is_error && refused.text.contains(&expected), "it reads: {}", refused.text);
    ensure!(refused.text.contains("Use that one, or stop it first."), "it reads: {}", refused.text);
    ensure!(first["status"] == "running", "the first one did not go on: {first}");
    ensure!(task(&home, "again").is_err(), "the denied call has a record");
    end(&home, &api, &mut session, &["first"])?;
    let log = fs::read_to_string(home.project.join("held")).context("nothing ran")?;
    ensure!(log == "x\n", "the denied command ran too: {log:?}");
    Ok(())
}

/// Lets all commands end. The model reads each result.
fn end(home: &Home, api: &Api, session: &mut Session<'_>, names: &[&str]) -> Result<()> {
    fs::write(home.path.join("stop"), "")?;
    let all_read = |request: &Request| {
        let text = request.text();
        names.iter().all(|name| text.contains(&format!("(\"{name}\") failed with exit code 3")))
    };
    api.wait_for("all results", LIMIT, |all| all.iter().any(all_read).then_some(()))?;
    session.finish()
}

/// The task with this description, as the list shows it.
fn task(home: &Home, name: &str) -> Result<Value> {
    let listed: Value = serde_json::from_str(&home.sisyphus(&["list", "--json"])?)?;
    let tasks = listed["tasks"].as_array().into_iter().flatten();
    let found = tasks.clone().find(|task| task["description"] == name);
    found.cloned().with_context(|| format!("no task `{name}` in {listed}"))
}
