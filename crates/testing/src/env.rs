//! A separate home for the binaries under test, and calls of them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::TempDir;

/// A fresh home, temporary folder and state folder.
#[derive(Debug)]
pub struct TestEnv {
    dir: TempDir,
    runtime: PathBuf,
}

/// The answer of a binary.
#[derive(Debug)]
#[must_use = "check the answer"]
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// The answer as JSON; null if there is none.
    pub fn json(&self) -> Value {
        if self.stdout.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not JSON ({error}): {self:?}"))
    }
}

impl TestEnv {
    #[expect(clippy::new_without_default, reason = "it creates folders")]
    pub fn new() -> Self {
        let dir = TempDir::new();
        let runtime = dir.path().join("home/runtime");
        let env = Self { dir, runtime };
        for dir in [env.home(), env.project(), env.tmp()] {
            std::fs::create_dir_all(dir).expect("a folder");
        }
        env
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn home(&self) -> PathBuf {
        self.path().join("home")
    }

    pub fn project(&self) -> PathBuf {
        self.path().join("proj")
    }

    /// The replacement for `/tmp`.
    pub fn tmp(&self) -> PathBuf {
        self.path().join("tmp")
    }

    /// The state folder.
    pub fn state(&self) -> PathBuf {
        self.home().join(".claude/plugins/data/sisyphus/state")
    }

    /// Claude Code's temporary folder.
    pub fn client_tmp(&self) -> PathBuf {
        self.tmp().join(crate::sys::client_tmp_name())
    }

    /// The path of the session's D-Bus, if a test starts one. So no test shows anything on the desktop of the
    /// developer.
    pub fn bus(&self) -> PathBuf {
        self.path().join("bus")
    }

    /// The per-user folder of the queue: the replacement for `/run/user/UID/sisyphus`.
    pub fn runtime(&self) -> &Path {
        &self.runtime
    }

    /// Makes this home another configuration folder of the user of `other`.
    pub fn share_runtime(&mut self, other: &Self) {
        self.runtime.clone_from(&other.runtime);
    }

    /// Where sandboxed runners write their run folders.
    pub fn runs(&self) -> PathBuf {
        self.client_tmp().join("sisyphus")
    }

    /// Writes the user's settings: the section `sisyphus`.
    pub fn set(&self, settings: &Value) {
        self.write_section("sisyphus", settings);
    }

    /// Writes the user's settings: Claude Code's own switch for its sandbox.
    pub fn switch_sandbox_on(&self) {
        self.write_section("sandbox", &serde_json::json!({ "enabled": true }));
    }

    /// Keeps the other sections, if the file can be read.
    fn write_section(&self, name: &str, section: &Value) {
        let path = self.home().join(".claude/settings.json");
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
        let known = std::fs::read(&path).ok().and_then(|it| serde_json::from_slice(&it).ok());
        let mut settings = known.filter(Value::is_object).unwrap_or_else(|| serde_json::json!({}));
        settings[name] = section.clone();
        std::fs::write(path, settings.to_string()).expect("the settings");
    }

    /// A binary of this workspace, to be started in this environment and no other.
    pub fn command(&self, binary: &str) -> Command {
        let mut command = Command::new(built(binary));
        self.apply(&mut command);
        command
    }

    /// A program of the system, to be started in this environment.
    pub fn plain(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        self.apply(&mut command);
        command
    }

    /// Makes `command` run in this environment.
    pub fn apply(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.home())
            .env("CLAUDE_CODE_TMPDIR", self.tmp())
            .env("SISYPHUS_RUNTIME_DIR", &self.runtime)
            .env("LANG", "C.UTF-8")
            .env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", self.bus().display()))
            .current_dir(self.project());
    }

    /// Runs a hook with `input` on its standard input.
    pub fn hook(&self, binary: &str, input: &Value) -> Output {
        run(self.command(binary), input.to_string().as_bytes())
    }

    /// Runs a binary of ours with arguments.
    pub fn run(&self, binary: &str, args: &[&str]) -> Output {
        let mut command = self.command(binary);
        command.args(args);
        run(command, b"")
    }

    /// A state file, parsed; null if it is missing.
    pub fn state_file(&self, name: &str) -> Value {
        match std::fs::read(self.state().join(name)) {
            Ok(bytes) => serde_json::from_slice(&bytes).expect("a state file is JSON"),
            Err(_) => Value::Null,
        }
    }

    /// Changes a state file by hand. No other process may be about to change it.
    pub fn edit_state(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut value = self.state_file(name);
        change(&mut value);
        // Another process may read it meanwhile.
        let (path, aside) = (self.state().join(name), self.state().join("by-hand"));
        std::fs::write(&aside, value.to_string()).expect("a state file");
        std::fs::rename(aside, path).expect("a state file");
    }

    /// Makes it impossible to change the state, so that a runner can leave its result in its run folder only. A folder
    /// replaces the lock file, so processes notice that without waiting.
    pub fn close_state(&self) {
        let lock = self.state().join("state.lock");
        std::fs::rename(&lock, lock.with_extension("aside")).expect("a lock file");
        std::fs::create_dir(&lock).expect("a folder in its place");
    }

    /// Undoes [`close_state`](Self::close_state).
    pub fn open_state(&self) {
        let lock = self.state().join("state.lock");
        std::fs::remove_dir(&lock).expect("the folder in its place");
        std::fs::rename(lock.with_extension("aside"), &lock).expect("the lock file");
    }
}

/// Runs `command` with `input`, and waits until it exits.
pub fn run(mut command: Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // A binary that does not read all of its input must not block the test, nor fail it.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("the end of the binary");
    writer.join().expect("the writer");
    Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The built binary, beside the folder of the test executables.
fn built(binary: &str) -> PathBuf {
    let exe = std::env::current_exe().expect("the path of the test");
    // A test is in `target/PROFILE/deps`, a program of the workspace in `target/PROFILE`.
    let folders = exe.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join(binary)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("`{binary}` is not built: run `cargo build --workspace` first"))
}
