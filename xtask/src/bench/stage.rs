//! The binaries as the installer builds them, and a scratch home for them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, id};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::e2e::{plugin, sys};
use crate::remove::remove;
use crate::repository;

/// The session that every event belongs to.
const SESSION: &str = "bench-session";

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    Full,
    /// As little as shows that it can be measured.
    Quick,
}

impl Pace {
    pub(crate) fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

/// Binaries and home. The home is removed at the end.
pub(crate) struct Stage {
    plugin: PathBuf,
    home: PathBuf,
    pace: Pace,
}

impl Stage {
    /// Builds as `install.sh` does, by letting it do so; in haste it installs what the tests use.
    pub(crate) fn build(pace: Pace) -> Result<Self> {
        let home = std::env::temp_dir().join(format!("sisyphus-bench-{}", id()));
        fs::create_dir_all(&home)
            .with_context(|| format!("could not create `{}`", home.display()))?;
        let stage = Self { plugin: home.join(".claude/skills/sisyphus"), home, pace };
        let mut install = plugin::installer(&repository::root()?, &stage.home)?;
        if pace == Pace::Quick {
            install.env("SISYPHUS_PREBUILT", build_for_tests()?);
        }
        let output = install.output().context("could not run install.sh")?;
        ensure!(output.status.success(), "install.sh: {}", String::from_utf8_lossy(&output.stderr));
        Ok(stage)
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    pub(crate) fn pace(&self) -> Pace {
        self.pace
    }

    /// How often something is done that is measured so often.
    pub(crate) fn rounds(&self, full: usize) -> usize {
        self.pace.pick(full, 2)
    }

    /// How many rounds before those are not counted, where the caches have to be warm.
    pub(crate) fn warm_up(&self, full: usize) -> usize {
        self.pace.pick(full, 0)
    }

    /// The state folder.
    pub(crate) fn state(&self) -> PathBuf {
        self.home.join(".claude/plugins/data/sisyphus/state")
    }

    /// The record of unfinished tasks.
    pub(crate) fn active(&self) -> PathBuf {
        self.state().join("active.json")
    }

    /// Makes the next call the first one.
    pub(crate) fn forget(&self) -> Result<()> {
        for entry in fs::read_dir(self.state()).into_iter().flatten() {
            let path = entry?.path();
            match path.file_name().and_then(|name| name.to_str()) {
                Some("bin" | "state.lock") => {}
                Some(_) | None => remove(&path)?,
            }
        }
        remove(&self.client_tmp().join("sisyphus"))
    }

    /// The user's settings.
    pub(crate) fn settings(&self, settings: &Value) -> Result<()> {
        let path = self.home.join(".claude/settings.json");
        fs::write(&path, settings.to_string())
            .with_context(|| format!("could not write `{}`", path.display()))
    }

    /// The user has none.
    pub(crate) fn forget_settings(&self) -> Result<()> {
        remove(&self.home.join(".claude/settings.json"))
    }

    /// The per-user folder of the line.
    pub(crate) fn runtime(&self) -> PathBuf {
        self.home.join("runtime")
    }

    /// The folder where the client would keep its temporary files.
    pub(crate) fn client_tmp(&self) -> PathBuf {
        self.home.join(format!("claude-{}", sys::user_id()))
    }

    /// Where commands print to: memory where there is such a folder, because a disk's own moods are larger than
    /// anything that is measured here.
    pub(crate) fn outputs(&self) -> PathBuf {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory } else { self.home.as_path() };
        base.join(format!("sisyphus-bench-{}", id())).join("tasks")
    }

    pub(crate) fn binary(&self, name: &str) -> Command {
        self.program(&format!("hooks/bin/{name}"))
    }

    /// `sisyphus`.
    pub(crate) fn command_line(&self) -> Command {
        self.program("bin/sisyphus")
    }

    fn program(&self, path: &str) -> Command {
        let mut command = Command::new(self.plugin.join(path));
        self.apply(&mut command);
        command
    }

    pub(crate) fn apply(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &self.home)
            .env("CLAUDE_CODE_TMPDIR", &self.home)
            .env("SISYPHUS_RUNTIME_DIR", self.runtime())
            .current_dir(&self.home);
    }

    /// An event in a file, to be read by a hook.
    pub(crate) fn event(&self, name: &str, mut event: Value) -> Result<PathBuf> {
        event["session_id"] = SESSION.into();
        event["cwd"] = self.home.to_string_lossy().into();
        self.file(name, &event)
    }

    /// The same for an event that says its session itself.
    pub(crate) fn file(&self, name: &str, event: &Value) -> Result<PathBuf> {
        let path = self.home.join(format!("{name}.json"));
        fs::write(&path, event.to_string())
            .with_context(|| format!("could not write `{}`", path.display()))?;
        Ok(path)
    }

    /// Runs a hook once, outside of any measurement.
    pub(crate) fn hook(&self, name: &str, event: &Path, env_file: Option<&Path>) -> Result<()> {
        let mut command = self.binary(name);
        if let Some(env_file) = env_file {
            command.env("CLAUDE_ENV_FILE", env_file);
        }
        let status = command.stdin(File::open(event)?).status()?;
        ensure!(status.success(), "{name} ended with {status}");
        Ok(())
    }

    /// An executable that does nothing, written in Rust.
    pub(crate) fn empty_program(&self) -> Result<PathBuf> {
        let source = self.home.join("empty.rs");
        fs::write(&source, "fn main() {}\n")?;
        let target = self.home.join("empty");
        let status = Command::new("rustc")
            .args(["-O", "-o"])
            .arg(&target)
            .arg(&source)
            .status()
            .context("could not run rustc")?;
        ensure!(status.success(), "rustc ended with {status}");
        Ok(target)
    }
}

/// The binaries of the tests, which are mostly there.
fn build_for_tests() -> Result<PathBuf> {
    let root = repository::root()?;
    let mut build = Command::new(repository::cargo());
    build.args(["build", "--quiet", "--workspace"]).current_dir(root);
    let status = build.status().with_context(|| format!("could not start {build:?}"))?;
    ensure!(status.success(), "could not build the plugin");
    Ok(repository::target()?.join("debug"))
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What a measurement that failed has left running.
        for process in sys::started_with(&format!("HOME={}", self.home.display())) {
            sys::kill_process(process);
        }
        let _ = fs::remove_dir_all(&self.home);
        if let Some(outputs) = self.outputs().parent() {
            let _ = fs::remove_dir_all(outputs);
        }
    }
}
