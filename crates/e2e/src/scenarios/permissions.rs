//! Permission rules work as without the plugin: allow, deny, ask.

use std::thread;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sisyphus_harness::program;

use super::compare::{Pair, all_equal};
use crate::api::{Api, Block, bash, text};
use crate::home::Setup;
use crate::mask::mask;
use crate::session::Session;
use crate::stage::Stage;

const COMMANDS: [&str; 3] = ["npm --version", "curl --version", "echo hi > x"];

/// Rules alone decide in it. Claude Code may start in another mode, in which a command that no rule names may run (CC-15).
const MODE: [&str; 2] = ["--permission-mode", "default"];

pub(super) fn run(stage: &Stage) -> Result<()> {
    program::need("npm", stage.name)?;
    // The two runs share nothing, so they run in parallel.
    let (without, with) = thread::scope(|scope| {
        let without = scope.spawn(|| results(stage, "without", Setup::without_plugin()));
        let with = results(stage, "with", Setup::with_plugin());
        (without.join(), with)
    });
    let without = without.ok().context("the run without the plugin panicked")??;
    let with = with.context("with the plugin")?;
    let names = calls().iter().map(call_name).chain(["all".to_owned()]).collect::<Vec<_>>();
    let pairs = without.into_iter().zip(with).zip(names);
    let pairs = pairs.map(|((without, with), what)| Pair { what, without, with });
    let pairs: Vec<_> = pairs.collect();
    // Rules that allow everything, or nothing, would prove nothing.
    ensure!(pairs[0].without.starts_with("false"), "`npm` is allowed, but: {}", pairs[0].without);
    ensure!(pairs[2].without.starts_with("true"), "`curl` is denied, but: {}", pairs[2].without);
    ensure!(
        pairs[4].without.starts_with("true"),
        "a write is asked about, but: {}",
        pairs[4].without
    );
    all_equal(&pairs)
}

/// Each command in the foreground, then in the background.
fn calls() -> Vec<Block> {
    COMMANDS.into_iter().flat_map(|command| [bash(command), bash(command).background()]).collect()
}

fn call_name(call: &Block) -> String {
    match call {
        Block::Text(text) => text.clone(),
        Block::ToolUse { input, .. } => input.to_string(),
    }
}

/// `is_error` and the text of each result, masked; all permission denials at the end.
fn results(stage: &Stage, label: &str, setup: Setup) -> Result<Vec<String>> {
    let rules = json!({ "permissions": { "allow": ["Bash(npm:*)"], "deny": ["Bash(curl:*)"] } });
    let home = stage.home(label, &setup.settings(rules))?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => calls(),
        _ => vec![text("done")],
    })?;
    let session = Session::print(&home, &api, &MODE, "go")?;
    let last = api.last()?;
    let mut results = Vec::new();
    for index in 0..calls().len() {
        let result = last.tool_result(&format!("toolu_0000_{index}"))?;
        results.push(format!("{} {}", result.is_error, mask(&result.text, &home)));
    }
    ensure!(
        !home.project.join("x").exists(),
        "`{label}` the plugin, a command ran without permission"
    );
    session.result()?;
    // A late notice makes one more turn, and Claude Code prints a result for each turn.
    let events = session.events()?;
    let denials =
        events.iter().filter_map(|event| event["permission_denials"].as_array()).flatten();
    let denied: Vec<_> = denials.map(|denial| denial["tool_use_id"].clone()).collect();
    results.push(format!("denials: {denied:?}"));
    Ok(results)
}
