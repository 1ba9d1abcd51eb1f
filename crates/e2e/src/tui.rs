//! Claude Code as the user sees it, in a terminal of tmux.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::{program, sys};

use super::api::Api;
use super::home::Home;
use super::session::{BYPASS, LIMIT, sweep};
use super::wait;

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) columns: u16,
    pub(crate) rows: u16,
}

const USUAL: Size = Size { columns: 150, rows: 45 };

/// How long two keys are apart.
const KEY: Duration = Duration::from_millis(300);

/// Claude Code in a terminal. Dropping it ends the terminal, Claude Code and all processes from its home.
pub(crate) struct Tui<'home> {
    home: &'home Home,
    tmux: PathBuf,
    /// The socket of a tmux server of its own, away from the sessions of the user.
    socket: String,
}

impl<'home> Tui<'home> {
    /// Starts Claude Code, with permission to run every tool, and waits until it reads input.
    pub(crate) fn start(home: &'home Home, api: &Api, arguments: &[&str]) -> Result<Self> {
        Self::start_with(home, api, arguments, &[])
    }

    /// Like [`start`](Self::start), with more variables, each `NAME=value`.
    pub(crate) fn start_with(
        home: &'home Home,
        api: &Api,
        arguments: &[&str],
        variables: &[&str],
    ) -> Result<Self> {
        Self::open(home, api, arguments, variables, USUAL)
    }

    /// Like [`start`](Self::start), in a terminal of this size.
    pub(crate) fn start_sized(
        home: &'home Home,
        api: &Api,
        arguments: &[&str],
        size: Size,
    ) -> Result<Self> {
        Self::open(home, api, arguments, &[], size)
    }

    fn open(
        home: &'home Home,
        api: &Api,
        arguments: &[&str],
        variables: &[&str],
        size: Size,
    ) -> Result<Self> {
        let tmux = program::find("tmux").context("this scenario needs `tmux`")?;
        let label = home.folder.file_name().unwrap_or_default().to_string_lossy();
        let socket = format!(
            "sisyphus-e2e-{}-{}-{label}",
            std::process::id(),
            home.project.as_os_str().len()
        );
        let tui = Self { home, tmux, socket };
        let client = home.client_command(api, LIMIT.as_secs() + 10);
        let mut start = tui.command();
        start
            .args(["-f", "/dev/null", "new-session", "-d"])
            .args(["-x", &size.columns.to_string(), "-y", &size.rows.to_string(), "-c"])
            .arg(&home.project);
        // tmux would pass on its own environment.
        start.args(["env", "-i"]);
        for (name, value) in client.get_envs() {
            let value = value.unwrap_or_default();
            start.arg(format!("{}={}", name.to_string_lossy(), value.to_string_lossy()));
        }
        start.args(variables);
        start.arg(client.get_program()).args(client.get_args()).arg(BYPASS).args(arguments);
        let status = start.status().context("could not start `tmux`")?;
        ensure!(status.success(), "`tmux` could not start Claude Code ({status})");
        tui.wait_for_screen("bypass permissions on")?;
        Ok(tui)
    }

    /// Records to a file what Claude Code sends to its terminal from here on.
    pub(crate) fn record(&self, file: &Path) -> Result<()> {
        let keep = format!("cat >'{}'", file.display());
        let status = self.command().args(["pipe-pane", &keep]).status();
        let status = status.context("could not start `tmux`")?;
        ensure!(status.success(), "`tmux` could not record ({status})");
        Ok(())
    }

    /// Types a line and sends it.
    pub(crate) fn say(&self, line: &str) -> Result<()> {
        self.keys(&["-l", line])?;
        // An Enter that arrives together with the text counts as a pasted line break.
        self.wait_for_screen(line)?;
        self.keys(&["Enter"])
    }

    /// Stops all background agents with Claude Code's keys for it, which it wants twice.
    pub(crate) fn stop_all_agents(&self) -> Result<()> {
        self.keys(&["C-x", "C-k"])?;
        self.wait_for_screen(" again to stop")?;
        self.keys(&["C-x", "C-k"])
    }

    /// Presses one key, named as tmux names it.
    pub(crate) fn press(&self, key: &str) -> Result<()> {
        self.keys(&[key])?;
        // A letter that follows an Escape at once would be Alt and that letter.
        thread::sleep(KEY);
        Ok(())
    }

    /// Confirms the selected answer.
    pub(crate) fn confirm(&self) -> Result<()> {
        self.keys(&["Enter"])
    }

    /// Types `before`, and pastes `text` behind it as a terminal pastes from the clipboard. Sends neither.
    pub(crate) fn paste(&self, before: &str, text: &str) -> Result<()> {
        self.keys(&["-l", before])?;
        self.wait_for_screen(before.trim_end())?;
        for arguments in [["set-buffer", text].as_slice(), &["paste-buffer", "-p", "-d"]] {
            let status = self.command().args(arguments).status();
            let status = status.context("could not start `tmux`")?;
            ensure!(status.success(), "`tmux` could not paste ({status})");
        }
        Ok(())
    }

    /// Waits until the screen shows `text`.
    pub(crate) fn wait_for_screen(&self, text: &str) -> Result<()> {
        let mut screen = String::new();
        let shown = wait::until(&format!("`{text}` on the screen"), LIMIT / 2, || {
            screen = self.screen()?;
            Ok(screen.contains(text).then_some(()))
        });
        shown.with_context(|| format!("the screen:\n{}", screen.trim_end()))
    }

    pub(crate) fn screen(&self) -> Result<String> {
        let output = self
            .command()
            .args(["capture-pane", "-p"])
            .output()
            .context("could not start `tmux`")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Kills Claude Code, and nothing that it has started.
    pub(crate) fn kill(&self) -> Result<()> {
        let output = self.command().args(["display-message", "-p", "#{pane_pid}"]).output();
        let printed = output.context("could not start `tmux`")?.stdout;
        let leader = String::from_utf8_lossy(&printed).trim().parse();
        let leader = leader.context("`tmux` did not say which process is in the terminal")?;
        // Claude Code may be a child of the leader, and takes longer to be gone.
        let group = sys::started_with(&self.home.variable()).into_iter();
        let group: Vec<u32> = group.filter(|id| sys::is_in_group(*id, leader)).collect();
        sys::kill_group(leader);
        wait::until_true("Claude Code to exit", LIMIT / 9, || {
            !group.iter().chain([&leader]).any(|id| sys::is_alive(*id))
        })
    }

    /// The screen with the sequences that colour it.
    pub(crate) fn coloured_screen(&self) -> Result<String> {
        let output = self.command().args(["capture-pane", "-p", "-e"]).output();
        let output = output.context("could not start `tmux`")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn keys(&self, keys: &[&str]) -> Result<()> {
        let status = self
            .command()
            .arg("send-keys")
            .args(keys)
            .status()
            .context("could not start `tmux`")?;
        ensure!(status.success(), "`tmux` could not send keys ({status})");
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.tmux);
        command
            .env_clear()
            .env("PATH", program::CLIENT_PATH)
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm-256color");
        command.args(["-L", &self.socket]).stdin(Stdio::null()).stderr(Stdio::null());
        command
    }
}

impl Drop for Tui<'_> {
    fn drop(&mut self) {
        // tmux leaves its socket behind.
        let socket = self.command().args(["display-message", "-p", "#{socket_path}"]).output();
        self.command().arg("kill-server").status().ok();
        if let Ok(output) = socket {
            fs::remove_file(String::from_utf8_lossy(&output.stdout).trim()).ok();
        }
        sweep(self.home);
    }
}
