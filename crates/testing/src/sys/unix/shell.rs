//! A fake of Claude Code around one session: fires its hooks, and starts its shells as Claude Code was measured to.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::{SigHandler, Signal, signal};
use serde_json::{Value, json};

use crate::env::run;
use crate::{TestEnv, wait_for};

use super::processes::{Process, kill_all_of_home};

/// The first session of a fake Claude Code.
pub const FIRST_SESSION: &str = "session-1";

/// The shells that Claude Code supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    Bash,
    Zsh,
}

impl Shell {
    pub const BOTH: [Self; 2] = [Self::Bash, Self::Zsh];

    /// The shell's program. A missing one fails the test, because Claude Code may use either.
    pub fn program(self) -> PathBuf {
        let name = match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
        };
        ["/bin", "/usr/bin", "/usr/local/bin"]
            .iter()
            .map(|dir| Path::new(dir).join(name))
            .find(|path| path.exists())
            .unwrap_or_else(|| panic!("`{name}` is not installed, and the tests need it"))
    }

    /// What Claude Code puts before the command to turn off surprising patterns.
    fn pattern_switch(self) -> &'static str {
        match self {
            Self::Bash => "\\builtin shopt -u extglob 2>/dev/null || true",
            Self::Zsh => "\\builtin setopt NO_EXTENDED_GLOB 2>/dev/null || true",
        }
    }
}

/// One session of Claude Code.
#[derive(Debug)]
pub struct Client {
    pub env: TestEnv,
    pub shell: Shell,
    /// The content of other hooks' env files, in whole lines. It comes before ours.
    pub prelude: String,
    session: String,
    counter: AtomicU32,
}

impl Client {
    /// Starts a session with the plugin.
    pub fn new(shell: Shell) -> Self {
        let env = TestEnv::new();
        let (prelude, session) = (String::new(), FIRST_SESSION.to_owned());
        let client = Self { env, shell, prelude, session, counter: AtomicU32::new(0) };
        fs::write(client.snapshot(), "export SNAPSHOT=1\nfrom_snapshot() { echo here; }\n")
            .expect("a snapshot");
        client.start_session();
        client
    }

    /// Switches to another session of the same user, and starts it if it is new. Later calls belong to it. What already
    /// runs keeps running.
    pub fn switch(&mut self, session: &str) {
        session.clone_into(&mut self.session);
        if !self.env_file().exists() {
            self.start_session();
        }
    }

    fn start_session(&self) {
        let mut hook = self.env.command("sisyphus-session-start");
        hook.env("CLAUDE_ENV_FILE", self.env_file());
        let mut event = json!({ "hook_event_name": "SessionStart", "source": "startup" });
        self.complete(&mut event);
        let output = run(hook, event.to_string().as_bytes());
        assert_eq!((output.code, output.stdout.as_str()), (Some(0), ""), "{output:?}");
    }

    /// The attach snippet, as SessionStart wrote it.
    pub fn snippet(&self) -> String {
        fs::read_to_string(self.env_file()).expect("the env file of the session")
    }

    fn env_file(&self) -> PathBuf {
        self.env.path().join(format!("env-{}.sh", self.session))
    }

    fn snapshot(&self) -> PathBuf {
        self.env.path().join("snapshot.sh")
    }

    /// The runner that shells are attached to.
    pub fn runner(&self) -> PathBuf {
        let entries = fs::read_dir(self.env.state().join("bin")).expect("the runner's folder");
        let paths = entries.map(|entry| entry.expect("a file").path());
        // The file with the notifier's path is in the same folder.
        let is_runner = |path: &PathBuf| path.to_string_lossy().contains("/bin/sisyphus-run-");
        paths.into_iter().find(is_runner).expect("the runner")
    }

    /// The folder that exists while a call is announced.
    pub fn announced_dir(&self) -> PathBuf {
        self.env.state().join("announced").join(&self.session)
    }

    /// The run folder of Claude Code's task `id` in this session.
    pub fn run_dir(&self, id: &str) -> PathBuf {
        self.env.state().join("runs").join(&self.session).join(id)
    }

    /// The same for a runner in Claude Code's sandbox.
    pub fn sandboxed_run_dir(&self, id: &str) -> PathBuf {
        self.env.runs().join("runs").join(&self.session).join(id)
    }

    /// The id of the next shell, if no call is announced before.
    pub fn next_id(&self) -> String {
        format!("b{:08}", self.counter.load(Ordering::Relaxed))
    }

