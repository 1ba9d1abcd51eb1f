//! Our own queue, with a fake client: announce, start the shell, bind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::fake_client::{Call, Session};

use super::stage::Stage;

/// One session in the scratch home.
pub(crate) struct Ours<'a> {
    stage: &'a Stage,
    pub(crate) session: Session,
    /// The state folder of this session's hooks, if it is not the usual one.
    state: Option<PathBuf>,
    calls: u32,
}

/// A call, and Claude Code's id of its task.
pub(crate) struct Called {
    pub(crate) call: Call,
    pub(crate) client_id: String,
}

impl<'a> Ours<'a> {
    /// Starts a session.
    pub(crate) fn start(stage: &'a Stage, name: &str) -> Result<Self> {
        Self::start_with_state(stage, name, None)
    }

    /// Starts a session whose state lies in the folder `state`.
    pub(crate) fn start_with_state(
        stage: &'a Stage,
        name: &str,
        state: Option<PathBuf>,
    ) -> Result<Self> {
        let env_file = stage.home().join(format!("env-{name}.sh"));
        let session = Session::new(name, stage.home(), &stage.client_tmp(), env_file)?;
        let ours = Self { stage, session, state, calls: 0 };
        let event = stage.file("start", &ours.session.start("startup"))?;
        let mut hook = ours.hook("sisyphus-session-start");
        hook.env("CLAUDE_ENV_FILE", &ours.session.env_file);
        run(hook, &event)?;
        let attached = fs::metadata(&ours.session.env_file).is_ok_and(|file| file.len() > 0);
        ensure!(attached, "the session `{name}` was not attached");
        Ok(ours)
    }

    /// A hook of this session.
    pub(crate) fn hook(&self, binary: &str) -> Command {
        let mut command = self.stage.binary(binary);
        if let Some(state) = &self.state {
            command.env("SISYPHUS_STATE_DIR", state);
        }
        command
    }

    /// A new call with a number of its own.
    pub(crate) fn call(&mut self, command: &str) -> Called {
        self.calls += 1;
        let number = self.calls;
        let call = Call {
            tool_use_id: format!("toolu_{}_{number}", self.session.id),
            command: command.to_owned(),
            description: format!("call {number}"),
        };
        Called { call, client_id: format!("b{number:08}") }
    }

    /// The shell of a call, as Claude Code starts it.
    pub(crate) fn shell(&self, called: &Called) -> Result<Command> {
        let mut shell = Command::new("/bin/bash");
        self.stage.apply(&mut shell);
        self.session.shell(shell, &called.call.command, &called.client_id)
    }

    /// A whole background call, up to its answer. The returned process ends with the command.
    pub(crate) fn background(&mut self, command: &str) -> Result<Child> {
        let called = self.call(command);
        let announce = self.stage.file("announce", &self.session.announce(&called.call))?;
        run(self.hook("sisyphus-pre-tool-use"), &announce)?;
        let child = self.shell(&called)?.spawn().context("could not start a shell")?;
        let bind = self.stage.file("bind", &self.session.bind(&called.call, &called.client_id))?;
        run(self.hook("sisyphus-post-tool-use"), &bind)?;
        Ok(child)
    }

    /// Both hooks of a call, before its command starts: otherwise the two would race.
    pub(crate) fn announce_and_bind(&self, called: &Called) -> Result<()> {
        let announce = self.stage.file("announce", &self.session.announce(&called.call))?;
        run(self.hook("sisyphus-pre-tool-use"), &announce)?;
        let bind = self.stage.file("bind", &self.session.bind(&called.call, &called.client_id))?;
        run(self.hook("sisyphus-post-tool-use"), &bind)
    }

    /// A whole call, to the end of its command.
    pub(crate) fn live_through(&self, called: &Called) -> Result<()> {
        self.announce_and_bind(called)?;
        self.shell(called)?.status().context("could not start a shell").map(drop)
    }

    /// How many are queued.
    pub(crate) fn waiting(&self) -> usize {
        let line = self.stage.runtime().join("line/waiting");
        let entries = fs::read_dir(line).into_iter().flatten().flatten();
        entries.filter(|entry| !entry.file_name().as_encoded_bytes().contains(&b'.')).count()
    }
}

/// Runs a hook to its end, without timing it.
pub(crate) fn run(mut hook: Command, event: &Path) -> Result<()> {
    let status = hook.stdin(fs::File::open(event)?).stdout(std::process::Stdio::null()).status()?;
    ensure!(status.success(), "{hook:?} ended with {status}");
    Ok(())
}

/// Waits until `condition` holds.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) -> Result<Instant> {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let now = Instant::now();
        if condition() {
            return Ok(now);
        }
        ensure!(now < deadline, "timed out waiting for {what}");
        std::thread::sleep(Duration::from_micros(500));
    }
}
