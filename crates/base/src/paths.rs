//! Where things are on disk.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::environment::Environment;
use crate::id::{SessionId, TaskId, ToolUseId};
use crate::sys;

/// Where the state folder is in the client's configuration folder, unless `SISYPHUS_STATE_DIR` names another.
///
/// The client's sandbox keeps `plugins` read-only even in a session that was started in the home folder, where everything
/// else in it can be written to (measured on 2.1.332, pinned by the scenario `sandbox_in_home`).
const IN_CONFIG_DIR: &str = "plugins/data/sisyphus/state";
/// Where the documents say that it is, and where 0.1.0 had it. A sandboxed command may be able to write there.
const FOR_PEOPLE: &str = ".sisyphus/background-tasks";

/// The client's own configuration folder: `CLAUDE_CONFIG_DIR` or `~/.claude`.
pub fn client_config_dir(environment: &Environment) -> Result<PathBuf> {
    match (&environment.claude_config_dir, &environment.home) {
        (Some(dir), _) => Ok(dir.clone()),
        (None, Some(home)) => Ok(home.join(".claude")),
        (None, None) => anyhow::bail!("could not find the home folder: set HOME"),
    }
}

/// The folder that the client keeps its temporary files in: `/tmp/claude-UID`.
pub fn client_tmp_dir(environment: &Environment) -> PathBuf {
    // Inside the client's sandbox `CLAUDE_CODE_TMPDIR` *is* that folder already; hooks never run inside.
    let base = environment.claude_tmpdir.clone().unwrap_or_else(sys::default_tmp_dir);
    base.join(sys::client_tmp_name())
}

/// The state folder and the names in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
    /// A program of the plugin that this process belongs to. `None`: not known, and taken for there.
    plugin: Option<PathBuf>,
}

impl StateDir {
    /// `SISYPHUS_STATE_DIR`, or `plugins/data/sisyphus/state` in the client's configuration folder.
    pub fn locate(environment: &Environment) -> Result<Self> {
        let root = match &environment.sisyphus_state_dir {
            Some(dir) => dir.clone(),
            None => client_config_dir(environment)?.join(IN_CONFIG_DIR),
        };
        Ok(Self { root, plugin: std::env::current_exe().ok() })
    }

