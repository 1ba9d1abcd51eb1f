//! The model lists, reads, awaits and stops background commands with the tools of our server. The permission rules name
//! the server and nothing else of ours. A result that the model has read to the end is not delivered again.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use sisyphus_harness::sys;

use crate::api::{Api, Block, Request, bash, text, tool};
use crate::home::Setup;
use crate::session::Session;
use crate::stage::Stage;
use crate::tui::Tui;
use crate::wait;

const SERVER: &str = "mcp__plugin_sisyphus_tasks";
/// Prints, and fails while a call waits for it.
const TESTS: &str = "echo one; until [ -e go ]; do sleep 0.1; done; sleep 2; echo two; exit 3";
/// Ignores TERM, with a child in a session of its own.
const TREE: &str = "trap '' TERM; setsid sh -c 'echo $$ >> pids; exec sleep 300' & \
    sleep 300 & echo $! >> pids; echo $$ >> pids; while :; do sleep 0.2; done";
const GROWN: &str = "until [ \"$(cat pids 2>/dev/null | wc -l)\" = 3 ]; do sleep 0.1; done";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let go = home.project.join("go");
    let api = Api::start(&home.folder.join("api"), move |request, number| match number {
        0 => vec![
            bash(TESTS).description("tests").background(),
            bash(TREE).description("tree").background(),
        ],
        // Claude Code hides a server's tools until the model searches for them.
        1 => vec![bash(GROWN), tool("ToolSearch", json!({ "query": select(), "max_results": 5 }))],
        2 => vec![
            ours("list", json!({})),
            ours("output", json!({ "task_id": "tests", "since": 0 })),
            ours("output", json!({ "task_id": "nobody" })),
        ],
        3 => {
            let _ = fs::write(&go, "");
            vec![ours("output", awaited(request))]
        }
        4 => vec![ours("cancel", json!({ "task_id": "tree" }))],
        5 => vec![ours("list", json!({ "status": "ended" }))],
        _ => vec![text("done")],
    })?;
    let mut session = Session::idle(&home, &api, &["--allowedTools", SERVER, "Bash"])?;
    session.send("go")?;
    api.wait_for("the last answer", Duration::from_secs(60), |all| all.get(6).map(|_| ()))?;
    let all = api.wait_until_quiet(Duration::from_secs(4), Duration::from_secs(30))?;
    let last = all.last().context("Claude Code sent no request")?;

    let listed = data(last, "toolu_0002_0")?;
    let states: Vec<String> = list(&listed["tasks"])
        .iter()
        .map(|task| format!("{} {}", task["description"], task["status"]))
        .collect();
    ensure!(states == ["\"tests\" \"running\"", "\"tree\" \"running\""], "it lists {listed}");
    let news = data(last, "toolu_0002_1")?;
    ensure!(news["output"] == "one" && news["ended"] == false, "its news: {news}");
    let unknown = last.tool_result("toolu_0002_2")?;
    ensure!(
        unknown.is_error && unknown.text.contains("no task `nobody`; background_list shows"),
        "an unknown task is answered with: {}",
        unknown.text
    );
    let result = data(last, "toolu_0003_0")?;
    ensure!(
        result["output"] == "two" && result["exit_code"] == 3 && result["ended"] == true,
        "the result: {result}"
    );
    ensure!(
        result["status"] == "failed"
            && result.get("result").is_none()
            && result["error"].as_str().is_some_and(|it| it.ends_with("; last line: two")),
        "its documented fields: {result}"
    );
    let stopped = data(last, "toolu_0004_0")?;
    ensure!(
        stopped["cancelled"] == 1
            && stopped["tasks"][0]["status_before"] == "running"
            && stopped["tasks"][0]["status"] == "cancelled",
        "what was cancelled: {stopped}"
    );
    all_dead(&home.project.join("pids"))?;
    let ended = data(last, "toolu_0005_0")?;
    ensure!(list(&ended["tasks"]).len() == 2, "what has ended: {ended}");

    ensure!(all.len() == 7, "{} requests: something was reported again", all.len());
    let told = last.reminders();
    ensure!(told.is_empty(), "it was reported again: {told:?}");
    session.finish()?;
    let complaint = fs::read_to_string(home.folder.join("err")).unwrap_or_default();
    ensure!(complaint.is_empty(), "Claude Code complained: {complaint}");
    Ok(())
}

/// One server serves every session of its client. After `/clear` the conversation has a new session id and keeps all
/// running tasks, so the model can stop the earlier ones too.
pub(super) fn run_after_clear(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![bash("sleep 300").description("before").background()],
        2 => vec![bash("sleep 299").description("behind").background()],
        3 => vec![tool("ToolSearch", json!({ "query": select(), "max_results": 5 }))],
        4 => vec![ours("list", json!({})), ours("cancel", json!({ "task_id": "before" }))],
        number => vec![text(format!("Answer {number}."))],
    })?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("start one")?;
    tui.wait_for_screen("Answer 1.")?;
    tui.say("/clear")?;
    wait::until_true("the screen to be clear", Duration::from_secs(10), || {
        tui.screen().is_ok_and(|screen| !screen.contains("Answer 1."))
    })?;
    tui.say("start another")?;
    tui.wait_for_screen("Answer 5.")?;
    // Side requests count too in the ids of calls; the two answers are the last ones.
    let results = api.last()?.tool_results();
    let [.., listed, stopped] = results.as_slice() else { bail!("not two answers: {results:?}") };
    for (answer, status, expected) in
        [(listed, "running", &["before", "behind"][..]), (stopped, "cancelled", &["before"])]
    {
        let tasks: Value = serde_json::from_str(&answer.text)
            .with_context(|| format!("it was answered with: {}", answer.text))?;
        let tasks = list(&tasks["tasks"]).iter().filter(|task| task["status"] == status);
        let names: Vec<&str> = tasks.filter_map(|task| task["description"].as_str()).collect();
        ensure!(names == expected, "it was answered with: {}", answer.text);
    }
    Ok(())
}

fn select() -> String {
    let names = ["list", "output", "cancel"].map(|name| format!("{SERVER}__background_{name}"));
    format!("select:{}", names.join(","))
}

fn ours(name: &str, input: Value) -> Block {
    tool(&format!("{SERVER}__background_{name}"), input)
}

/// The rest of the output, from the cursor of the answer before.
fn awaited(request: &Request) -> Value {
    // A missing field fails with the scenario's own message.
    let cursor = data(request, "toolu_0002_1").unwrap_or_default()["next_since"].take();
    json!({ "task_id": "tests", "since": cursor, "block": true, "timeout_ms": 30_000 })
}

/// The answer of a tool, as the model reads it.
fn data(request: &Request, call: &str) -> Result<Value> {
    let result = request.tool_result(call)?;
    ensure!(!result.is_error, "`{call}` failed: {}", result.text);
    serde_json::from_str(&result.text)
        .with_context(|| format!("`{call}` was answered with no JSON: {}", result.text))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn all_dead(pids: &std::path::Path) -> Result<()> {
    let text = fs::read_to_string(pids)?;
    let tree: Vec<u32> = text.lines().flat_map(str::parse).collect();
    ensure!(tree.len() == 3, "the tree never grew: {text}");
    wait::until_true("the whole tree to die", Duration::from_secs(2), || {
        tree.iter().all(|id| !sys::is_alive(*id))
    })
}
