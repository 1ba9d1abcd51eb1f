//! One run of the client without a terminal: a single prompt, or a conversation whose next word is ours.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::api::Api;
use super::home::Home;
use super::{sys, wait};

/// Longer than any scenario may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);
/// Lets every tool run unasked.
pub(crate) const BYPASS: &str = "--dangerously-skip-permissions";

/// A client process. Dropping it ends it and everything that was started from its home.
pub(crate) struct Session<'home> {
    home: &'home Home,
    child: Child,
    stdin: Option<ChildStdin>,
    printed: PathBuf,
}

impl<'home> Session<'home> {
    /// Runs one prompt to its end.
    pub(crate) fn print(
        home: &'home Home,
        api: &Api,
        arguments: &[&str],
        prompt: &str,
    ) -> Result<Self> {
        let mut command = headless(home, api, arguments);
        command.arg(prompt).stdin(Stdio::null());
        let mut session = Self::start(home, command)?;
        session.wait_for_exit()?;
        Ok(session)
    }

    /// Starts a conversation that stays open until [`Session::finish`].
    pub(crate) fn idle(home: &'home Home, api: &Api, arguments: &[&str]) -> Result<Self> {
        let mut command = headless(home, api, arguments);
        command.args(["--input-format", "stream-json"]).stdin(Stdio::piped());
        Self::start(home, command)
    }

    /// Says something.
    pub(crate) fn send(&mut self, text: &str) -> Result<()> {
        let message = json!({ "type": "user", "message": { "role": "user", "content": text } });
        let stdin = self.stdin.as_mut().context("the session has no input")?;
        writeln!(stdin, "{message}").context("the client does not listen any more")
    }

    /// Ends the conversation.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.stdin = None;
        self.wait_for_exit()
    }

    /// Kills the client, and nothing that it has started.
    pub(crate) fn kill(&mut self) -> Result<()> {
        sys::kill_group(self.child.id());
        self.child.wait().context("could not wait for the killed client")?;
        Ok(())
    }

    /// What the client has printed so far, one JSON object each.
    pub(crate) fn events(&self) -> Result<Vec<Value>> {
        let text = fs::read_to_string(&self.printed)?;
        // The newest line may still be on its way.
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// What the client printed about the run as a whole, at its end.
    pub(crate) fn result(&self) -> Result<Value> {
        let last = self.events()?.into_iter().rfind(|event| event["type"] == "result");
        let last = last.context("the client printed no result")?;
        ensure!(last["is_error"] == false, "the client ended with an error: {last}");
        Ok(last)
    }

    fn start(home: &'home Home, mut command: Command) -> Result<Self> {
        let printed = home.folder.join("out.jsonl");
        command.stdout(File::create(&printed)?).stderr(File::create(home.folder.join("err"))?);
        sys::own_group(&mut command);
        let mut child = command.spawn().context("could not start the client")?;
        let stdin = child.stdin.take();
        Ok(Self { home, child, stdin, printed })
    }

    fn wait_for_exit(&mut self) -> Result<()> {
        let status = wait::until("the client to end", LIMIT, || Ok(self.child.try_wait()?))?;
        if status.success() {
            return Ok(());
        }
        let complaint = fs::read_to_string(self.home.folder.join("err")).unwrap_or_default();
        bail!("the client failed ({status}): {}", complaint.trim());
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.stdin = None;
        let leader = self.child.id();
        if matches!(self.child.try_wait(), Ok(None)) {
            sys::terminate_group(leader);
            let ended = || matches!(self.child.try_wait(), Ok(Some(_)) | Err(_));
            if wait::until_true("the client to end", Duration::from_secs(2), ended).is_err() {
                sys::kill_group(leader);
                self.child.wait().ok();
            }
        }
        sweep(self.home);
    }
}

/// Ends whatever was started from this home and still lives: background commands outlive their client.
pub(crate) fn sweep(home: &Home) {
    let variable = home.variable();
    let swept = wait::until_true("what was started to end", Duration::from_secs(3), || {
        let left = sys::started_with(&variable);
        for id in &left {
            sys::kill_process(*id);
        }
        left.is_empty()
    });
    if let Err(error) = swept {
        eprintln!("note: {error}: {:?}", sys::started_with(&variable));
    }
}

fn headless(home: &Home, api: &Api, arguments: &[&str]) -> Command {
    let mut command = home.client_command(api, LIMIT.as_secs() + 10);
    command.args(["-p", "--output-format", "stream-json", "--verbose"]).args(arguments);
    command
}
