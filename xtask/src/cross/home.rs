//! A home for the plugin of another system: its programs are started there with nothing of this process's environment.

use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::toolchain::Toolchain;

/// The project, and Claude Code's temporary folder.
pub(super) const PROJECT: &str = "proj";
pub(super) const CLIENT_TMP: &str = "tmp/claude";
/// Where programs are found by name.
pub(super) const PROGRAMS: &str = "programs";
/// Claude Code ends a hook after this time. What may wait for hours has nothing to wait for here.
pub(super) const DEADLINE: Duration = Duration::from_secs(15);
pub(super) const PAUSE: Duration = Duration::from_millis(5);
/// How often a machine under load may let Wine kill a program. See [`Killed`].
const ATTEMPTS: u32 = 5;

/// What Wine says if its server has closed the connection.
const SERVER_GONE: &str = "wine client error";

/// The program that runs the program was killed, and not by this one. Wine's server does that to a program that the
/// kernel has not removed one second after its end. Its exit code is lost then.
#[derive(Debug)]
struct Killed;

impl fmt::Display for Killed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("it was killed")
    }
}

impl Error for Killed {}

/// How a program ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) printed: String,
    pub(super) complaint: String,
}

#[derive(Debug)]
pub(super) struct Home<'a> {
    tree: &'a Path,
    toolchain: &'a Toolchain,
    folder: PathBuf,
}

impl<'a> Home<'a> {
    /// Does something in a new home below `folder`, again if Wine has killed a program there.
    pub(super) fn act<T>(
        tree: &'a Path,
        toolchain: &'a Toolchain,
        folder: &Path,
        act: impl Fn(&Self) -> Result<T>,
    ) -> Result<T> {
        let mut attempt = 1;
        loop {
            let home = Self { tree, toolchain, folder: folder.join(attempt.to_string()) };
            for folder in [PROJECT, CLIENT_TMP, PROGRAMS] {
                fs::create_dir_all(home.folder.join(folder))
                    .context("could not create the home")?;
            }
            match act(&home) {
                Err(error) if attempt < ATTEMPTS && error.is::<Killed>() => {
                    println!("once more: {error:#}");
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn state(&self) -> PathBuf {
        self.folder.join(".claude/plugins/data/sisyphus/state")
    }

    /// The command line of the plugin.
    pub(super) fn sisyphus(&self, arguments: &[&str]) -> Result<Command> {
        let name = if self.is_windows() { "bin/sisyphus.exe" } else { "bin/sisyphus" };
        let mut command = self.of_plugin(name)?;
        command.args(arguments);
        Ok(command)
    }

    /// A program of the plugin.
    pub(super) fn of_plugin(&self, path: &str) -> Result<Command> {
        let path = self.tree.join(path);
        ensure!(path.is_file(), "`{}` is missing", path.display());
        Ok(self.program(&path))
    }

    /// Any program of that system.
    pub(super) fn program(&self, path: &Path) -> Command {
        let mut command = self.toolchain.program(path);
        let foreign = |path: &str| self.foreign(&self.folder.join(path));
        command
            .env("HOME", foreign(""))
            .env("CLAUDE_CONFIG_DIR", foreign(".claude"))
            .env("CLAUDE_CODE_TMPDIR", foreign("tmp"))
            .env("SISYPHUS_RUNTIME_DIR", foreign("runtime"))
            .env("CLAUDE_PLUGIN_ROOT", self.foreign(self.tree))
            .env("WINEPATH", foreign(PROGRAMS))
            .env("LANG", "C.UTF-8")
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
            .current_dir(self.folder.join(PROJECT));
        command
    }

    /// What it prints, if it ends in time and well.
    pub(super) fn run(&self, command: Command, input: &[u8]) -> Result<String> {
        let Ended { code, printed, complaint } = self.end(command, input)?;
        ensure!(code == 0 && complaint.is_empty(), "exit code {code}: {}", complaint.trim());
        Ok(printed)
    }

    /// How it ends, if it does in time.
    pub(super) fn end(&self, mut command: Command, input: &[u8]) -> Result<Ended> {
        let [printed, complaint] = ["stdout", "stderr"].map(|name| self.folder.join(name));
        command.stdin(Stdio::piped());
        command.stdout(File::create(&printed)?).stderr(File::create(&complaint)?);
        let mut child = command.spawn().with_context(|| format!("could not start {command:?}"))?;
        let deadline = Instant::now() + DEADLINE;
        // A program that needs no input may have ended.
        let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input));
        let status = loop {
            match child.try_wait()? {
                Some(status) => break status,
                None if Instant::now() > deadline => {
                    child.kill()?;
                    child.wait()?;
                    bail!("it does not end within {} s", DEADLINE.as_secs());
                }
                None => thread::sleep(PAUSE),
            }
        };
        let complaint = fs::read_to_string(complaint)?;
        ensure!(!complaint.starts_with(SERVER_GONE), Killed);
        Ok(Ended { code: self.code(status)?, printed: fs::read_to_string(printed)?, complaint })
    }

    /// The exit code of a program.
    pub(super) fn code(&self, status: ExitStatus) -> Result<i32> {
        match status.code() {
            Some(code) => Ok(code),
            None if self.toolchain.runner() == Some("wine") => Err(Killed.into()),
            None => bail!("it ends with {status}"),
        }
    }

    /// The path as programs of the target know it. Wine shows our files as drive `Z:`.
    pub(super) fn foreign(&self, path: &Path) -> String {
        let path = path.display().to_string();
        if self.is_windows() { format!("Z:{}", path.replace('/', "\\")) } else { path }
    }

    fn is_windows(&self) -> bool {
        self.tree.join("install.ps1").exists()
    }
}
