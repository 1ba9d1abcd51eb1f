//! The folder of a user that every session of theirs finds, whatever its configuration folder and its environment are.
//!
//! It is `/run/user/UID/sisyphus` if the system provides `/run/user/UID`, else `/tmp/sisyphus-UID`. Commands in Claude
//! Code's sandbox can write to neither.
//!
//! The choice depends on which folder exists, not on `XDG_RUNTIME_DIR`. A session that was started by `cron`, `su` or
//! in a container's shell has no such variable, another one of the same user has, and both must use one queue. The
//! variable of a shell may also differ from that of the hooks. The system may create the folder at the first login and
//! remove it after the last logout. Then runners from before that moment and runners from after it do not see each
//! other, once. `/tmp` alone would not have that gap, but another user could create the name there first, and people
//! let sandboxed commands write to `/tmp` more often.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::atomic::if_found;
use crate::environment::Environment;
use crate::paths::create_dir;
use crate::rights::{Rights, rights};
use crate::sys;

/// The folder, checked to be a real one that only this user can access.
#[derive(Debug, Clone)]
pub struct RuntimeDir {
    path: PathBuf,
}

impl RuntimeDir {
    /// Opens the folder, `None` if there is none. A link, or a folder that other users can access, is an error.
    pub fn open(environment: &Environment) -> Result<Option<Self>> {
        Self::at(path(environment))
    }

    /// Opens the folder, and creates it if it is missing.
    pub fn create(environment: &Environment) -> Result<Self> {
        let path = path(environment);
        create_dir(&path)?;
        Self::at(path.clone())?
            .with_context(|| format!("`{}` was removed concurrently", path.display()))
    }

    fn at(path: PathBuf) -> Result<Option<Self>> {
        let rights = if_found(rights(&path))
            .with_context(|| format!("could not inspect `{}`", path.display()))?;
        match rights {
            None => Ok(None),
            Some(Rights::OursAlone) => Ok(Some(Self { path })),
            Some(_) => anyhow::bail!(
                "refused `{}`: not a folder of this user alone; remove it",
                path.display()
            ),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How much of the limit agents use.
    pub fn agents(&self) -> PathBuf {
        self.path.join("agents")
    }

    /// The queue of all runners outside the sandbox.
    pub fn line(&self) -> PathBuf {
        self.path.join("line")
    }

    /// The queues of delegated sessions.
    pub fn sessions(&self) -> PathBuf {
        self.path.join("sessions")
    }

    /// The queues of the user's groups of commands.
    pub fn groups(&self) -> PathBuf {
        self.path.join("groups")
    }

    /// Errors of processes that can't write to the log in their state folder.
    pub fn log(&self) -> PathBuf {
        self.path.join("hooks.log")
    }
}

fn path(environment: &Environment) -> PathBuf {
    environment.sisyphus_runtime_dir.clone().unwrap_or_else(sys::runtime_dir)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sisyphus_testing::TempDir;
    use sisyphus_testing::files::{mode, set_mode, symlink};

    use super::*;

    fn environment(path: PathBuf) -> Environment {
        Environment { sisyphus_runtime_dir: Some(path), ..Environment::default() }
    }

    #[test]
    #[cfg_attr(windows, ignore = "Windows has no permission bits")]
    fn is_created_for_its_owner_only() {
        let dir = TempDir::new();
        let environment = environment(dir.path().join("run/sisyphus"));
        assert!(RuntimeDir::open(&environment).unwrap().is_none());
        let created = RuntimeDir::create(&environment).unwrap();
        assert_eq!(mode(created.path()), 0o700);
        assert!(RuntimeDir::open(&environment).unwrap().is_some());
    }

    #[test]
    #[cfg_attr(windows, ignore = "Windows has no permission bits")]
    fn a_planted_link_or_an_open_folder_is_refused() {
        let dir = TempDir::new();
        let path = dir.path().join("sisyphus");
        let environment = environment(path.clone());
        RuntimeDir::create(&environment).unwrap();
        set_mode(&path, 0o750).unwrap();
        assert!(RuntimeDir::create(&environment).unwrap_err().to_string().starts_with("refused"));
        fs::remove_dir(&path).unwrap();
        let elsewhere = TempDir::new();
        symlink(elsewhere.path(), &path).unwrap();
        assert!(RuntimeDir::create(&environment).is_err());
        assert!(RuntimeDir::open(&environment).is_err());
    }
}
