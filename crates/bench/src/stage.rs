//! The binaries as the installer builds them, and a scratch home for them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, id};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sisyphus_harness::pack::Target;
use sisyphus_harness::{plugin, remove, repository, sys};

/// The session of every event.
const SESSION: &str = "bench-session";

/// How many rounds are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    Full,
    /// As few as show that the benchmark works.
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

/// The binaries and the home. The home is removed at the end.
pub(crate) struct Stage {
    plugin: PathBuf,
    home: PathBuf,
    pace: Pace,
}

impl Stage {
    /// Lets `install.sh` build and install the plugin; at quick pace it installs the test binaries.
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

    /// How many rounds to measure.
    pub(crate) fn rounds(&self, full: usize) -> usize {
        self.pace.pick(full, 2)
    }

    /// How many rounds run before, uncounted, to warm the caches.
    pub(crate) fn warm_up(&self, full: usize) -> usize {
        self.pace.pick(full, 0)
    }

    /// The state folder.
    pub(crate) fn state(&self) -> PathBuf {
        self.home.join(".claude/plugins/data/sisyphus/state")
    }

    /// The file of unfinished tasks.
    pub(crate) fn active(&self) -> PathBuf {
        self.state().join("active.json")
    }

    /// Clears the state, so that the next call is the first one.
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

    /// Writes the user's settings.
    pub(crate) fn settings(&self, settings: &Value) -> Result<()> {
        let path = self.home.join(".claude/settings.json");
        fs::write(&path, settings.to_string())
            .with_context(|| format!("could not write `{}`", path.display()))
    }

    /// Removes the user's settings.
    pub(crate) fn forget_settings(&self) -> Result<()> {
        remove(&self.home.join(".claude/settings.json"))
    }

    /// The per-user folder of the queue.
    pub(crate) fn runtime(&self) -> PathBuf {
        self.home.join("runtime")
    }

    /// The folder of Claude Code's temporary files.
    pub(crate) fn client_tmp(&self) -> PathBuf {
        self.home.join(format!("claude-{}", sys::user_id()))
    }

    /// Where commands print to: a memory file system if there is one, because the variation of a disk is larger than
    /// anything measured here.
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

    /// Writes an event to a file, for a hook to read.
    pub(crate) fn event(&self, name: &str, mut event: Value) -> Result<PathBuf> {
        event["session_id"] = SESSION.into();
        event["cwd"] = self.home.to_string_lossy().into();
        self.file(name, &event)
    }

    /// The same for an event that names its session itself.
    pub(crate) fn file(&self, name: &str, event: &Value) -> Result<PathBuf> {
        let path = self.home.join(format!("{name}.json"));
        fs::write(&path, event.to_string())
            .with_context(|| format!("could not write `{}`", path.display()))?;
        Ok(path)
    }

    /// Runs a hook once, without timing it.
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
        self.compile("empty", "fn main() {}\n", &[])
    }

    /// An executable of which only the C library's own start runs, built as the plugin is.
    pub(crate) fn program_without_start(&self) -> Result<PathBuf> {
        let source = "#![no_main]\n#[unsafe(no_mangle)]\nextern \"C\" fn main() -> i32 { 0 }\n";
        let flags = Target::host()?.flags();
        self.compile(
            "without-start",
            source,
            &[&["--edition=2024", "-Cpanic=abort", "-Cstrip=symbols"], flags].concat(),
        )
    }

    /// A static executable that reads its input to the end, written in C: a hook can't do less.
    pub(crate) fn reader_in_c(&self) -> Result<PathBuf> {
        self.compile_c("reader", include_str!("c/reader.c"))
    }

    /// A static executable in the place of our runner, written in C: what the starts of processes alone cost.
    pub(crate) fn stand_in(&self) -> Result<PathBuf> {
        self.compile_c("stand-in", include_str!("c/stand_in.c"))
    }

    /// An executable that runs another one, and prints the largest memory that it had resident, in KiB.
    pub(crate) fn scales(&self) -> Result<PathBuf> {
        self.compile_c("scales", include_str!("c/scales.c"))
    }

    fn compile(&self, name: &str, text: &str, flags: &[&str]) -> Result<PathBuf> {
        let mut rustc = Command::new("rustc");
        rustc.args(["--crate-name=empty", "-O"]).args(flags);
        self.compile_with(rustc, name, "rs", text)
    }

    fn compile_c(&self, name: &str, text: &str) -> Result<PathBuf> {
        let mut cc = Command::new("cc");
        cc.args(["-O2", "-static"]);
        self.compile_with(cc, name, "c", text)
    }

    fn compile_with(
        &self,
        mut compiler: Command,
        name: &str,
        extension: &str,
        text: &str,
    ) -> Result<PathBuf> {
        let source = self.home.join(format!("{name}.{extension}"));
        fs::write(&source, text)?;
        let target = self.home.join(name);
        compiler.arg("-o").arg(&target).arg(&source);
        let status = compiler.status().with_context(|| format!("could not run {compiler:?}"))?;
        ensure!(status.success(), "{compiler:?} ended with {status}");
        Ok(target)
    }
}

/// The test binaries, which usually exist already.
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
        // Processes that a failed measurement has left running.
        for process in sys::started_with(&format!("HOME={}", self.home.display())) {
            sys::kill_process(process);
        }
        let _ = fs::remove_dir_all(&self.home);
        if let Some(outputs) = self.outputs().parent() {
            let _ = fs::remove_dir_all(outputs);
        }
    }
}
