//! The plugin: whether it is whole, of our version, and switched on.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sisyphus_core::atomic;
use sisyphus_core::rights::is_executable;
use sisyphus_core::settings::ClientKey;
use sisyphus_core::settings::layers::File;

use super::finding::{Finding, named, plain};
use super::ground::Ground;

const OUR_VERSION: &str = env!("CARGO_PKG_VERSION");
/// Largest manifest that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;
const INSTALL: &str = "run install.sh again";
/// How the client names the plugin of its skills folder.
const OF_SKILLS: &str = "sisyphus@skills-dir";

pub(super) fn look(ground: &Ground) -> Vec<Finding> {
    let ours = Finding::fine(format!("sisyphus {OUR_VERSION}"));
    let Some(root) = root(ground) else {
        let markets = marketplaces(ground);
        let finding = if markets.is_empty() {
            let place = ground.config_dir.join("skills/sisyphus");
            Finding::broken(
                format!("the plugin is not installed: there is no {}", named(&place)),
                "run install.sh",
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
    let runner = ground.state().runner();
    if ground.state().root().exists() && !is_executable(&runner) {
        found.push(Finding::note(
            format!("there is no runner {} yet", named(&runner)),
            "the next session of Claude Code puts it there; until then commands are only observed",
        ));
    }
    found
}

/// The plugin's folder: where the installer puts it, or where this very command lies in one.
fn root(ground: &Ground) -> Option<PathBuf> {
    let installed = ground.config_dir.join("skills/sisyphus");
    let own = std::env::current_exe().ok().and_then(|path| path.canonicalize().ok());
    let around = own.and_then(|path| Some(path.parent()?.parent()?.to_owned()));
    let has_manifest = |dir: &PathBuf| dir.join(".claude-plugin/plugin.json").exists();
    if installed.symlink_metadata().is_ok() {
        return Some(installed);
    }
    around.filter(has_manifest)
}

fn manifest(root: &Path) -> Finding {
    let path = root.join(".claude-plugin/plugin.json");
    let Some(manifest) = read(&path) else {
        return Finding::broken(format!("could not read {}", named(&path)), INSTALL);
    };
    match manifest["version"].as_str() {
        Some(OUR_VERSION) => Finding::fine(format!("plugin {OUR_VERSION} in {}", named(root))),
        Some(other) => Finding::broken(
            format!(
                "the plugin in {} is {}, this command line {OUR_VERSION}",
                named(root),
                plain(other)
            ),
            INSTALL,
        ),
        None => Finding::broken(format!("{} names no version", named(&path)), INSTALL),
    }
}

/// Whether every program that the client is to start is there.
fn wiring(root: &Path) -> Vec<Finding> {
    let path = root.join("hooks/hooks.json");
    let Some(wiring) = read(&path) else {
        return vec![Finding::broken(format!("could not read {}", named(&path)), INSTALL)];
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
        .map(|program| Finding::broken(format!("{} can't be started", named(program)), INSTALL))
        .collect();
    if missing.is_empty() {
        let count = events.map_or(0, serde_json::Map::len);
        return vec![Finding::fine(format!(
            "{count} hook events are wired, their programs are there"
        ))];
    }
    missing
}

/// Whether the client starts the hooks at all.
pub(super) fn look_whether_enabled(ground: &Ground) -> Vec<Finding> {
    let mut found = Vec::new();
    // The last file that says something has its way.
    let (mut plugin, mut hooks) = (None, None);
    for file in ground.settings_files() {
        let plugins = file.of_client(ClientKey::EnabledPlugins);
        if let Some(enabled) = plugins.and_then(|plugins| plugins[OF_SKILLS].as_bool()) {
            plugin = Some((enabled, file));
        }
        let switch = file.of_client(ClientKey::DisableAllHooks);
        if let Some(disabled) = switch.and_then(Value::as_bool) {
            hooks = Some((disabled, file));
        }
    }
    if let Some((false, file)) = plugin {
        found.push(Finding::broken(
            format!("the plugin is switched off in {}", named(&file.path)),
            format!("remove `{OF_SKILLS}` from `enabledPlugins` there"),
        ));
    }
    if let Some((true, file)) = hooks {
        found.push(Finding::broken(
            format!("every hook is switched off in {}", named(&file.path)),
            "remove `disableAllHooks` there",
        ));
    }
    if let Some(file) = ground.managed.iter().find(|file| allows_managed_only(file)) {
        found.push(Finding::broken(
            format!("{} allows hooks of the administrator only", named(&file.path)),
            "ask who administers this machine to allow the plugin",
        ));
    }
    if found.is_empty() {
        found.push(Finding::fine("no settings file switches the plugin or hooks off"));
    }
    found
}

fn allows_managed_only(file: &File) -> bool {
    file.of_client(ClientKey::AllowManagedHooksOnly).is_some_and(|only| only == true)
}

/// The plugins of our name that are enabled.
fn marketplaces(ground: &Ground) -> Vec<String> {
    let plugins =
        ground.settings_files().filter_map(|file| file.of_client(ClientKey::EnabledPlugins));
    let read = plugins.filter_map(Value::as_object);
    let enabled = read.flatten().filter(|(_, enabled)| **enabled != Value::Bool(false));
    let ours = enabled.map(|(name, _)| name).filter(|name| name.starts_with("sisyphus@"));
    ours.filter(|name| *name != OF_SKILLS).cloned().collect()
}

fn read(path: &Path) -> Option<Value> {
    serde_json::from_slice(&atomic::read_linked(path, MAX_BYTES).ok()??).ok()
}
