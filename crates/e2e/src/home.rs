//! A scratch home for one client: settings, a trusted project, and the plugin if wanted.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sisyphus_harness::program::{self, CLIENT_PATH};

use super::api::Api;
use super::stage::Stage;

const API_KEY: &str = "dummy-not-a-key";

/// The shell of Claude Code's commands.
#[derive(Clone, Copy)]
pub(crate) enum Shell {
    Bash,
    Zsh,
}

/// The folder in which sessions start.
#[derive(Clone, Copy)]
enum Start {
    Project,
    Home,
}

/// The setup of a home.
pub(crate) struct Setup {
    shell: Shell,
    settings: Value,
    plugin: bool,
    start: Start,
    own_tmp: bool,
}

impl Setup {
    pub(crate) fn without_plugin() -> Self {
        Self {
            shell: Shell::Bash,
            settings: json!({}),
            plugin: false,
            start: Start::Project,
            own_tmp: false,
        }
    }

    pub(crate) fn with_plugin() -> Self {
        Self { plugin: true, ..Self::without_plugin() }
    }

    pub(crate) fn shell(self, shell: Shell) -> Self {
        Self { shell, ..self }
    }

    pub(crate) fn settings(self, settings: Value) -> Self {
        Self { settings, ..self }
    }

    /// Sessions start in the home folder itself.
    pub(crate) fn starts_in_home(self) -> Self {
        Self { start: Start::Home, ..self }
    }

    /// Puts Claude Code's temporary folder into this home, instead of the one place for all of a user's sessions.
    pub(crate) fn own_tmp(self) -> Self {
        Self { own_tmp: true, ..self }
    }
}

/// One home and its project.
pub(crate) struct Home {
    /// The folder of this home and everything in it.
    pub(crate) folder: PathBuf,
    /// The home itself, `$HOME` of its processes.
    pub(crate) path: PathBuf,
    pub(crate) project: PathBuf,
    pub(crate) client: PathBuf,
    shell: PathBuf,
    tmp: Option<PathBuf>,
}

impl Stage {
    /// Makes a home in this scenario's folder.
    pub(crate) fn home(&self, label: &str, setup: &Setup) -> Result<Home> {
        Home::create(self, label, setup)
    }
}

impl Home {
    fn create(stage: &Stage, label: &str, setup: &Setup) -> Result<Self> {
        let folder = stage.folder.join(label);
        let path = folder.join("home");
        let project = match setup.start {
            Start::Project => folder.join("project"),
            Start::Home => path.clone(),
        };
        let shell = match setup.shell {
            Shell::Bash => program::need("bash", stage.name)?,
            Shell::Zsh => program::need("zsh", stage.name)?,
        };
        let tmp = setup.own_tmp.then(|| folder.join("tmp"));
        tmp.iter().try_for_each(fs::create_dir_all)?;
        let created = Self { folder, path, project, client: stage.client.clone(), shell, tmp };
        created.write(&created.path.join(".claude/settings.json"), &setup.settings.to_string())?;
        created.write(&created.path.join(".claude.json"), &created.client_state().to_string())?;
        // A repository of its own; otherwise Claude Code would take ours for its project.
        created.write(&created.project.join(".git/HEAD"), "ref: refs/heads/main\n")?;
        for part in ["objects", "refs"] {
            fs::create_dir_all(created.project.join(".git").join(part))?;
        }
        if setup.plugin {
            created.install(&stage.root, &stage.binaries)?;
        }
        Ok(created)
    }

    /// Where the plugin is installed.
    pub(crate) fn plugin(&self) -> PathBuf {
        self.path.join(".claude/skills/sisyphus")
    }

    /// The state folder.
    pub(crate) fn state(&self) -> PathBuf {
        self.path.join(".claude/plugins/data/sisyphus/state")
    }

    /// The state folder of 0.1.0.
    pub(crate) fn old_state(&self) -> PathBuf {
        self.path.join(".claude/.sisyphus/background-tasks")
    }

    /// The folder of the queue of all sessions.
    pub(crate) fn runtime(&self) -> PathBuf {
        self.path.join("runtime")
    }

