//! The scratch folder of the demonstration, laid out as Claude Code lays out its own folders.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sisyphus_base::environment::{Environment, RUNTIME_DIR};
use sisyphus_base::paths::{StateDir, client_tmp_dir, create_scratch_dir};
use sisyphus_process::Signals;
use sisyphus_state::store::Lock;

use super::commands::{CAST, GO, Role, SLOTS};
use super::hooks;

const SESSION: &str = "demo-session";
/// So few that the longest output shows little more than the cause of its failure.
const OUTPUT_LINES: usize = 3;
/// What Claude Code sets for its shells, if the demonstration runs in one of them.
const OF_CLIENT: [&str; 6] = [
    "CLAUDE_PLUGIN_ROOT",
    "CLAUDE_PLUGIN_DATA",
    "CLAUDE_PROJECT_DIR",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_SESSION_ATTENDED",
    "CLAUDE_PID",
];

/// The folder, which is removed on drop.
pub(super) struct Sandbox {
    /// The folder of the hook binaries.
    hooks: PathBuf,
    /// Held so that no notifier starts: it would show the expected failures on the desktop, and outlive the folder.
    _notify_lock: Option<Lock>,
    dir: ScratchDir,
}

/// A folder that is removed on drop.
struct ScratchDir(PathBuf);

impl Sandbox {
    pub(super) fn new() -> Result<Self> {
        let dir = ScratchDir(create_scratch_dir("sisyphus-demo")?);
        let state = StateDir::at(dir.0.join("state"));
        state.create()?;
        let sandbox = Self {
            hooks: hooks::find()?,
            _notify_lock: Lock::take_free(&state.notify_lock())?,
            dir,
        };
        sandbox.furnish().context("could not prepare the scratch folder")?;
        Ok(sandbox)
    }

    fn furnish(&self) -> std::io::Result<()> {
        fs::create_dir(self.config())?;
        let settings = json!({
            "sisyphus": { "max_background_tasks": SLOTS, "output_lines": OUTPUT_LINES },
        });
        fs::write(self.config().join("settings.json"), settings.to_string())?;
        fs::create_dir(self.project())?;
        CAST.iter().try_for_each(|role| fs::write(self.project().join(role.script), role.text))
    }

    /// The folder of Claude Code's settings.
    pub(super) fn config(&self) -> PathBuf {
        self.dir.0.join("config")
    }

    fn project(&self) -> PathBuf {
        self.dir.0.join("project")
    }

    pub(super) fn state(&self) -> StateDir {
        StateDir::at(self.dir.0.join("state"))
    }

    fn env_file(&self) -> PathBuf {
        self.dir.0.join("env.sh")
    }

    pub(super) fn client_tmp(&self) -> PathBuf {
        client_tmp_dir(&self.environment())
    }

    /// The environment of the processes of this session.
    pub(super) fn environment(&self) -> Environment {
        Environment {
            claude_tmpdir: Some(self.dir.0.clone()),
            claude_config_dir: Some(self.config()),
            sisyphus_state_dir: Some(self.state().root().to_owned()),
            sisyphus_runtime_dir: Some(self.runtime()),
            ..Environment::default()
        }
    }

    fn runtime(&self) -> PathBuf {
        self.dir.0.join("runtime")
    }

    /// Gives a process of Claude Code the environment of this session.
    pub(super) fn apply(&self, command: &mut Command) {
        for name in OF_CLIENT {
            command.env_remove(name);
        }
        command
            .env("SISYPHUS_STATE_DIR", self.state().root())
            .env("CLAUDE_CODE_TMPDIR", &self.dir.0)
            .env(RUNTIME_DIR, self.runtime())
            .env("CLAUDE_CONFIG_DIR", self.config())
            .env("CLAUDE_ENV_FILE", self.env_file())
            .current_dir(self.project());
    }

    /// Fires a hook of the session.
    pub(super) fn hook(
        &self,
        name: &str,
        mut event: Value,
        signals: &mut Signals,
    ) -> Result<Value> {
        event["session_id"] = SESSION.into();
        event["cwd"] = self.project().to_string_lossy().into();
        let mut command = Command::new(hooks::program(&self.hooks, name));
        self.apply(&mut command);
        hooks::run(command, &event, signals)
    }

    /// The line that the SessionStart hook has put before every command.
    pub(super) fn attached(&self) -> Result<String> {
        fs::read_to_string(self.env_file()).context("the session was not attached")
    }

    /// The output file of a command.
    pub(super) fn output(&self, role: &Role) -> PathBuf {
        let tasks = self.client_tmp().join("demo").join(SESSION).join("tasks");
        tasks.join(format!("{}.output", role.id))
    }

    /// Lets the first commands end.
    pub(super) fn go(&self) -> Result<()> {
        let path = self.project().join(GO);
        File::create(&path).with_context(|| format!("could not create `{}`", path.display()))?;
        Ok(())
    }

    /// The last line that the hooks and the runner logged.
    pub(super) fn complaint(&self) -> Option<String> {
        Some(fs::read_to_string(self.state().log()).ok()?.lines().last()?.to_owned())
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
