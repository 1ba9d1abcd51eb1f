//! `/tmp/claude-UID/sisyphus`: where sandboxed runners meet the hooks. Opened, or refused if it is not ours.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result};
use sisyphus_base::atomic::if_found;
use sisyphus_base::environment::Environment;
use sisyphus_base::paths;
use sisyphus_base::sys;
use sisyphus_tasks::task::Task;

/// `/tmp/claude-UID/sisyphus`, verified as a folder of this user, not a link, that no other user can write to.
#[derive(Debug, Clone)]
pub struct RunRoot {
    path: PathBuf,
}

impl RunRoot {
    /// Opens the root; `None` if there is none. A link, a folder of another user, or one that others can write to is an
    /// error: other users of `/tmp` may have put it there.
    pub fn open(environment: &Environment) -> Result<Option<Self>> {
        let parent = paths::client_tmp_dir(environment);
        Self::at(&parent.join("sisyphus"))
    }

    /// Opens the root at a known place.
    pub fn at(path: &Path) -> Result<Option<Self>> {
        for dir in path.parent().into_iter().chain([path]) {
            let is_private = if_found(sys::is_private_dir(dir))
                .with_context(|| format!("could not inspect `{}`", dir.display()))?;
            let Some(is_private) = is_private else { return Ok(None) };
            anyhow::ensure!(
                is_private,
                "refused `{}`: not a folder of this user alone; remove it",
                dir.display()
            );
        }
        Ok(Some(Self { path: path.to_owned() }))
    }

    /// The root below the temporary folder of Claude Code that a record names; `None` if it names none, or the folder
    /// is gone.
    pub fn of(task: &Task) -> Result<Option<Self>> {
        task.client_tmp.as_deref().map_or(Ok(None), Self::below)
    }

    /// Opens the root in a temporary folder of Claude Code, but only where a hook puts one: finished runs below it are
    /// removed.
    pub fn below(client_tmp: &Path) -> Result<Option<Self>> {
        let path = client_tmp.join("sisyphus");
        anyhow::ensure!(
            is_where_hooks_put_it(&path),
            "refused `{}`: no hook creates run folders there",
            path.display()
        );
        Self::at(&path)
    }

    /// Opens the root, creating it and Claude Code's folder around it if missing.
    pub fn create(environment: &Environment) -> Result<Self> {
        if let Some(root) = Self::open(environment)? {
            return Ok(root);
        }
        let path = paths::client_tmp_dir(environment).join("sisyphus");
        paths::create_dir(&path)?;
        Self::at(&path)?.with_context(|| format!("`{}` was removed concurrently", path.display()))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Claude Code's temporary folder, `/tmp/claude-UID`.
    pub fn client_tmp_dir(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// The runs of sandboxed commands.
    pub fn runs_dir(&self) -> PathBuf {
        self.path.join("runs")
    }

    /// The queue of sandboxed runners.
    pub(crate) fn line(&self) -> PathBuf {
        self.path.join("line")
    }

    /// The queues of groups, of sandboxed runners.
    pub(crate) fn groups(&self) -> PathBuf {
        self.path.join("groups")
    }

    /// Where a sandboxed runner puts a claim, because it can't write to the state folder.
    pub fn claims_dir(&self) -> PathBuf {
        self.path.join("claims")
    }
}

/// Whether it is a direct path to a `claude-UID/sisyphus`.
fn is_where_hooks_put_it(path: &Path) -> bool {
    let is_straight = path.components().all(|part| part != Component::ParentDir);
    let around = path.parent().and_then(Path::file_name);
    let is_clients = around.is_some_and(|name| name.as_encoded_bytes().starts_with(b"claude"));
    path.is_absolute() && is_straight && is_clients && path.ends_with("sisyphus")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sisyphus_testing::TempDir;
    use sisyphus_testing::files::{mode, set_mode, symlink};

    use super::*;

    fn environment(dir: &TempDir) -> Environment {
        Environment { claude_tmpdir: Some(dir.path().to_owned()), ..Environment::default() }
    }

    #[test]
    #[cfg_attr(windows, ignore = "Windows has no permission bits")]
    fn is_created_for_its_owner_only() {
        let dir = TempDir::new();
        assert!(RunRoot::open(&environment(&dir)).unwrap().is_none());
        let root = RunRoot::create(&environment(&dir)).unwrap();
        for path in [root.path(), root.client_tmp_dir()] {
            assert_eq!(mode(path), 0o700, "{}", path.display());
        }
        assert!(RunRoot::open(&environment(&dir)).unwrap().is_some());
    }

    #[test]
    #[cfg_attr(windows, ignore = "Windows has no permission bits")]
    fn a_planted_link_or_an_open_folder_is_refused() {
        let dir = TempDir::new();
        let root = RunRoot::create(&environment(&dir)).unwrap();
        set_mode(root.path(), 0o777).unwrap();
        assert!(RunRoot::open(&environment(&dir)).unwrap_err().to_string().starts_with("refused"));

        fs::remove_dir(root.path()).unwrap();
        let elsewhere = TempDir::new();
        symlink(elsewhere.path(), root.path()).unwrap();
        assert!(RunRoot::create(&environment(&dir)).is_err());
    }
}
