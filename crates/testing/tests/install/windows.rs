//! `install.ps1` can't run here; what it shares with `install.sh` and the plugin must at least be the same.

use std::fs;

use crate::site::{BINARIES, repository};

fn text(name: &str) -> String {
    fs::read_to_string(repository().join(name)).unwrap()
}

/// What stands between `before` and the next `after`.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no `{before}`"));
    rest.split_once(after).unwrap_or_else(|| panic!("no `{after}`")).0
}

/// `install.sh` and `install.ps1` know the same files and the same oldest Claude Code.
#[test]
fn both_installers_know_the_same() {
    let [sh, ps1] = ["install.sh", "install.ps1"].map(text);
    let oldest = between(&sh, "CLIENT_MIN=", "\n");
    assert_eq!(between(&ps1, "$ClientMin = '", "'"), oldest);
    let engines = format!("\"engines\": {{ \"claude-code\": \">={oldest}\" }}");
    assert!(text("plugin.json").contains(&engines), "{engines}");

    let mut posix: Vec<&str> = between(&sh, "HOOKS=\"", "\"").split(' ').collect();
    posix.extend(between(&sh, "OTHERS=\"", "\"").split(' '));
    let windows = between(&ps1, "$HookBinaries = @(", ")").split('\'').skip(1).step_by(2);
    assert_eq!(windows.collect::<Vec<_>>(), posix);
    assert_eq!(posix.len() + 1, BINARIES.len());

    let posix: Vec<&str> = between(&sh, "TEXTS=\"", "\"").split(' ').collect();
    let windows = between(&ps1, "$Texts = @(", ")").split('\'').skip(1).step_by(2);
    assert_eq!(windows.collect::<Vec<_>>(), posix);
}

/// Every command in `hooks.json` and `plugin.json` is of the form that `install.ps1` rewrites.
#[test]
fn every_command_fits_install_ps1() {
    // Its pattern: `/hooks/bin/sisyphus-`, letters and hyphens, a quotation mark.
    let [hooks, manifest] = ["hooks/hooks.json", "plugin.json"].map(text);
    let commands: Vec<&str> =
        [&hooks, &manifest].iter().flat_map(|text| text.split("\"command\": \"").skip(1)).collect();
    assert!(commands.len() >= 9, "{commands:?}");
    for command in commands {
        let name = between(command, "${CLAUDE_PLUGIN_ROOT}/hooks/bin/sisyphus-", "\"");
        assert!(name.chars().all(|it| it == '-' || it.is_ascii_lowercase()), "{name}");
        assert!(command.starts_with("${CLAUDE_PLUGIN_ROOT}"), "{command}");
    }
}