    /// The state folder at a known place.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), plugin: None }
    }

    /// The same for a process whose own program lies in the folder, with a program of the plugin.
    #[must_use]
    pub fn of_plugin(self, program: Option<PathBuf>) -> Self {
        Self { plugin: program, ..self }
    }

    /// The client's configuration folder, if the state folder lies in it.
    pub fn config_dir(&self) -> Option<&Path> {
        self.root
            .ancestors()
            .nth(Path::new(IN_CONFIG_DIR).components().count())
            .filter(|dir| dir.join(IN_CONFIG_DIR) == self.root)
    }

    /// The documented place of the state folder, if the state folder lies in the configuration folder: a link for people
    /// that no part of the plugin follows, or what 0.1.0 left.
    pub fn for_people(&self) -> Option<PathBuf> {
        Some(self.config_dir()?.join(FOR_PEOPLE))
    }

    /// Says that what 0.1.0 left was taken over, and when.
    pub fn imported(&self) -> PathBuf {
        self.root.join("imported-0.1")
    }

    /// The state folder that a runner belongs to: the one that it lies in.
    pub fn of_runner(runner: &Path) -> Option<Self> {
        let dir = runner.parent().filter(|dir| dir.is_absolute() && dir.ends_with("bin"))?;
        dir.parent().map(Self::at)
    }

    /// Creates the folder if it is missing, readable by its owner only.
    pub fn create(&self) -> Result<()> {
        anyhow::ensure!(!self.is_purged(), "`{}` was removed with the plugin", self.root.display());
        create_dir(&self.root)
    }

    /// Whether it was removed together with the plugin: then nothing that still runs may bring it back. Without it, while the
    /// plugin is there, a person gave the history up and nothing else.
    pub fn is_purged(&self) -> bool {
        !self.root.exists() && self.plugin.as_ref().is_some_and(|program| !program.exists())
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn active(&self) -> PathBuf {
        self.root.join("active.json")
    }

    pub fn completed(&self) -> PathBuf {
        self.root.join("completed.json")
    }

    pub fn failed(&self) -> PathBuf {
        self.root.join("failed.json")
    }

    pub fn archive_dir(&self) -> PathBuf {
        self.root.join("archive")
    }

    /// Events that a process posted for the next one that holds the lock.
    pub fn inbox_dir(&self) -> PathBuf {
        self.root.join("inbox")
    }

    /// Calls that were seen before they ran.
    pub fn announced_dir(&self) -> PathBuf {
        self.root.join("announced")
    }

    /// What runners leave.
    pub fn runs_dir(&self) -> PathBuf {
        self.root.join("runs")
    }

    pub fn sessions_dir(&self) -> PathBuf {
        self.root.join("sessions")
    }

    /// What SessionStart found out about a session.
    pub fn session(&self, session: &SessionId) -> PathBuf {
        self.sessions_dir().join(format!("{session}.json"))
    }

    pub fn output_dir(&self) -> PathBuf {
        self.root.join("output")
    }

    /// Creates the folder of the kept outputs.
    pub fn create_output_dir(&self) -> Result<()> {
        create_dir(&self.output_dir())
    }

    /// Creates the folder of the runner.
    pub fn create_runner_dir(&self) -> Result<()> {
        create_dir(&self.runner_dir())
    }

    pub fn runner_dir(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// The output of a task that is kept for good.
    pub fn output(&self, task: &TaskId) -> PathBuf {
        self.output_dir().join(format!("{task}.log"))
    }

    /// Where a claim is handed over, outside of what a sandboxed command can write to.
    pub fn claims_dir(&self) -> PathBuf {
        self.root.join("claims")
    }

    /// Who makes a call of our own server's tools, from the hook that sees the call until the server takes it.
    pub fn call(&self, call: &ToolUseId) -> PathBuf {
        self.claims_dir().join(format!("{call}.call"))
    }

    /// Whether this process may change the state: not so in the client's sandbox.
    pub fn is_writable(&self) -> bool {
        sys::is_writable_dir(&self.root)
    }

    pub fn wake_dir(&self) -> PathBuf {
        self.root.join("wake")
    }

    /// Creates the folder of those who wait to wake a session.
    pub fn create_wake_dir(&self) -> Result<()> {
        create_dir(&self.wake_dir())
    }

    /// Which conversation a client has just left, by the client's number.
    pub fn transfer(&self, client: i32) -> PathBuf {
        self.transfers_dir().join(format!("{client}.json"))
    }

    pub fn transfers_dir(&self) -> PathBuf {
        self.root.join("transfers")
    }

    /// Creates the folder of the conversations that were just left.
    pub fn create_transfers_dir(&self) -> Result<()> {
        create_dir(&self.transfers_dir())
    }

    /// Held by the session's waiter.
    pub fn wake_lock(&self, session: &SessionId) -> PathBuf {
        self.wake_dir().join(format!("{session}.lock"))
    }

    /// Which process the session's waiter is.
    pub fn waiter(&self, session: &SessionId) -> PathBuf {
        self.wake_dir().join(format!("{session}.json"))
    }

    /// Where who tells people is: for the runner, which lies far from where the plugin is installed.
    pub fn notifier(&self) -> PathBuf {
        self.runner_dir().join("notifier")
    }

    /// What is to be told to people.
    pub fn notify(&self) -> PathBuf {
        self.root.join("notify.json")
    }

    /// Held by who tells people.
    pub fn notify_lock(&self) -> PathBuf {
        self.root.join("notify.lock")
    }

    /// What no desktop took, for the terminal.
    pub fn terminal(&self) -> PathBuf {
        self.root.join("terminal.json")
    }

    pub fn lock(&self) -> PathBuf {
        self.root.join("state.lock")
    }

    /// Held by the runner that is about to fold; as old as the last time that one did.
    pub fn runners_lock(&self) -> PathBuf {
        self.root.join("runners.lock")
    }

    pub fn log(&self) -> PathBuf {
        self.root.join("hooks.log")
    }

    /// The runner that shells are attached to. It outlives an update of the plugin: running sessions have its path.
    pub fn runner(&self) -> PathBuf {
        self.runner_dir().join(concat!("sisyphus-run-", env!("CARGO_PKG_VERSION")))
    }
}

/// Creates a new folder below the system's temporary one, for this user only, under a name that nobody can guess.
pub fn create_scratch_dir(prefix: &str) -> Result<PathBuf> {
    let dir = std::env::temp_dir().join(format!("{prefix}-{}", TaskId::random()));
    sys::create_private_dir(&dir)
        .with_context(|| format!("could not create `{}`", dir.display()))?;
    Ok(dir)
}

/// Creates the folder `dir` if it is missing, for this user only; a link or a folder that others can write to is refused.
pub fn create_private_dir(dir: &Path) -> Result<()> {
    create_dir(dir)?;
    let private = sys::is_private_dir(dir)
        .with_context(|| format!("could not look at `{}`", dir.display()))?;
    anyhow::ensure!(private, "refused `{}`: not a folder of this user alone", dir.display());
    Ok(())
}

fn create_dir(dir: &Path) -> Result<()> {
    sys::create_private_dir_all(dir)
        .with_context(|| format!("could not create `{}`", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_folder_follows_the_environment() {
        let home = Environment { home: Some("/h".into()), ..Environment::default() };
        let config = Environment { claude_config_dir: Some("/c".into()), ..home.clone() };
        let state = Environment { sisyphus_state_dir: Some("/s".into()), ..config.clone() };
        let cases = [
            (home, "/h/.claude/plugins/data/sisyphus/state", Some("/h/.claude")),
            (config, "/c/plugins/data/sisyphus/state", Some("/c")),
            (state, "/s", None),
        ];
        for (environment, expected, config_dir) in cases {
            let state = StateDir::locate(&environment).unwrap();
            assert_eq!(state.root(), Path::new(expected));
            assert_eq!(state.config_dir(), config_dir.map(Path::new));
        }
        assert!(StateDir::locate(&Environment::default()).is_err());
    }
}
