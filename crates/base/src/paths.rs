//! Where things are on disk.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::environment::Environment;
use crate::id::{SessionId, TaskId, ToolUseId};
use crate::sys;

/// Where the state folder is in Claude Code's configuration folder, unless `SISYPHUS_STATE_DIR` names another.
///
/// Claude Code's sandbox keeps `plugins` read-only even in a session that was started in the home folder, where
/// commands can write to everything else in it (CC-54).
const IN_CONFIG_DIR: &str = "plugins/data/sisyphus/state";
/// The documented place of the state folder, which 0.1.0 used. A sandboxed command may be able to write there.
const FOR_PEOPLE: &str = ".sisyphus/background-tasks";

/// What helps where the state folder can't be written to: in the sandbox, on a read-only disk, or in a folder with such a
/// mode.
pub const WAY_TO_WRITE: &str =
    "run this outside of Claude Code's sandbox, or make the folder writable";

/// A path whose parts we write with `/`, as the system writes it.
pub fn below(folder: &Path, parts: &str) -> PathBuf {
    parts.split('/').fold(folder.to_path_buf(), |path, part| path.join(part))
}

/// Claude Code's own configuration folder: `CLAUDE_CONFIG_DIR` or `~/.claude`.
pub fn client_config_dir(environment: &Environment) -> Result<PathBuf> {
    match (&environment.claude_config_dir, &environment.home) {
        (Some(dir), _) => Ok(dir.clone()),
        (None, Some(home)) => Ok(home.join(".claude")),
        (None, None) => anyhow::bail!("could not find the home folder: set HOME"),
    }
}

/// The folder of Claude Code's temporary files: `/tmp/claude-UID`.
pub fn client_tmp_dir(environment: &Environment) -> PathBuf {
    // Inside Claude Code's sandbox `CLAUDE_CODE_TMPDIR` *is* that folder already; hooks never run inside.
    let base = environment.claude_tmpdir.clone().unwrap_or_else(sys::default_tmp_dir);
    base.join(sys::client_tmp_name())
}

/// The state folder and the names in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
    /// A program of the plugin that this process belongs to. `None`: unknown, and assumed to be there.
    plugin: Option<PathBuf>,
}

impl StateDir {
    /// `SISYPHUS_STATE_DIR`, or `plugins/data/sisyphus/state` in Claude Code's configuration folder.
    pub fn locate(environment: &Environment) -> Result<Self> {
        let root = match &environment.sisyphus_state_dir {
            Some(dir) => dir.clone(),
            None => below(&client_config_dir(environment)?, IN_CONFIG_DIR),
        };
        Ok(Self { root, plugin: std::env::current_exe().ok() })
    }

    /// The state folder at a known path.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), plugin: None }
    }

    /// Names a program of the plugin, for a process whose own program is in the state folder.
    #[must_use]
    pub fn of_plugin(self, program: Option<PathBuf>) -> Self {
        Self { plugin: program, ..self }
    }

    /// Claude Code's configuration folder, if the state folder is in it.
    pub fn config_dir(&self) -> Option<&Path> {
        self.root
            .ancestors()
            .nth(Path::new(IN_CONFIG_DIR).components().count())
            .filter(|dir| below(dir, IN_CONFIG_DIR) == self.root)
    }

    /// The documented path of the state folder, if the state folder is in the configuration folder. There is a link for
    /// people, which no part of the plugin follows, or a folder that 0.1.0 left.
    pub fn for_people(&self) -> Option<PathBuf> {
        Some(below(self.config_dir()?, FOR_PEOPLE))
    }

    /// The state folder that a runner belongs to: the one that contains it.
    pub fn of_runner(runner: &Path) -> Option<Self> {
        let dir = runner.parent().filter(|dir| dir.is_absolute() && dir.ends_with("bin"))?;
        dir.parent().map(Self::at)
    }

    /// Creates the folder if it is missing, readable by its owner only.
    pub fn create(&self) -> Result<()> {
        anyhow::ensure!(!self.is_purged(), "`{}` was removed with the plugin", self.root.display());
        create_dir(&self.root)
    }

    /// Whether the folder was removed together with the plugin. Then no process that still runs may create it again. If
    /// only the folder was removed, the user gave up the history and nothing else.
    pub fn is_purged(&self) -> bool {
        !self.root.exists() && self.plugin.as_ref().is_some_and(|program| !program.exists())
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What SessionStart found out about a session.
    pub fn session(&self, session: &SessionId) -> PathBuf {
        self.sessions_dir().join(format!("{session}.json"))
    }

    /// The output of a task, kept permanently.
    pub fn output(&self, task: &TaskId) -> PathBuf {
        self.output_dir().join(format!("{task}.log"))
    }

    /// What the Claude Code of a delegated session printed.
    pub fn stream(&self, task: &TaskId) -> PathBuf {
        self.output_dir().join(format!("{task}.jsonl"))
    }

    /// The session and conversation that call a tool of our own server. The hook that sees the call writes the file,
    /// and the server takes it.
    pub fn call(&self, call: &ToolUseId) -> PathBuf {
        self.claims_dir().join(format!("{call}.call"))
    }

    /// Whether this process may change the state. In Claude Code's sandbox it may not.
    pub fn is_writable(&self) -> bool {
        sys::is_writable_dir(&self.root)
    }

    /// Refuses what has to change the state where this process may not.
    pub fn ensure_writable(&self) -> Result<()> {
        let root = self.root.display();
        anyhow::ensure!(self.is_writable(), "could not write to `{root}`; {WAY_TO_WRITE}");
        Ok(())
    }

    /// The lock of the runner whose session has a conversation.
    pub fn conversation(&self, conversation: &SessionId) -> PathBuf {
        self.conversations_dir().join(format!("{conversation}.lock"))
    }

    /// The lock of the runner whose session has the worktree in this folder.
    pub fn worktree(&self, folder: &Path) -> PathBuf {
        let name = format!("worktree-{:016x}.lock", fingerprint(folder));
        self.conversations_dir().join(name)
    }

    /// Which session a Claude Code process has just left, by the number of that process.
    pub fn transfer(&self, client: i32) -> PathBuf {
        self.transfers_dir().join(format!("{client}.json"))
    }

    /// The lock that the session's waiter holds.
    pub fn wake_lock(&self, session: &SessionId) -> PathBuf {
        self.wake_dir().join(format!("{session}.lock"))
    }

    /// Which process the session's waiter is.
    pub fn waiter(&self, session: &SessionId) -> PathBuf {
        self.wake_dir().join(format!("{session}.json"))
    }
}