    fn number(&self) -> u32 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    /// Adds the fields that every event of this session has.
    pub fn complete(&self, event: &mut Value) {
        event["session_id"] = self.session.as_str().into();
        // A call may have a folder of its own.
        if event.get("cwd").is_none() {
            event["cwd"] = self.env.project().to_string_lossy().into();
        }
    }

    /// Fires a hook of this session.
    pub fn hook(&self, binary: &str, mut event: Value) -> Value {
        self.complete(&mut event);
        let output = self.env.hook(binary, &event);
        assert_eq!(output.code, Some(0), "{output:?}");
        output.json()
    }

    /// The model's call of a background command, up to the permission check, as the hooks changed it.
    pub fn announce(&self, command: &str) -> Value {
        self.announce_with(command, json!({}))
    }

    /// Like [`announce`](Self::announce), with more fields of the tool's input.
    pub fn announce_with(&self, command: &str, more: Value) -> Value {
        let mut input =
            json!({ "command": command, "description": "a test", "run_in_background": true });
        for (name, value) in more.as_object().expect("an object") {
            input[name] = value.clone();
        }
        let id = format!("toolu_{}", self.number());
        let mut call = json!({ "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": id, "tool_input": input });
        let reply = self.hook("sisyphus-pre-tool-use", call.clone());
        if reply == Value::Null {
            return call;
        }
        // The only change that a hook may make: another time limit.
        let mut changed = reply["hookSpecificOutput"]["updatedInput"].clone();
        call["tool_input"] = changed.clone();
        for input in [&mut changed, &mut input] {
            input.as_object_mut().expect("an input").remove("timeout");
        }
        assert_eq!(changed, input, "the call was changed: {reply}");
        call
    }

    /// Claude Code's answer to the model: the command runs in the background. Returns the hook's answer to that.
    pub fn bind(&self, mut call: Value, running: &Running) -> Value {
        call["hook_event_name"] = "PostToolUse".into();
        call["tool_response"] =
            json!({ "stdout": "", "stderr": "", "backgroundTaskId": running.id });
        self.hook("sisyphus-post-tool-use", call)
    }

    /// A whole background call: announced, started, confirmed.
    pub fn background(&self, command: &str) -> Running {
        self.background_with(command, json!({}))
    }

    /// Like [`background`](Self::background), with more fields of the tool's input.
    pub fn background_with(&self, command: &str, more: Value) -> Running {
        let call = self.announce_with(command, more);
        let running = self.start(command);
        self.bind(call, &running);
        running
    }

    /// Starts the shell of a command of this session.
    pub fn start(&self, command: &str) -> Running {
        self.spawn(&self.attached(command), |_, _| {})
    }

    /// Starts the shell of a command as it would be without the plugin.
    pub fn start_plain(&self, command: &str) -> Running {
        self.spawn(&self.plain(command), |_, _| {})
    }

    /// The execution string of a command, with `CWD_FILE` in place of the file for the working folder.
    pub fn attached(&self, command: &str) -> String {
        self.string(&format!("{}{}: && ", self.prelude, self.snippet()), command)
    }

    /// The execution string without the plugin. Without env files, Claude Code puts nothing before the command.
    pub fn plain(&self, command: &str) -> String {
        let prelude =
            if self.prelude.is_empty() { String::new() } else { format!("{}: && ", self.prelude) };
        self.string(&prelude, command)
    }

    fn string(&self, env_files: &str, command: &str) -> String {
        let snapshot = self.snapshot();
        format!(
            "source {} 2>/dev/null || true && {env_files}{} && eval {} < /dev/null && pwd -P >| CWD_FILE",
            snapshot.display(),
            self.shell.pattern_switch(),
            as_written(command),
        )
    }

