//! `cargo xtask client-news [VERSION]`: what another Claude Code does differently from the pinned one. Without a version
//! it takes the newest of npm. It compares what hooks read in one conversation, then runs the scenarios.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sisyphus_harness::repository;

use super::api::{Api, Block, Request, bash, text, tool};
use super::client::{self, CLIENT, Version};
use super::home::Setup;
use super::scenarios::task_stop::started_task;
use super::scenarios::witness;
use super::session::{BYPASS, Session};
use super::stage::Stage;

/// The option that asks for the comparison.
pub(crate) const NEWS: &str = "--news";
/// The events that the conversation causes. SessionEnd does not always fire (CC-24).
const EVENTS: [&str; 9] = [
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "PostToolBatch",
    "SubagentStart",
    "SubagentStop",
    "Stop",
];
/// Begins the prompt of the subagent.
const ERRAND: &str = "an errand";

/// The fields of each event. An event of a tool is one of its own for each tool.
type Fields = BTreeMap<String, BTreeSet<String>>;

/// Names the version in arguments that ask for news of one; `None` if these don't, or name it already.
pub(crate) fn with_version(arguments: &[String]) -> Result<Option<Vec<String>>> {
    let Some((_, rest)) = arguments.split_first().filter(|(first, _)| *first == NEWS) else {
        return Ok(None);
    };
    let (version, rest) = match rest.split_first() {
        Some((first, _)) if first == CLIENT => return Ok(None),
        Some((first, rest)) if first.starts_with(|it: char| it.is_ascii_digit()) => {
            (first.parse()?, rest)
        }
        Some(_) | None => (newest()?, rest),
    };
    let mut arguments = vec![NEWS.to_owned(), CLIENT.to_owned(), version.to_string()];
    arguments.extend_from_slice(rest);
    Ok(Some(arguments))
}

/// Prints what hooks of this version read differently.
pub(crate) fn print(version: Version) -> Result<()> {
    let target = repository::target()?;
    let pinned = Version::pinned()?;
    let before = record(&client::fetch(&target, pinned)?)?;
    let after = record(&client::fetch(&target, version)?)?;
    println!("what hooks read, {version} against {pinned}:");
    let changes = changes(&before, &after);
    for line in &changes {
        println!("  {line}");
    }
    if changes.is_empty() {
        println!("  the same");
    }
    println!("the scenarios on {version}:");
    Ok(())
}

fn newest() -> Result<Version> {
    let package = client::package()?;
    let output = Command::new("npm").args(["view", &package, "version"]).output();
    let output = output.context("could not start `npm`")?;
    ensure!(output.status.success(), "`npm view {package} version` failed");
    String::from_utf8_lossy(&output.stdout).trim().parse()
}

/// The fields of all events of one conversation with this Claude Code, without the plugin.
fn record(client: &Path) -> Result<Fields> {
    let stage = Stage::set_up("news", client)?;
    let seen = stage.folder.join("seen");
    let setup = Setup::without_plugin().settings(witness::settings(&seen, &EVENTS)?);
    let home = stage.home("home", &setup)?;
    let api = Api::start(&home.folder.join("api"), |request, _| answer(request))?;
    Session::print(&home, &api, &[BYPASS], "go")?.result()?;
    let mut fields = Fields::new();
    for event in witness::seen(&seen)? {
        add(&mut fields, &event);
    }
    ensure!(fields.contains_key("Stop"), "the conversation fired no Stop: {:?}", fields.keys());
    stage.clean()?;
    Ok(fields)
}

/// The model: a command that it stops, one that fails in the background, one in the foreground, and a subagent.
fn answer(request: &Request) -> Vec<Block> {
    if request.body["messages"][0].to_string().contains(ERRAND) {
        return vec![text("I ran it.")];
    }
    let messages = request.body["messages"].to_string();
    if request.tool_results().is_empty() {
        let errand =
            json!({ "description": "run", "prompt": ERRAND, "subagent_type": "general-purpose" });
        return vec![
            bash("sleep 60").background(),
            bash("sleep 1; exit 3").background(),
            bash("echo here"),
            tool("Agent", errand),
        ];
    }
    if !messages.contains("\"name\":\"TaskStop\"") {
        let stop = json!({ "task_id": started_task(request) });
        return vec![tool("TaskStop", stop), bash("sleep 3; false")];
    }
    vec![text("done")]
}

fn add(fields: &mut Fields, event: &Value) {
    let name = event["hook_event_name"].as_str().unwrap_or("an event without a name");
    let name = match event["tool_name"].as_str() {
        Some(tool) => format!("{name} {tool}"),
        None => name.to_owned(),
    };
    let found = fields.entry(name).or_default();
    for (key, value) in event.as_object().into_iter().flatten() {
        found.insert(key.clone());
        // What a call holds and gives is as important as the event itself; deeper levels are not compared.
        let inner = match value {
            Value::Object(inner) => Some(inner),
            Value::Array(items) => items.first().and_then(Value::as_object),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        };
        found.extend(inner.into_iter().flat_map(|it| it.keys()).map(|it| format!("{key}.{it}")));
    }
}

/// One line for each event and field that came or went.
fn changes(before: &Fields, after: &Fields) -> Vec<String> {
    let mut lines = Vec::new();
    for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        match (before.get(name), after.get(name)) {
            (Some(_), None) => lines.push(format!("- {name} does not fire")),
            (None, Some(_)) => lines.push(format!("+ {name} fires")),
            (Some(before), Some(after)) => {
                lines.extend(before.difference(after).map(|it| format!("- {name}: {it}")));
                lines.extend(after.difference(before).map(|it| format!("+ {name}: {it}")));
            }
            (None, None) => {}
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_went_is_named() {
        let mut before = Fields::new();
        let mut after = Fields::new();
        let event = |name: &str| json!({ "hook_event_name": name, "cwd": "/" });
        add(&mut before, &event("Stop"));
        add(&mut before, &event("Gone"));
        let call = json!({ "hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_response": { "old": 1 } });
        add(&mut before, &call);
        assert_eq!(changes(&before, &before), Vec::<String>::new());
        let tasks = json!({ "hook_event_name": "Stop", "tasks": [{ "id": "b1" }] });
        add(&mut after, &tasks);
        let call = json!({ "hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_response": { "new": 1 } });
        add(&mut after, &call);
        add(&mut after, &event("Fresh"));
        assert_eq!(
            changes(&before, &after),
            [
                "+ Fresh fires",
                "- Gone does not fire",
                "- PostToolUse Bash: tool_response.old",
                "+ PostToolUse Bash: tool_response.new",
                "- Stop: cwd",
                "+ Stop: tasks",
                "+ Stop: tasks.id",
            ]
        );
    }
}
