//! Checks once everything that can load hooks into a session.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::client_config_dir;
use sisyphus_process::{caller, hides_arguments};
use sisyphus_state::store::Rewriting;

use super::arguments::bring_hooks;
use super::declared::settings_bring_hooks;
use super::folder::{MAX_ENTRIES, folder_brings_hooks};

/// Folders of the settings that an administrator gives, on Linux, macOS and Windows.
const MANAGED: [&str; 4] = [
    "/etc/claude-code",
    "/Library/Application Support/ClaudeCode",
    "C:\\Program Files\\ClaudeCode",
    "C:\\ProgramData\\ClaudeCode",
];

/// Most folders above a project that are searched.
const MAX_FOLDERS: usize = 64;

/// Checks everything that can load hooks into a session whose SessionStart names `cwd`.
pub(crate) fn detect(environment: &Environment, cwd: &Path) -> Rewriting {
    match find_others(environment, cwd) {
        Ok(false) => Rewriting::Exclusive,
        Ok(true) | Err(_) => Rewriting::MaybeShared,
    }
}

fn find_others(environment: &Environment, cwd: &Path) -> Result<bool> {
    let client = caller()?;
    let project =
        environment.claude_project_dir.as_deref().context("CLAUDE_PROJECT_DIR is unset")?;
    let user = client_config_dir(environment)?;
    let args = &client.args;
    if hides_arguments(args) || bring_hooks(args) || managed_bring_hooks()? {
        return Ok(true);
    }
    let mut folders = client_folders(&[project, cwd])?;
    let remote = user.join("remote-settings.json");
    folders.extend(MANAGED.map(|dir| Path::new(dir).join(".claude")));
    folders.insert(user);
    // Without its real folder, the plugin's own hooks count as foreign.
    let own = environment.claude_plugin_root.as_ref().and_then(|root| root.canonicalize().ok());
    // All folders share one limit, because it is the time of one SessionStart.
    let mut left = MAX_ENTRIES;
    let mut found = settings_bring_hooks(&remote, own.as_deref())?;
    for folder in folders {
        found = found || bring_any(&folder, own.as_deref(), &mut left)?;
    }
    Ok(found)
}

fn bring_any(folder: &Path, own: Option<&Path>, left: &mut usize) -> Result<bool> {
    Ok(settings_bring_hooks(&folder.join("settings.json"), own)?
        || settings_bring_hooks(&folder.join("settings.local.json"), own)?
        || folder_brings_hooks(folder, own, left)?)
}

fn managed_bring_hooks() -> Result<bool> {
    for dir in MANAGED.map(Path::new) {
        if dir.join("managed-settings.d").try_exists()?
            || settings_bring_hooks(&dir.join("managed-settings.json"), None)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The `.claude` folders of these folders and of all their ancestors, by the given and by the real path. Claude Code
/// also loads skills and agents from above the project. How far up it goes depends on what is there.
fn client_folders(starts: &[&Path]) -> Result<BTreeSet<PathBuf>> {
    let mut folders = BTreeSet::new();
    for start in starts {
        anyhow::ensure!(start.is_absolute(), "`{}` is not an absolute path", start.display());
        let real = start
            .canonicalize()
            .with_context(|| format!("could not find `{}`", start.display()))?;
        for path in [*start, &real] {
            anyhow::ensure!(
                path.ancestors().count() <= MAX_FOLDERS,
                "`{}` has too many parent folders",
                path.display()
            );
            folders.extend(path.ancestors().map(|folder| folder.join(".claude")));
        }
    }
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sisyphus_testing::TempDir;

    use super::*;

    #[test]
    fn the_folders_above_a_project_are_looked_at() {
        let dir = TempDir::new();
        let project = dir.path().join("a/b");
        fs::create_dir_all(&project).unwrap();
        let found = client_folders(&[&project]).unwrap();
        for folder in ["a/b/.claude", "a/.claude", ".claude"] {
            assert!(found.contains(&dir.path().join(folder)), "{folder}: {found:?}");
        }
        assert!(found.contains(&project.ancestors().last().unwrap().join(".claude")));
        assert!(client_folders(&[Path::new("a")]).is_err());
        assert!(client_folders(&[&dir.path().join("missing")]).is_err());
        assert!(client_folders(&[&project, Path::new("")]).is_err());
    }
}
