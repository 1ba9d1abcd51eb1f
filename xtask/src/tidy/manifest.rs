//! Rules over the plugin's manifest: one version everywhere, and none where Claude Code would read it.

use serde_json::Value;

use super::Finding;

/// Where Claude Code reads manifests. `install.sh` and `cargo xtask dist` make this folder.
pub(super) const FOLDER: &str = ".claude-plugin";

/// The version under `[workspace.package]`.
pub(super) fn workspace_version(cargo_toml: &str) -> Option<String> {
    let (_, section) = cargo_toml.split_once("[workspace.package]")?;
    let own = section.split("\n[").next()?;
    let value = own
        .lines()
        .find_map(|line| line.strip_prefix("version")?.trim_start().strip_prefix('='))?;
    let (version, _) = value.trim().strip_prefix('"')?.split_once('"')?;
    Some(version.to_owned())
}

pub(super) fn is_no_plugin(has_folder: bool) -> Vec<Finding> {
    if !has_folder {
        return Vec::new();
    }
    vec![Finding::whole("makes a plugin of the sources, whose programs are missing")]
}

pub(super) fn has_version(plugin_json: &str, version: &str) -> Vec<Finding> {
    let found = match serde_json::from_str::<Value>(plugin_json) {
        Ok(manifest) => manifest["version"].as_str().unwrap_or("none").to_owned(),
        Err(error) => return vec![Finding::whole(format!("is not JSON: {error}"))],
    };
    if found == version {
        return Vec::new();
    }
    vec![Finding::whole(format!("version `{found}` is not the workspace's `{version}`"))]
}

pub(super) fn mentions_version(changelog: &str, version: &str) -> Vec<Finding> {
    if changelog.contains(version) {
        return Vec::new();
    }
    vec![Finding::whole(format!("says nothing about version `{version}`"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_workspaces_own() {
        let toml =
            "[workspace]\n\n[workspace.package]\nedition = \"2024\"\nversion = \"0.1.0\"  # ours\n";
        assert_eq!(workspace_version(toml).as_deref(), Some("0.1.0"));
        let elsewhere =
            "[workspace.package]\nedition = \"2024\"\n\n[package]\nversion = \"9.9.9\"\n";
        assert_eq!(workspace_version(elsewhere), None);
    }

    #[test]
    fn a_manifest_in_the_sources_is_found() {
        assert_eq!(is_no_plugin(false), []);
        assert_eq!(is_no_plugin(true).len(), 1);
    }

    #[test]
    fn another_version_is_found() {
        assert_eq!(has_version("{\"version\": \"0.1.0\"}", "0.1.0"), []);
        assert_eq!(has_version("{\"version\": \"0.2.0\"}", "0.1.0").len(), 1);
        assert_eq!(has_version("{}", "0.1.0").len(), 1);
        assert_eq!(has_version("version", "0.1.0").len(), 1);
    }

    #[test]
    fn a_silent_changelog_is_found() {
        assert_eq!(mentions_version("## [0.1.0]\n", "0.1.0"), []);
        assert_eq!(mentions_version("", "0.1.0").len(), 1);
    }
}
