//! T8 and T9: a session starts in the home folder, so a sandboxed command may write to all of it except what Claude
//! Code protects. What Claude Code starts next, and what we trust, must be protected.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sisyphus_harness::program;

use super::reminder_mid_turn::{check_once, failing_tests, reminder};
use crate::api::{Api, bash, text};
use crate::home::{Home, Setup};
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

/// Tries one attack after the other. Root keeps its capabilities in Claude Code's sandbox, and no mode keeps root from
/// reading. Without the capabilities it is like any other user.
const ATTACK: &str = r#"
attempt() { name=$1; shift; if ( "$@" ) >/dev/null 2>&1; then echo "did: $name"; else echo "failed: $name"; fi; }
change() { : >>"$1"; }
create() { : >"$1/.new" && rm "$1/.new"; }
move() { mv -T "$1" "$1.moved" && mv -T "$1.moved" "$1"; }
bare=
[ "$(id -u)" != 0 ] || bare='setpriv --bounding-set=-all --inh-caps=-all'
attempt 'write to home' create ~
attempt 'replace the link for people' move "$DOCUMENTED"
attempt 'lock what can be read' $bare bash -c "exec 9<'$PLUGIN/hooks/hooks.json' && flock -xn 9"
for file in "$PLUGIN"/hooks/bin/* "$PLUGIN"/bin/* "$PLUGIN"/hooks/hooks.json "$STATE"/bin/* "$STATE"/*; do
	attempt "change $file" change "$file"
done
for folder in "$PLUGIN"/hooks/bin "$STATE"/bin; do
	while [ "$folder" != "$CONFIG" ]; do
		attempt "create in $folder" create "$folder"
		attempt "move $folder" move "$folder"
		folder=$(dirname "$folder")
	done
done
attempt 'create in skills' create "$CONFIG/skills"
attempt 'move skills' move "$CONFIG/skills"
attempt 'move the configuration' move "$CONFIG"
attempt 'replace the link to the plugin' ln -sfn /tmp "$CONFIG/skills/sisyphus"
attempt 'move the link to the plugin' move "$CONFIG/skills/sisyphus"
attempt 'uncover plugins' umount "$CONFIG/plugins"
attempt 'cover plugins' mount --bind /tmp "$CONFIG/plugins"
for way in '<' '>' '<>'; do
	attempt "lock with $way" $bare bash -c "exec 9$way'$STATE/state.lock' && flock -xn 9"
done
"#;

/// What a sandboxed command can do in such a session. If these fail, the attacks prove nothing.
const ALLOWED: [&str; 3] =
    ["write to home", "replace the link for people", "lock what can be read"];

pub(super) fn run(stage: &Stage) -> Result<()> {
    for needed in ["bwrap", "socat", "flock", "setpriv"] {
        program::need(needed, stage.name)?;
    }
    let settings = json!({ "sandbox": { "enabled": true } });
    let home = stage.home("home", &Setup::with_plugin().settings(settings).starts_in_home())?;
    let (plugin, state) = (home.plugin().canonicalize()?, home.state());
    let script = attack(&home, &plugin, &state);
    let api = Api::start(&home.folder.join("api"), move |_, number| match number {
        0 => vec![text("Starting."), failing_tests(2)],
        1 => vec![bash(&script), bash("sleep 3; echo read").description("read files")],
        _ => vec![text("done")],
    })?;
    let before = programs(&plugin)?;
    Session::print(&home, &api, &[BYPASS], "run the tests")?.result()?;
    let last = api.last()?;
    let said = last.tool_result("toolu_0001_0")?.text;
    check(&said, &state)?;
    ensure!(home.plugin().canonicalize()? == plugin, "the plugin's link leads elsewhere");
    ensure!(programs(&plugin)? == before, "a program of the plugin is another one");
    // The attacks have not kept the result of this session from the model.
    ensure!(api.requests().iter().any(|request| reminder(request).is_some()), "no reminder came");
    check_once(&last)
}

fn attack(home: &Home, plugin: &Path, state: &Path) -> String {
    let config = home.path.join(".claude");
    let documented = config.join(".sisyphus/background-tasks");
    let names = ["CONFIG", "DOCUMENTED", "PLUGIN", "STATE"];
    let paths = [&config, &documented, plugin, state];
    let set: String = names
        .iter()
        .zip(paths)
        .map(|(name, path)| format!("{name}='{}'\n", path.display()))
        .collect();
    set + ATTACK
}

fn check(said: &str, state: &Path) -> Result<()> {
    let did: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("did: ")).collect();
    for allowed in ALLOWED {
        ensure!(did.contains(&allowed), "`{allowed}` is not possible in this sandbox:\n{said}");
    }
    let broken: Vec<&&str> = did.iter().filter(|name| !ALLOWED.contains(name)).collect();
    ensure!(broken.is_empty(), "a sandboxed command did: {broken:#?}");
    for file in ["active.json", "state.lock"] {
        let tried = format!("failed: change {}", state.join(file).display());
        ensure!(said.lines().any(|line| line == tried), "`{file}` was not tried:\n{said}");
    }
    let runner = said.lines().any(|line| line.contains("/bin/sisyphus-run-"));
    ensure!(runner, "the runner's copy was not tried:\n{said}");
    let locks = said.lines().filter(|line| line.starts_with("failed: lock with ")).count();
    ensure!(locks == 3, "{locks} of 3 ways to lock were tried:\n{said}");
    Ok(())
}

/// The plugin's programs and their content.
fn programs(plugin: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let folder = plugin.join("hooks/bin");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("could not list `{}`", folder.display()))?;
    let mut found = entries
        .map(|entry| {
            let path = entry?.path();
            let bytes = fs::read(&path)?;
            Ok((path, bytes))
        })
        .collect::<Result<Vec<_>>>()?;
    found.sort();
    Ok(found)
}