/// A number for a path, the same in each version of each program (FNV-1a).
fn fingerprint(path: &Path) -> u64 {
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    bytes.fold(0xcbf2_9ce4_8422_2325, |number, byte| {
        (number ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Gives the state folder a method for the path of each of these names in it.
macro_rules! names {
    ($($(#[$doc:meta])* $method:ident: $name:expr,)*) => {
        impl StateDir {
            $(
                $(#[$doc])*
                pub fn $method(&self) -> PathBuf {
                    self.root.join($name)
                }
            )*

            /// All of these names.
            #[cfg(test)]
            const NAMES: &[&str] = &[$($name),*];
        }
    };
}

names! {
    /// A file that records that the state of 0.1.0 was imported, and when.
    imported: "imported-0.1",
    active: "active.json",
    /// One line for each change of a task's status, for programs that watch.
    events: "events.jsonl",
    /// The older lines.
    old_events: "events.1.jsonl",
    completed: "completed.json",
    failed: "failed.json",
    archive_dir: "archive",
    /// Events that a process posted for the next process that holds the lock.
    inbox_dir: "inbox",
    /// Calls that PreToolUse recorded before they ran.
    announced_dir: "announced",
    /// The run folders, which runners write.
    runs_dir: "runs",
    sessions_dir: "sessions",
    output_dir: "output",
    runner_dir: "bin",
    /// Where `claim` hands over to `run`, outside of what a sandboxed command can write to.
    claims_dir: "claims",
    /// Locks of conversations and worktrees that delegated sessions have.
    conversations_dir: "conversations",
    wake_dir: "wake",
    transfers_dir: "transfers",
    /// The path of the notifier, for the runner, whose program is not in the plugin's folder.
    notifier: "bin/notifier",
    /// Notifications for people that the notifier has not shown yet.
    notify: "notify.json",
    /// The lock that the notifier holds.
    notify_lock: "notify.lock",
    /// What stands on the desktop.
    notify_shown: "notify.shown.json",
    /// Notifications that no desktop accepted, for the terminal.
    terminal: "terminal.json",
    /// How the program of `sisyphus.on_complete` ended the last time.
    on_complete: "on_complete.json",
    lock: "state.lock",
    /// The lock of the runner that is about to reconcile. The file is as old as the last reconciliation by a runner.
    runners_lock: "runners.lock",
    log: "hooks.log",
    /// The runner that shells are attached to. It survives an update of the plugin, because running sessions have its
    /// path.
    runner: concat!("bin/sisyphus-run-", env!("CARGO_PKG_VERSION")),
}

/// Creates a new folder in the system's temporary one, for this user only, under a name that can't be guessed.
pub fn create_scratch_dir(prefix: &str) -> Result<PathBuf> {
    let dir = std::env::temp_dir().join(format!("{prefix}-{}", TaskId::random()));
    sys::create_private_dir(&dir)
        .with_context(|| format!("could not create `{}`", dir.display()))?;
    Ok(dir)
}

/// Creates the folder `dir` if it is missing, for this user only. Refuses a link, or a folder that others can write to.
pub fn create_private_dir(dir: &Path) -> Result<()> {
    create_dir(dir)?;
    let private = sys::is_private_dir(dir)
        .with_context(|| format!("could not inspect `{}`", dir.display()))?;
    anyhow::ensure!(private, "refused `{}`: not a folder of this user alone", dir.display());
    Ok(())
}

/// Creates the folder `dir` and its parents if they are missing, readable by their owner only.
pub fn create_dir(dir: &Path) -> Result<()> {
    sys::create_private_dir_all(dir)
        .with_context(|| format!("could not create `{}`", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The installers remove a history only if they know everything in its folder.
    #[test]
    fn the_installers_know_every_name() {
        let [unix, windows] = ["install.sh", "install.ps1"].map(|name| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
            std::fs::read_to_string(path).unwrap()
        });
        for name in StateDir::NAMES {
            let top = name.split('/').next().unwrap();
            let stem = top.split('.').next().unwrap();
            let known = [format!("! -name {top} "), format!("'{top}*'"), format!("'{stem}.*'")];
            assert!(known.iter().any(|it| unix.contains(it)), "install.sh: {name}");
            assert!(windows.contains(stem), "install.ps1: {name}");
        }
    }

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
