//! Starts the hooks of another system with what Claude Code really sent, as `hooks.json` of the archive wires them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sisyphus_harness::remove;

use super::home::{CLIENT_TMP, Home, PROJECT};
use super::toolchain::Toolchain;

const PAYLOADS: &str = "crates/hooks/tests/payloads";
/// The project and Claude Code's temporary folder in every payload.
const RECORDED: [(&str, &str); 2] = [("/home/dev/proj", PROJECT), ("/tmp/claude-1000", CLIENT_TMP)];
const PLUGIN: &str = "${CLAUDE_PLUGIN_ROOT}";
/// What happens to one command, from the call to the notice of its end.
const STORY: [&str; 5] = [
    "session-start.startup",
    "pre-tool-use.bash-background",
    "post-tool-use.bash-background",
    "user-prompt-submit.notification-bash-completed",
    "stop.idle",
];

/// Each recorded event alone, then those of one command in one home.
pub(super) fn replay(root: &Path, tree: &Path, toolchain: &Toolchain) -> Result<()> {
    let wiring = fs::read(tree.join("hooks/hooks.json")).context("could not read `hooks.json`")?;
    let wiring: Value = serde_json::from_slice(&wiring)?;
    let homes = toolchain.folder().join("replay");
    // Wine may hold a home of an earlier run for some seconds.
    let _ = remove(&homes);
    let homes = homes.join(std::process::id().to_string());
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join(PAYLOADS)).context("could not list the payloads")? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let (mut started, mut complaints) = (BTreeSet::new(), Vec::new());
    let payload = |name: &str| root.join(PAYLOADS).join(name);
    for name in &names {
        let send = |home: &Home<'_>| send(home, &wiring, &payload(name));
        match Home::act(tree, toolchain, &homes.join(name), send) {
            Ok(programs) => started.extend(programs),
            Err(error) => complaints.push(format!("{name}: {error:#}")),
        }
    }
    let story = Home::act(tree, toolchain, &homes.join("story"), |home| {
        for name in STORY {
            send(home, &wiring, &payload(&format!("{name}.json"))).context(name)?;
        }
        list(home).context("list")
    });
    complaints.extend(story.err().map(|error| format!("story: {error:#}")));
    ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
    let missed: Vec<String> = all_programs(&wiring).difference(&started).cloned().collect();
    ensure!(missed.is_empty(), "no payload starts {missed:?}");
    Ok(())
}

/// Starts the hooks of an event, and returns their names.
fn send(home: &Home<'_>, wiring: &Value, payload: &Path) -> Result<Vec<String>> {
    let mut text = fs::read_to_string(payload).context("could not read the payload")?;
    for (recorded, folder) in RECORDED {
        let path = serde_json::to_string(&home.foreign(&home.folder().join(folder)))?;
        text = text.replace(recorded, path.trim_matches('"'));
    }
    let event: Value = serde_json::from_str(&text)?;
    let programs = started_for(wiring, &event);
    for program in &programs {
        hook(home, program, text.as_bytes()).with_context(|| program.clone())?;
    }
    Ok(programs)
}

fn hook(home: &Home<'_>, program: &str, event: &[u8]) -> Result<()> {
    let path = program.strip_prefix(PLUGIN).context("not in the plugin")?;
    let output = home.run(home.of_plugin(path.trim_start_matches('/'))?, event)?;
    let answer: Option<Value> =
        Some(&output).filter(|it| !it.is_empty()).map(|it| serde_json::from_str(it)).transpose()?;
    ensure!(answer.is_none_or(|it| it.is_object()), "it answers {output}");
    let log = home.state().join("hooks.log");
    ensure!(!log.exists(), "it logs {}", fs::read_to_string(&log)?.trim());
    Ok(())
}

/// The command line knows the command, and how it ended.
fn list(home: &Home<'_>) -> Result<()> {
    let listed = home.run(home.sisyphus(&["list", "--all"])?, b"")?;
    ensure!(listed.contains("completed"), "it prints {listed}");
    Ok(())
}

fn all_programs(wiring: &Value) -> BTreeSet<String> {
    let events = wiring["hooks"].as_object().into_iter().flatten();
    events
        .flat_map(|(_, entries)| entries.as_array().into_iter().flatten())
        .flat_map(programs)
        .collect()
}

/// The programs that Claude Code starts for an event. A matcher is a list of tools; without one, all are meant.
fn started_for(wiring: &Value, event: &Value) -> Vec<String> {
    let name = event["hook_event_name"].as_str().unwrap_or_default();
    let tool = event["tool_name"].as_str().unwrap_or_default();
    let entries = wiring["hooks"][name].as_array().into_iter().flatten();
    let matching = entries.filter(|entry| {
        entry["matcher"].as_str().is_none_or(|matcher| matcher.split('|').any(|it| it == tool))
    });
    matching.flat_map(programs).collect()
}

fn programs(entry: &Value) -> Vec<String> {
    let hooks = entry["hooks"].as_array().into_iter().flatten();
    hooks.filter_map(|hook| hook["command"].as_str()).map(str::to_owned).collect()
}
