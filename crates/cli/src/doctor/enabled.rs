//! Whether Claude Code starts the hooks at all: what its settings say about each copy of the plugin.
//!
//! Claude Code loads a copy in the skills folder unless a settings file says `false`. It loads a marketplace copy only
//! if the last file that names it says `true`. A marketplace copy that is installed and named takes the plugin's name
//! even while it is off, and then Claude Code does not load the copy in the skills folder.

use std::collections::BTreeMap;

use serde_json::Value;
use sisyphus_base::sys::UNINSTALLER;
use sisyphus_settings::ClientKey;
use sisyphus_settings::layers::File;

use super::context::{DoctorContext, read_json};
use super::finding::{Finding, named};

/// How Claude Code names the plugin in its skills folder, and the prefix of every name of ours.
const OF_SKILLS: &str = "sisyphus@skills-dir";
const OURS: &str = "sisyphus@";
/// How many names are reported, and how long a name may be: a project may choose any name.
const TOLD: usize = 5;
const LONGEST_NAME: usize = 100;

/// The value in the last file that sets one, and that file.
type Said<'a> = (&'a Value, &'a File);

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    let mut found = plugin(context);
    let hooks = context.settings_files().filter_map(|file| {
        let disabled = file.of_client(ClientKey::DisableAllHooks)?.as_bool()?;
        Some((disabled, file))
    });
    if let Some((true, file)) = hooks.last() {
        found.push(Finding::broken(
            format!("{} switches every hook off", named(&file.path)),
            "remove `disableAllHooks` from that file",
        ));
    }
    if let Some(file) = context.managed.iter().find(|file| allows_managed_only(file))
        && !is_enabled_by_administrator(context)
    {
        found.push(Finding::broken(
            format!("{} allows only hooks of the administrator", named(&file.path)),
            "ask the administrator of this machine to allow the plugin",
        ));
    }
    if found.is_empty() {
        found.push(Finding::fine("no settings file switches the plugin or hooks off"));
    }
    found
}

/// The names of the marketplace copies that Claude Code has installed.
pub(super) fn of_marketplaces(context: &DoctorContext) -> Vec<String> {
    let names = installed(context).unwrap_or_else(|| {
        // Not every version of Claude Code keeps the list there. Without it, the copy in the skills folder decides.
        let is_alone = !context.has_skills_copy();
        said(context).keys().filter(|_| is_alone).map(|name| (*name).to_owned()).collect()
    });
    names.into_iter().filter(|name| is_of_marketplace(name)).collect()
}

/// Whether the name is one of ours and safe in a command that the user copies.
fn is_of_marketplace(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    name != OF_SKILLS
        && name.len() <= LONGEST_NAME
        && name.strip_prefix(OURS).is_some_and(|market| market.bytes().all(is_plain))
}

/// The names in Claude Code's list of installed plugins; `None` if the list can't be read.
fn installed(context: &DoctorContext) -> Option<Vec<String>> {
    let path = context.config_dir.join("plugins/installed_plugins.json");
    Some(read_json(&path)?["plugins"].as_object()?.keys().cloned().collect())
}

/// What the settings say about every plugin with our name.
fn said(context: &DoctorContext) -> BTreeMap<&str, Said<'_>> {
    let mut said = BTreeMap::new();
    for file in context.settings_files() {
        let plugins = file.of_client(ClientKey::EnabledPlugins).and_then(Value::as_object);
        let ours = plugins.into_iter().flatten().filter(|(name, _)| name.starts_with(OURS));
        said.extend(ours.map(|(name, value)| (name.as_str(), (value, file))));
    }
    said
}

fn plugin(context: &DoctorContext) -> Vec<Finding> {
    let said = said(context);
    let names = of_marketplaces(context);
    let is_on = |name: &&String| said.get(name.as_str()).is_some_and(|(value, _)| *value == true);
    let on = names.iter().find(is_on);
    let off = || names.iter().filter_map(|name| Some((name, said.get(name.as_str())?)));
    match on {
        Some(name) if context.has_skills_copy() => vec![Finding::note(
            format!("Claude Code uses `{name}`, not the copy in the skills folder"),
            format!("run `{UNINSTALLER}`, or `claude plugin uninstall {name}`"),
        )],
        Some(_) => Vec::new(),
        None if off().next().is_some() => {
            off().take(TOLD).map(|(name, (_, file))| switched_off(context, name, file)).collect()
        }
        None => not_named(context, names.first(), said.get(OF_SKILLS)),
    }
}

