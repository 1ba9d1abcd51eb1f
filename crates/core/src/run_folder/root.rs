//! Opening the run folders, and refusing those that are not ours.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::environment::Environment;
use crate::id::TaskId;
use crate::paths;
use crate::sys;
use crate::task::Task;

/// `/tmp/claude-UID/sisyphus`, known to be a real folder of this user that nobody else can write to.
#[derive(Debug, Clone)]
pub struct RunRoot {
    path: PathBuf,
}

impl RunRoot {
    /// Opens the root, `None` if there is none. A link, somebody else's folder, or one that others can write to is an
    /// error: other users of `/tmp` may have put it there.
    pub fn open(environment: &Environment) -> Result<Option<Self>> {
        let parent = paths::client_tmp_dir(environment);
        Self::at(&parent.join("sisyphus"))
    }

    /// Opens the root at a known place.
    pub fn at(path: &Path) -> Result<Option<Self>> {
        for dir in path.parent().into_iter().chain([path]) {
            match sys::is_private_dir(dir) {
                Ok(true) => {}
                Ok(false) => anyhow::bail!(
                    "refused `{}`: not a folder of this user alone; remove it",
                    dir.display()
                ),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("could not look at `{}`", dir.display()));
                }
            }
        }
        Ok(Some(Self { path: path.to_owned() }))
    }

    /// The root that a task was announced below: `None` if it never was, or if that folder is gone.
    pub fn of(task: &Task) -> Result<Option<Self>> {
        task.run_root.as_deref().map_or(Ok(None), Self::recorded)
    }

    /// Opens the root that a record names, if it is where hooks put one: what is below it is believed, and removed.
    pub fn recorded(path: &Path) -> Result<Option<Self>> {
        anyhow::ensure!(
            is_where_hooks_put_it(path),
            "refused `{}`: no hook puts run folders there",
            path.display()
        );
        Self::at(path)
    }

    /// The client's temporary folder around the root of a task, as its record names it.
    pub fn client_tmp_dir_of(task: &Task) -> Option<&Path> {
        task.run_root.as_deref().filter(|path| is_where_hooks_put_it(path))?.parent()
    }

    /// Opens the root, creating it and the client's folder around it where missing.
    pub fn create(environment: &Environment) -> Result<Self> {
        if let Some(root) = Self::open(environment)? {
            return Ok(root);
        }
        let path = paths::client_tmp_dir(environment).join("sisyphus");
        sys::create_private_dir_all(&path)
            .with_context(|| format!("could not create `{}`", path.display()))?;
        Self::at(&path)?.with_context(|| format!("`{}` vanished", path.display()))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The client's own temporary folder, `/tmp/claude-UID`.
    pub fn client_tmp_dir(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// The run folder of a task, which may not exist.
    pub fn folder(&self, task: &TaskId) -> RunFolder {
        RunFolder { path: self.path.join(task.as_str()) }
    }

    /// Where a claim is handed over if the state folder can't be written to.
    pub fn claims_dir(&self) -> PathBuf {
        self.path.join("claims")
    }
}

/// Whether it is a `claude-UID/sisyphus` with no way round.
fn is_where_hooks_put_it(path: &Path) -> bool {
    let is_straight = path.components().all(|part| part != Component::ParentDir);
    let around = path.parent().and_then(Path::file_name);
    let is_clients = around.is_some_and(|name| name.as_encoded_bytes().starts_with(b"claude"));
    path.is_absolute() && is_straight && is_clients && path.ends_with("sisyphus")
}

/// The folder of one task.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Creates the folder; one that exists already is an error.
    pub fn create(&self) -> Result<()> {
        sys::create_private_dir(&self.path)
            .with_context(|| format!("could not create `{}`", self.path.display()))
    }

    /// Removes the folder and what is in it. Best effort: it lies under the temporary folder.
    pub fn remove(&self) {
        let _ = fs::remove_dir_all(&self.path);
    }

    /// Whether it is a real folder of this user.
    pub fn is_ours(&self) -> bool {
        sys::is_private_dir(&self.path).unwrap_or(false)
    }

    pub fn claimed(&self) -> PathBuf {
        self.path.join("claimed.json")
    }

    pub fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    pub fn queued(&self) -> PathBuf {
        self.path.join("queued.json")
    }

    pub fn started(&self) -> PathBuf {
        self.path.join("started.json")
    }

    pub fn result(&self) -> PathBuf {
        self.path.join("result.json")
    }

    pub fn output(&self) -> PathBuf {
        self.path.join("output.log")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sisyphus_testing::TempDir;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn environment(dir: &TempDir) -> Environment {
        Environment { claude_tmpdir: Some(dir.path().to_owned()), ..Environment::default() }
    }

    #[test]
    fn is_created_for_its_owner_only() {
        let dir = TempDir::new();
        assert!(RunRoot::open(&environment(&dir)).unwrap().is_none());
        let root = RunRoot::create(&environment(&dir)).unwrap();
        for path in [root.path(), root.client_tmp_dir()] {
            assert_eq!(
                path.metadata().unwrap().permissions().mode() & 0o777,
                0o700,
                "{}",
                path.display()
            );
        }
        assert!(RunRoot::open(&environment(&dir)).unwrap().is_some());
    }

    #[test]
    fn a_planted_link_or_an_open_folder_is_refused() {
        let dir = TempDir::new();
        let root = RunRoot::create(&environment(&dir)).unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(RunRoot::open(&environment(&dir)).unwrap_err().to_string().starts_with("refused"));

        fs::remove_dir(root.path()).unwrap();
        let elsewhere = TempDir::new();
        symlink(elsewhere.path(), root.path()).unwrap();
        assert!(RunRoot::create(&environment(&dir)).is_err());
    }
}
