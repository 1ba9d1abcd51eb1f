//! The plugin: whether it is complete, and has the version of this command.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sisyphus_base::rights::is_executable;
use sisyphus_base::sys::INSTALLER;

use super::context::{DoctorContext, read_json};
use super::enabled::of_marketplaces;
use super::finding::{Finding, named, plain};

const OUR_VERSION: &str = env!("CARGO_PKG_VERSION");

fn again() -> String {
    format!("run {INSTALLER} again")
}

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    let ours = Finding::fine(format!("sisyphus {OUR_VERSION}"));
    let Some(root) = root(context) else {
        let markets = of_marketplaces(context);
        let finding = if markets.is_empty() {
            let place = context.skills_copy();
            Finding::broken(
                format!("the plugin is not installed: there is no {}", named(&place)),
                format!("run {INSTALLER}"),
            )
        } else {
            Finding::note(
                format!("the plugin comes from a marketplace: {}", plain(&markets.join(", "))),
                "`claude plugin list` shows its version and its folder",
            )
        };
        return vec![ours, finding];
    };
    let mut found = vec![ours, manifest(&root)];
    found.extend(wiring(&root));
    found.extend(within_reach(context));
    let runner = context.state().runner();
    if context.state().root().exists() && !is_executable(&runner) {
        found.push(Finding::note(
            format!("the runner {} does not exist yet", named(&runner)),
            "the next session of Claude Code puts it there; until then commands are only observed",
        ));
    }
    found
}

/// The plugin's folder: where the installer puts it, or the one that contains this command.
fn root(context: &DoctorContext) -> Option<PathBuf> {
    if context.has_skills_copy() {
        return Some(context.skills_copy());
    }
    let own = std::env::current_exe().ok()?.canonicalize().ok()?;
    let around = own.parent()?.parent()?.to_owned();
    around.join(".claude-plugin/plugin.json").exists().then_some(around)
}

/// Claude Code's sandbox protects the link, but not always its target.
fn within_reach(context: &DoctorContext) -> Option<Finding> {
    let link = context.skills_copy();
    let target = link.is_symlink().then(|| link.canonicalize().ok())??;
    let kept = context.config_dir.join("plugins").canonicalize();
    if kept.is_ok_and(|kept| target.starts_with(kept)) {
        return None;
    }
    Some(Finding::note(
        format!("{} links to {}", named(&link), named(&target)),
        format!(
            "a command in Claude Code's sandbox may be able to write there; run {INSTALLER} again"
        ),
    ))
}

fn manifest(root: &Path) -> Finding {
    let path = root.join(".claude-plugin/plugin.json");
    let Some(manifest) = read_json(&path) else {
        return Finding::broken(format!("could not read {}", named(&path)), again());
    };
    match manifest["version"].as_str() {
        Some(OUR_VERSION) => Finding::fine(format!("plugin {OUR_VERSION} in {}", named(root))),
        Some(other) => Finding::broken(
            format!(
                "the plugin in {} has version {}, this command {OUR_VERSION}",
                named(root),
                plain(other)
            ),
            again(),
        ),
        None => Finding::broken(format!("{} has no version", named(&path)), again()),
    }
}

/// Whether every program that Claude Code starts for the plugin exists.
fn wiring(root: &Path) -> Vec<Finding> {
    let path = root.join("hooks/hooks.json");
    let Some(wiring) = read_json(&path) else {
        return vec![Finding::broken(format!("could not read {}", named(&path)), again())];
    };
    let events = wiring["hooks"].as_object();
    let entries = events.into_iter().flat_map(|events| events.values()).filter_map(Value::as_array);
    let hooks = entries.flatten().filter_map(|entry| entry["hooks"].as_array()).flatten();
    let mut programs: Vec<PathBuf> = hooks
        .filter_map(|hook| hook["command"].as_str()?.strip_prefix("${CLAUDE_PLUGIN_ROOT}/"))
        .map(|program| root.join(program))
        .chain([root.join("hooks/bin/sisyphus-run")])
        .collect();
    programs.sort();
    programs.dedup();
    let missing: Vec<Finding> = programs
        .iter()
        .filter(|program| !is_executable(program))
        .map(|program| Finding::broken(format!("{} is not executable", named(program)), again()))
        .collect();
    if missing.is_empty() {
        let count = events.map_or(0, serde_json::Map::len);
        return vec![Finding::fine(format!(
            "{count} hook events are wired, and their programs exist"
        ))];
    }
    missing
}