/// No settings file names a marketplace copy.
fn not_named(
    context: &DoctorContext,
    of_market: Option<&String>,
    of_skills: Option<&Said<'_>>,
) -> Vec<Finding> {
    match (of_market, of_skills) {
        (Some(name), _) if !context.has_skills_copy() => vec![Finding::broken(
            format!("the plugin `{name}` is installed, but no settings file switches it on"),
            format!("run `claude plugin enable {name}`"),
        )],
        (_, Some((value, file))) if *value == false => {
            let how = format!("remove `{OF_SKILLS}` from `enabledPlugins` in that file");
            let what = format!("{} switches the plugin off", named(&file.path));
            vec![Finding::broken(what, remedy(context, file, how))]
        }
        _ => Vec::new(),
    }
}

/// A settings file names a marketplace copy, but not with `true`.
fn switched_off(context: &DoctorContext, name: &str, file: &File) -> Finding {
    let mut what = format!("{} switches the plugin `{name}` off", named(&file.path));
    let mut how = format!("set `{name}` to `true` in `enabledPlugins` of that file");
    if context.has_skills_copy() {
        what.push_str(", so Claude Code does not load the copy in the skills folder either");
        how.push_str(&format!(", or run `claude plugin uninstall {name}`"));
    }
    Finding::broken(what, remedy(context, file, how))
}

/// The remedy in a file that the user may change; otherwise to ask the administrator.
fn remedy(context: &DoctorContext, file: &File, how: String) -> String {
    if context.managed.iter().any(|managed| managed.path == file.path) {
        return "ask the administrator of this machine to allow the plugin".to_owned();
    }
    how
}

fn allows_managed_only(file: &File) -> bool {
    file.of_client(ClientKey::AllowManagedHooksOnly).is_some_and(|only| only == true)
}

/// Even if only an administrator's hooks may run, those of a plugin that the administrator enables may run too.
fn is_enabled_by_administrator(context: &DoctorContext) -> bool {
    let names = of_marketplaces(context);
    let enables = |file: &File| {
        let plugins = file.of_client(ClientKey::EnabledPlugins);
        plugins.is_some_and(|plugins| names.iter().any(|name| plugins[name.as_str()] == true))
    };
    context.managed.iter().any(enables)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use chrono::Utc;
    use serde_json::json;
    use sisyphus_base::environment::Environment;
    use sisyphus_base::paths::StateDir;
    use sisyphus_settings::layers::Layers;
    use sisyphus_state::store::Store;
    use sisyphus_testing::TempDir;

    use super::*;

    /// Where a user has switched a marketplace's copy on, and an administrator says something.
    fn context(dir: &Path, managed: &Value) -> DoctorContext {
        let file = dir.join("managed-settings.json");
        fs::write(&file, managed.to_string()).unwrap();
        let user = json!({ "enabledPlugins": { "sisyphus@market": true } });
        fs::write(dir.join("settings.json"), user.to_string()).unwrap();
        let environment =
            Environment { sisyphus_state_dir: Some(dir.join("state")), ..Environment::default() };
        DoctorContext {
            store: Store::new(StateDir::locate(&environment).unwrap()),
            layers: Layers::read(dir, None),
            managed: vec![File::read(file)],
            now: Utc::now(),
            config_dir: dir.to_owned(),
            environment,
        }
    }

    /// From outside this can't be reached: the administrator's files are where only root writes.
    #[test]
    fn an_administrator_has_the_last_word() {
        const FINE: &str = "no settings file switches";
        const ONLY: &str = "allows only hooks of the administrator";
        let off = json!({ "sisyphus@market": false });
        let on = json!({ "sisyphus@market": true });
        let dir = TempDir::new();
        for (managed, expected) in [
            (json!({}), FINE),
            (json!({ "enabledPlugins": on }), FINE),
            (json!({ "enabledPlugins": off }), "switches the plugin `sisyphus@market` off"),
            (json!({ "disableAllHooks": true }), "switches every hook off"),
            (json!({ "allowManagedHooksOnly": true }), ONLY),
            (json!({ "allowManagedHooksOnly": false }), FINE),
            // The plugin is the administrator's then.
            (json!({ "allowManagedHooksOnly": true, "enabledPlugins": on }), FINE),
        ] {
            let found = check(&context(dir.path(), &managed));
            assert_eq!(found.len(), 1, "{managed}: {found:?}");
            assert!(found[0].said.contains(expected), "{managed}: {found:?}");
            if expected != FINE {
                assert!(found[0].said.contains("managed-settings.json`"), "{managed}: {found:?}");
            }
        }
        let found = check(&context(dir.path(), &json!({ "enabledPlugins": off })));
        assert!(
            found[0].remedy.as_ref().unwrap().starts_with("ask the administrator"),
            "{found:?}"
        );
    }
}
