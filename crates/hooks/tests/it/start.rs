//! Starts hooks as Claude Code does, with a deadline, and checks every answer against what a hook may say at all.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;
use sisyphus_testing::{Output, TestEnv, wait_for};

/// The hooks, each with a recorded event that makes it work.
pub(crate) const HOOKS: [(&str, &str); 8] = [
    ("SessionStart", "session-start.resume"),
    ("UserPromptSubmit", "user-prompt-submit.notification-bash-failed"),
    ("PreToolUse", "pre-tool-use.bash-background"),
    ("PostToolUse", "post-tool-use.bash-background"),
    ("Stop", "stop.idle"),
    ("SubagentStart", "subagent-start"),
    ("SubagentStop", "subagent-stop"),
    ("SessionEnd", "session-end.other"),
];

/// The binary of an event: `PreToolUse` is `sisyphus-pre-tool-use`.
pub(crate) fn binary_of(event: &str) -> String {
    let mut name = "sisyphus".to_owned();
    for character in event.chars() {
        if character.is_ascii_uppercase() {
            name.push('-');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

/// A running hook. Ends with the test, whatever happens.
#[derive(Debug)]
pub(crate) struct Started {
    child: Child,
    stdin: Option<ChildStdin>,
    command: String,
}

impl Started {
    /// Starts it with a pipe as its standard input, open and empty.
    pub(crate) fn new(command: Command) -> Self {
        Self::printing_to(Stdio::piped(), command)
    }

    /// Like [`new`](Self::new), with another standard output than a pipe that we read.
    pub(crate) fn printing_to(stdout: Stdio, mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(stdout).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdin = child.stdin.take();
        Self { child, stdin, command: format!("{command:?}") }
    }

    /// Starts it with this input. Only for what fits into a pipe.
    pub(crate) fn with(command: Command, input: &[u8]) -> Self {
        let mut started = Self::new(command);
        started.give(input);
        started.stdin = None;
        started
    }

    /// Whether it has not ended.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process id")
    }

    /// Writes to its standard input and leaves it open. Only for what fits into a pipe.
    pub(crate) fn give(&mut self, input: &[u8]) {
        let stdin = self.stdin.as_mut().expect("an open pipe");
        stdin.write_all(input).expect("a hook that reads");
    }

    /// Writes a byte every few milliseconds until it ends.
    pub(crate) fn end_while_given(mut self, byte: u8) -> Output {
        let mut stdin = self.stdin.take().expect("an open pipe");
        wait_for(&self.command, || stdin.write_all(&[byte]).err());
        self.end()
    }

    /// Waits for its end, its standard input as it is.
    pub(crate) fn end(mut self) -> Output {
        let status = wait_for(&self.command, || self.child.try_wait().expect("a child"));
        let mut output =
            Output { code: status.code(), stdout: String::new(), stderr: String::new() };
        if let Some(mut stdout) = self.child.stdout.take() {
            stdout.read_to_string(&mut output.stdout).expect("text");
        }
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut output.stderr).expect("text");
        }
        assert_harmless(&output, &self.command);
        output
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a hook with `input`, of whatever size, then the end of input.
pub(crate) fn feed(command: Command, input: &[u8]) -> Output {
    let mut started = Started::new(command);
    let mut stdin = started.stdin.take().expect("an open pipe");
    std::thread::scope(|scope| {
        // A hook that does not read to the end must neither block the test nor fail it.
        scope.spawn(move || drop(stdin.write_all(input)));
        started.end()
    })
}

/// Runs the hook of `event` in `env`.
pub(crate) fn hook(env: &TestEnv, event: &str, input: &[u8]) -> Output {
    feed(env.command(&binary_of(event)), input)
}

/// The errors that the hooks have logged in `env`.
pub(crate) fn log(env: &TestEnv) -> String {
    std::fs::read_to_string(env.state().join("hooks.log")).unwrap_or_default()
}

/// What holds for every answer of every hook.
fn assert_harmless(output: &Output, command: &str) {
    assert_eq!(output.code, Some(0), "{command}: {output:?}");
    assert!(output.stdout.is_empty() || output.json().is_object(), "{command}: {output:?}");
    let reply = output.json()["hookSpecificOutput"].clone();
    if reply["permissionDecision"].is_null() {
        assert!(!output.stdout.contains("permissionDecision"), "{command}: {output:?}");
    } else {
        let denial = [&reply["permissionDecision"], &reply["hookEventName"]];
        assert_eq!(denial, ["deny", "PreToolUse"], "{command}: {output:?}");
    }
}

/// Why the answer denies the call, which it must do and nothing else; empty if it says nothing at all.
pub(crate) fn denied(output: &Output) -> String {
    let reply = &output.json()["hookSpecificOutput"];
    let Some(reason) = reply["permissionDecisionReason"].as_str() else {
        assert_eq!(output.stdout, "");
        return String::new();
    };
    assert_eq!(reply.as_object().map(serde_json::Map::len), Some(3), "{output:?}");
    reason.to_owned()
}

/// The text that the answer puts before the model; empty if there is none.
pub(crate) fn told(output: &Output) -> String {
    let text = &output.json()["hookSpecificOutput"]["additionalContext"];
    text.as_str().unwrap_or_default().to_owned()
}

/// Whether the answer swallows the prompt without a turn.
pub(crate) fn is_swallowed(output: &Output) -> bool {
    let json = output.json();
    json["decision"] == "block"
        && json["hookSpecificOutput"]["suppressOriginalPrompt"] == Value::Bool(true)
}