    /// The variable in the environment of every process of this home.
    pub(crate) fn variable(&self) -> String {
        format!("HOME={}", self.path.display())
    }

    /// A command in the project, with this home and no other part of our environment.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.environment())
            .current_dir(&self.project)
            .stdin(Stdio::null());
        command
    }

    /// Claude Code, talking to `api`. If we are killed, `timeout` still ends it.
    pub(crate) fn client_command(&self, api: &Api, seconds: u64) -> Command {
        let mut command = match program::find("timeout") {
            Some(timeout) => {
                let mut command = self.command(&timeout);
                command.args(["--foreground", "-k", "5", &seconds.to_string()]).arg(&self.client);
                command
            }
            None => self.command(&self.client),
        };
        command.envs(Self::client_environment(api));
        command
    }

    /// Executes what its arguments name, as in a person's terminal: `claude` and `sisyphus` are on `PATH`, and `api` has the
    /// model.
    pub(crate) fn person_command(&self, api: &Api) -> Command {
        let mut command = self.command(Path::new("sh"));
        let claude = self.client.parent().unwrap_or(&self.client);
        let own = self.path.join(".local/bin");
        command.env("PATH", format!("{}:{}:{CLIENT_PATH}", own.display(), claude.display()));
        command.envs(Self::client_environment(api));
        command.args(["-c", "exec \"$@\"", "sh"]);
        command
    }

    /// Runs the plugin's command line; returns its output.
    pub(crate) fn sisyphus(&self, arguments: &[&str]) -> Result<String> {
        let program = self.path.join(".local/bin/sisyphus");
        let output = self.command(&program).args(arguments).output();
        let output = output.with_context(|| format!("could not start `{}`", program.display()))?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`sisyphus {}` failed: {complaint}", arguments.join(" "));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("PATH", CLIENT_PATH.to_owned()),
            ("HOME", self.path.display().to_string()),
            ("SISYPHUS_RUNTIME_DIR", self.runtime().display().to_string()),
            ("SHELL", self.shell.display().to_string()),
            ("TERM", "xterm-256color".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
        ];
        variables
            .extend(self.tmp.iter().map(|tmp| ("CLAUDE_CODE_TMPDIR", tmp.display().to_string())));
        variables
    }

    fn client_environment(api: &Api) -> Vec<(&'static str, String)> {
        let on = || "1".to_owned();
        vec![
            ("ANTHROPIC_BASE_URL", api.base_url()),
            ("ANTHROPIC_API_KEY", API_KEY.to_owned()),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", on()),
            ("DISABLE_AUTOUPDATER", on()),
            ("IS_SANDBOX", on()),
        ]
    }

    /// Answers to the questions that Claude Code asks a new user.
    fn client_state(&self) -> Value {
        let project = self.project.display().to_string();
        json!({
            "hasCompletedOnboarding": true,
            "theme": "dark",
            "numStartups": 5,
            "bypassPermissionsModeAccepted": true,
            "customApiKeyResponses": { "approved": [API_KEY], "rejected": [] },
            "projects": { project: { "hasTrustDialogAccepted": true, "hasCompletedProjectOnboarding": true } },
        })
    }

    /// Installs the plugin whose files are in `root` and whose binaries are in `binaries`, as a user would.
    pub(crate) fn install(&self, root: &Path, binaries: &Path) -> Result<()> {
        let script = root.join("install.sh");
        let log = self.folder.join("install.log");
        let output = self
            .command(&script)
            .env("SISYPHUS_PREBUILT", binaries)
            .current_dir(root)
            .output()
            .with_context(|| format!("could not start `{}`", script.display()))?;
        let mut all = File::options().create(true).append(true).open(&log)?;
        all.write_all(&[output.stdout, output.stderr].concat())?;
        ensure!(output.status.success(), "`./install.sh` failed; its output: {}", log.display());
        let plugin = self.plugin();
        ensure!(plugin.is_dir(), "`./install.sh` made no `{}`", plugin.display());
        Ok(())
    }

    fn write(&self, path: &Path, text: &str) -> Result<()> {
        fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        fs::write(path, text).with_context(|| format!("could not write `{}`", path.display()))
    }
}
