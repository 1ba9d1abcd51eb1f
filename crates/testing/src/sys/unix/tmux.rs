//! A terminal of tmux, with a program in it: what a person types there and sees.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Process, TestEnv, wait_for, wait_until};

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A terminal in a tmux server of its own. Dropping it ends the server and what runs in it.
#[derive(Debug)]
pub struct Tmux<'a> {
    env: &'a TestEnv,
    socket: PathBuf,
}

impl<'a> Tmux<'a> {
    /// Runs a line of shell in a terminal of this size, in the environment of the test.
    pub fn start(env: &'a TestEnv, (columns, rows): (u16, u16), line: &str) -> Self {
        // A server that ends keeps its socket for a moment.
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let tmux = Self { env, socket: env.path().join(format!("tmux-{number}")) };
        let mut start = tmux.command();
        let size = [columns.to_string(), rows.to_string()];
        start.args(["-f", "/dev/null", "new-session", "-d", "-x", &size[0], "-y", &size[1]]);
        // tmux would pass on its own environment, and sets `TERM` and `TMUX` in it.
        start.args(["sh", "-c", line]);
        assert!(start.status().expect("tmux").success(), "tmux could not start `{line}`");
        tmux
    }

    /// Presses keys, each named as tmux names it.
    pub fn press(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    /// Types text, letter by letter.
    pub fn type_in(&self, text: &str) {
        self.run(&["send-keys", "-l", text]);
    }

    pub fn resize(&self, (columns, rows): (u16, u16)) {
        self.run(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// What is on the screen.
    pub fn screen(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    /// What is on the screen, with its colours. What the terminal has wrapped is one line.
    pub fn coloured_screen(&self) -> String {
        self.run(&["capture-pane", "-e", "-J", "-p"])
    }

    /// Waits until the screen shows this text.
    pub fn wait_for(&self, text: &str) {
        self.wait_until(text, |screen| screen.contains(text));
    }

    /// Waits until the screen is as it should be.
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        let mut seen = String::new();
        let shown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(what, || {
                seen = self.screen();
                is_so(&seen)
            });
        }));
        assert!(shown.is_ok(), "`{what}` is not on the screen:\n{seen}");
    }

    /// The process in the terminal, once it is this program.
    pub fn process(&self, program: &Path) -> Process {
        wait_for("the program in the terminal", || {
            let shell = self.run(&["display-message", "-p", "#{pane_pid}"]);
            let shell = Process::of(shell.trim().parse().ok()?)?;
            let is_it = |it: &Process| it.program().is_some_and(|path| path == program);
            [shell].into_iter().chain(shell.children()).find(is_it)
        })
    }

    /// Closes the terminal, as a person closes a window.
    pub fn close(&self) {
        self.run(&["kill-pane"]);
    }

    fn run(&self, args: &[&str]) -> String {
        let output = self.command().args(args).output().expect("tmux");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn command(&self) -> Command {
        let tmux = ["/usr/bin/tmux", "/usr/local/bin/tmux", "/bin/tmux", "/opt/homebrew/bin/tmux"];
        let found = tmux.iter().find(|path| Path::new(path).exists());
        let mut command =
            Command::new(found.expect("`tmux` is not installed, and the tests need it"));
        self.env.apply(&mut command);
        command.env("TERM", "xterm-256color").arg("-S").arg(&self.socket);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        let _ = self.command().arg("kill-server").status();
    }
}
