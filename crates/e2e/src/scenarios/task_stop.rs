//! The model stops a task: every process of it dies, and the record names the requester.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sisyphus_harness::sys;

use crate::api::{Api, Request, bash, text, tool};
use crate::home::Setup;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;
use crate::wait;

/// Ignores TERM. It has a child in a session of its own, a shell with a child, and a plain child.
const TREE: &str = r"trap 'echo got-TERM' TERM
setsid sh -c 'echo $$ >> pids; exec sleep 300' &
sh -c 'echo $$ >> pids; sleep 300; true' &
sleep 300 & echo $! >> pids
echo $$ >> pids
while :; do sleep 1; done";
const PIDS: usize = 4;
/// Ends a moment after all of it has started.
const GROWN: &str =
    "until [ \"$(cat pids 2>/dev/null | wc -l)\" = 4 ]; do sleep 0.1; done; sleep 1";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let api = Api::start(&home.folder.join("api"), |request, number| match number {
        0 => vec![bash(TREE).description("serve").background()],
        1 => vec![bash(GROWN)],
        2 => vec![tool("TaskStop", json!({ "task_id": started_task(request) }))],
        _ => vec![text("done")],
    })?;
    let mut session = Session::idle(&home, &api, &[BYPASS])?;
    session.send("go")?;

    let file = home.project.join("pids");
    let tree = wait::until("the tree to grow", Duration::from_secs(30), || {
        let pids: Vec<u32> =
            fs::read_to_string(&file).unwrap_or_default().lines().flat_map(str::parse).collect();
        Ok((pids.len() == PIDS).then_some(pids))
    })?;
    ensure!(tree.iter().all(|id| sys::is_alive(*id)), "the tree died before it was stopped");
    api.wait_for("the stop", Duration::from_secs(10), |requests| requests.get(3).map(|_| ()))?;
    let result = api.last()?.tool_result("toolu_0002_0")?;
    ensure!(!result.is_error, "TaskStop failed: {}", result.text);
    let all_dead = || tree.iter().all(|id| !sys::is_alive(*id));
    wait::until_true("the whole tree to die", Duration::from_secs(8), all_dead).with_context(
        || {
            format!(
                "these live: {:?}",
                tree.iter().filter(|id| sys::is_alive(**id)).collect::<Vec<_>>()
            )
        },
    )?;

    // The runner may need a moment to record the exit.
    let mut listed = String::new();
    wait::until("`sisyphus list --json` to name the requester", Duration::from_secs(5), || {
        listed = home.sisyphus(&["list", "--json"])?;
        let list: Value =
            serde_json::from_str(&listed).context("`sisyphus list --json` printed no JSON")?;
        Ok(find_task(&list).filter(is_cancelled_by_model))
    })
    .with_context(|| format!("it says: {listed}"))?;
    session.finish()
}

pub(crate) fn started_task(request: &Request) -> String {
    let result = request.tool_result("toolu_0000_0");
    // With a missing id TaskStop fails, which the scenario reports.
    result.and_then(|result| result.task().map(str::to_owned)).unwrap_or_default()
}

/// The one task with our command, at any depth of the list.
fn find_task(value: &Value) -> Option<Value> {
    if value["command"].as_str().is_some_and(|command| command.contains("got-TERM")) {
        return Some(value.clone());
    }
    match value {
        Value::Array(items) => items.iter().find_map(find_task),
        Value::Object(map) => map.values().find_map(find_task),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn is_cancelled_by_model(task: &Value) -> bool {
    holds(task, "status", "cancelled") && holds(task, "by", "model")
}

/// Whether `key` has the value `expected` at any depth.
fn holds(value: &Value, key: &str, expected: &str) -> bool {
    match value {
        Value::Object(map) => {
            map.get(key).is_some_and(|found| found == expected)
                || map.values().any(|inner| holds(inner, key, expected))
        }
        Value::Array(items) => items.iter().any(|item| holds(item, key, expected)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_who_cancelled_is_found_at_any_depth() {
        let flat = json!({ "status": "cancelled", "by": "model" });
        let nested = json!({ "state": { "status": "cancelled", "by": "model" } });
        assert!(is_cancelled_by_model(&flat) && is_cancelled_by_model(&nested));
        assert!(!is_cancelled_by_model(&json!({ "status": "cancelled", "by": "user" })));
        assert!(!is_cancelled_by_model(&json!({ "status": "failed", "by": "model" })));
    }
}
