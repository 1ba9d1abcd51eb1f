//! One run of Claude Code without a terminal: a single prompt, or a conversation that we continue.

use std::fs::{self, File};
use std::io::Write as _;
use std::iter;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use sisyphus_harness::sys;

use super::api::Api;
use super::home::Home;
use super::wait;

/// Longer than any scenario takes.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);
/// Lets every tool run without a permission prompt.
pub(crate) const BYPASS: &str = "--dangerously-skip-permissions";

/// Lets Claude Code ask on its output, and wait for the answer on its input.
pub(crate) const ASKS: [&str; 2] = ["--permission-prompt-tool", "stdio"];

/// A process of Claude Code. Dropping it ends it and all processes that were started from its home.
pub(crate) struct Session<'home> {
    home: &'home Home,
    child: Child,
    stdin: Option<ChildStdin>,
    printed: PathBuf,
    complaints: PathBuf,
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

    /// Sends a prompt.
    pub(crate) fn send(&mut self, text: &str) -> Result<()> {
        self.write(&json!({ "type": "user", "message": { "role": "user", "content": text } }))
    }

    /// Waits for a permission prompt, counted from 0, in a session with [`ASKS`].
    pub(crate) fn prompt(&self, number: usize) -> Result<Value> {
        wait::until("a permission prompt", LIMIT / 3, || {
            let is_prompt = |event: &Value| event["request"]["subtype"] == "can_use_tool";
            Ok(self.events()?.into_iter().filter(is_prompt).nth(number))
        })
    }

    /// Allows a permission prompt.
    pub(crate) fn allow(&mut self, prompt: &Value) -> Result<()> {
        let answer = json!({ "behavior": "allow", "updatedInput": prompt["request"]["input"] });
        let response =
            json!({ "subtype": "success", "request_id": prompt["request_id"], "response": answer });
        self.write(&json!({ "type": "control_response", "response": response }))
    }

    fn write(&mut self, message: &Value) -> Result<()> {
        let stdin = self.stdin.as_mut().context("the session has no input")?;
        writeln!(stdin, "{message}").context("Claude Code no longer reads its input")
    }

    /// Ends the conversation.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.stdin = None;
        self.wait_for_exit()
    }

    /// Kills Claude Code, but not the processes that it has started.
    pub(crate) fn kill(&mut self) -> Result<()> {
        sys::kill_group(self.child.id());
        self.child.wait().context("could not wait for the killed client")?;
        Ok(())
    }

    /// The output of Claude Code so far, as JSON objects.
    pub(crate) fn events(&self) -> Result<Vec<Value>> {
        let text = fs::read_to_string(&self.printed)?;
        // The newest line may still be incomplete.
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// The final result of the run.
    pub(crate) fn result(&self) -> Result<Value> {
        let last = self.events()?.into_iter().rfind(|event| event["type"] == "result");
        let last = last.context("Claude Code printed no result")?;
        ensure!(last["is_error"] == false, "Claude Code ended with an error: {last}");
        Ok(last)
    }

    fn start(home: &'home Home, mut command: Command) -> Result<Self> {
        let suffix = suffix(home);
        let printed = home.folder.join(format!("out{suffix}.jsonl"));
        let complaints = home.folder.join(format!("err{suffix}"));
        command.stdout(File::create(&printed)?).stderr(File::create(&complaints)?);
        sys::own_group(&mut command);
        let mut child = command.spawn().context("could not start Claude Code")?;
        let stdin = child.stdin.take();
        Ok(Self { home, child, stdin, printed, complaints })
    }

    fn wait_for_exit(&mut self) -> Result<()> {
        let status = wait::until("Claude Code to exit", LIMIT, || Ok(self.child.try_wait()?))?;
        if status.success() {
            return Ok(());
        }
        let complaint = fs::read_to_string(&self.complaints).unwrap_or_default();
        bail!("Claude Code failed ({status}): {}", complaint.trim());
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.stdin = None;
        let leader = self.child.id();
        if matches!(self.child.try_wait(), Ok(None)) {
            sys::terminate_group(leader);
            let ended = || matches!(self.child.try_wait(), Ok(Some(_)) | Err(_));
            if wait::until_true("Claude Code to exit", Duration::from_secs(2), ended).is_err() {
                sys::kill_group(leader);
                self.child.wait().ok();
            }
        }
        sweep(self.home);
    }
}

/// Ends every process that was started from this home and still lives: background commands outlive their client.
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

/// The part of a file name that distinguishes the sessions of a home, which may run at once. The first has none.
fn suffix(home: &Home) -> String {
    let is_free = |suffix: &String| !home.folder.join(format!("out{suffix}.jsonl")).exists();
    let numbered = (2_u32..).map(|number| format!("-{number}"));
    iter::once(String::new()).chain(numbered).find(is_free).unwrap_or_default()
}

fn headless(home: &Home, api: &Api, arguments: &[&str]) -> Command {
    let mut command = home.client_command(api, LIMIT.as_secs() + 10);
    command.args(["-p", "--output-format", "stream-json", "--verbose"]).args(arguments);
    command
}