    /// Starts the shell with an execution string. `change` may change the command before.
    pub fn spawn(&self, string: &str, change: impl FnOnce(&mut Command, &Path)) -> Running {
        let id = format!("b{:08}", self.number());
        let tasks = self.env.client_tmp().join("-proj").join(&self.session).join("tasks");
        fs::create_dir_all(&tasks).expect("the folder of the outputs");
        let output = tasks.join(format!("{id}.output"));
        let cwd_file = self.env.client_tmp().join(format!("{id}-cwd"));
        let file = File::options().append(true).create(true).open(&output).expect("an output file");
        let (stdin, other_end) = UnixStream::pair().expect("a socket");

        let string = string.replace("CWD_FILE", &cwd_file.display().to_string());
        let mut command = Command::new(self.shell.program());
        self.env.apply(&mut command);
        command
            .args(["-c", &string])
            .env("SHELL", self.shell.program())
            .stdin(OwnedFd::from(stdin))
            .stdout(file.try_clone().expect("a descriptor"))
            .stderr(file);
        // The shell gets default signals, as from Claude Code. The tests may run as a background job of a script, which
        // ignores INT and QUIT.
        let reset = || {
            for number in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGTERM] {
                // SAFETY: the default action runs no code of ours.
                unsafe { signal(number, SigHandler::SigDfl) }.map_err(io::Error::from)?;
            }
            Ok(())
        };
        // SAFETY: between fork and exec only these system calls are made.
        unsafe { command.pre_exec(reset) };
        change(&mut command, &output);
        let detach = || nix::unistd::setsid().map(drop).map_err(io::Error::from);
        // SAFETY: between fork and exec only this one system call is made.
        unsafe { command.pre_exec(detach) };
        let child = command.spawn().expect("a shell");
        let process =
            Process::of_child(child.id().cast_signed()).expect("the shell, not reaped yet");
        Running { id, output, cwd_file, process, child, _stdin: other_end }
    }

    /// Every task, as `sisyphus list --json` shows it.
    pub fn tasks(&self) -> Vec<Value> {
        let output = self.env.run("sisyphus", &["list", "--json"]);
        assert_eq!(output.code, Some(0), "{output:?}");
        output.json()["tasks"].as_array().expect("tasks").clone()
    }

    /// Waits until the records show that it runs: a command may print before its runner has recorded that.
    pub fn wait_until_running(&self, running: &Running) {
        wait_for("the record that it runs", || {
            let tasks = self.tasks();
            let is_it = |task: &&Value| task["client_id"] == running.id.as_str();
            (tasks.iter().find(is_it)?["status"] == "running").then_some(())
        });
    }

    /// Waits until a runner has replaced the shell.
    pub fn wait_until_attached(&self, running: &Running) {
        let attached = self.run_dir(&running.id).join("attached.json");
        wait_for("a runner in the shell's place", || attached.exists().then_some(()));
    }

    /// The only task.
    pub fn task(&self) -> Value {
        let tasks = self.tasks();
        let [task] = tasks.as_slice() else { panic!("not one task: {tasks:#?}") };
        task.clone()
    }

    /// The only task, once it runs.
    pub fn running_task(&self) -> Value {
        wait_for("the task to run", || {
            let task = self.task();
            (task["status"] == "running").then_some(task)
        })
    }
}

/// A command as Claude Code writes it behind `eval`: quoted, unless it is one word of harmless characters.
fn as_written(command: &str) -> String {
    let is_harmless =
        |character: char| character.is_ascii_alphanumeric() || "_-./:=@,+".contains(character);
    if !command.is_empty() && command.chars().all(is_harmless) {
        return command.to_owned();
    }
    format!("'{}'", command.replace('\'', "'\"'\"'"))
}

impl Drop for Client {
    fn drop(&mut self) {
        kill_all_of_home(&self.env.home());
    }
}

/// A started shell.
#[derive(Debug)]
pub struct Running {
    /// Claude Code's id of the task.
    pub id: String,
    pub output: PathBuf,
    pub cwd_file: PathBuf,
    /// The process that Claude Code started, whether it still runs or not.
    pub process: Process,
    child: Child,
    _stdin: UnixStream,
}

/// What Claude Code sees of a shell that has exited.
#[derive(Debug)]
pub struct Finished {
    pub id: String,
    pub status: ExitStatus,
    pub output: Vec<u8>,
    /// The content of the file for the working folder.
    pub cwd: Option<String>,
}

impl Running {
    /// Waits until it exits.
    pub fn wait(mut self) -> Finished {
        let status = wait_for("the end of the shell", || self.child.try_wait().expect("its end"));
        Finished {
            id: self.id,
            status,
            output: fs::read(&self.output).unwrap_or_default(),
            cwd: fs::read_to_string(&self.cwd_file).ok(),
        }
    }

    /// Waits until a foreground command exits. Claude Code removes the output file together with its answer.
    pub fn wait_in_foreground(self) -> Finished {
        let output = self.output.clone();
        let finished = self.wait();
        fs::remove_file(output).expect("its output file");
        finished
    }

    /// The output so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).unwrap_or_default()).into_owned()
    }

    /// Waits until a line of the output is `line`.
    pub fn wait_for_line(&self, line: &str) {
        wait_for(&format!("the line `{line}` of {}", self.output.display()), || {
            self.text().lines().any(|it| it == line).then_some(())
        });
    }

    /// The shell of the command below the runner.
    pub fn command(&self) -> Process {
        wait_for("the command's shell", || self.process.children().first().copied())
    }
}

impl Finished {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }
}
