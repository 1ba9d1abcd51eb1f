//! The scratch home of one scene: the environment of all its processes, and their end.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use sisyphus_harness::{repository, sys};

use super::ledger::{Ledger, SCRIPT};

/// How often the removal of a folder is tried.
const REMOVAL_ATTEMPTS: u32 = 30;
const REMOVAL_PAUSE: Duration = Duration::from_millis(100);

/// A home, its project, its temporary folder and its ledger.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) folder: PathBuf,
    pub(super) ledger: Ledger,
    /// How many commands may run at once.
    pub(super) limit: usize,
    binaries: PathBuf,
}

impl Home {
    /// Creates an empty home with this name.
    pub(super) fn create(binaries: &Path, name: &str, limit: usize) -> Result<Self> {
        let folder = repository::target()?.join("chaos").join(name);
        // From an earlier run that was killed.
        remove(&folder)?;
        for part in ["home/.claude/projects/project", "project", "tmp", "ledger"] {
            let part = folder.join(part);
            fs::create_dir_all(&part)
                .with_context(|| format!("could not create `{}`", part.display()))?;
        }
        super::sys::create_private_dir(&folder.join("run"))?;
        fs::write(folder.join("ledger/script.sh"), SCRIPT)?;
        let settings = json!({ "sisyphus": { "max_background_tasks": limit } });
        fs::write(folder.join("home/.claude/settings.json"), settings.to_string())?;
        let ledger = Ledger::create(folder.join("ledger/ledger.jsonl"))?;
        Ok(Self { folder, ledger, limit, binaries: binaries.to_owned() })
    }

    pub(super) fn project(&self) -> PathBuf {
        self.folder.join("project")
    }

    /// `~/.claude`.
    pub(super) fn config(&self) -> PathBuf {
        self.folder.join("home/.claude")
    }

    /// The folder that Claude Code's sandbox may write to.
    pub(super) fn client_tmp(&self) -> PathBuf {
        self.folder.join("tmp").join(format!("claude-{}", sys::user_id()))
    }

    pub(super) fn binary(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }

    /// The environment of every process. It names a runtime folder of its own, so that parallel runs share no slots.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let path = |part: &str| self.folder.join(part).display().to_string();
        [
            ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("SHELL", "/bin/bash".to_owned()),
            ("HOME", path("home")),
            ("SISYPHUS_RUNTIME_DIR", path("run")),
            ("CLAUDE_CODE_TMPDIR", path("tmp")),
            ("CHAOS_LEDGER", self.ledger.path().display().to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Also after a failure, nothing of the scene may keep running.
        end_all(&self.folder);
    }
}

/// The variable in the environment of every process of a home.
fn variable(folder: &Path) -> String {
    format!("HOME={}", folder.join("home").display())
}

fn end_all(folder: &Path) {
    sys::started_with(&variable(folder)).into_iter().for_each(sys::kill_process);
}

/// Ends the processes of a scene and removes its folder. A process that is being killed may still add a file.
pub(super) fn remove(folder: &Path) -> Result<()> {
    let mut attempts = 0..REMOVAL_ATTEMPTS;
    loop {
        end_all(folder);
        match fs::remove_dir_all(folder) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(_) if attempts.next().is_some() => thread::sleep(REMOVAL_PAUSE),
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("could not remove `{}`", folder.display()));
            }
        }
    }
}
