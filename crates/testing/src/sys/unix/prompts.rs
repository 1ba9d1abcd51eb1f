//! Submits prompts to a session, and returns what its model reads with them.

use std::time::Duration;

use serde_json::{Value, json};

use super::shell::{Client, Running};

impl Client {
    /// The user types something. Returns what the model reads next to it, which may be nothing.
    pub fn types(&self) -> String {
        self.submits("hello")
    }

    /// Claude Code submits a prompt. Returns what the model reads next to it, which may be nothing.
    pub fn submits(&self, prompt: &str) -> String {
        let event = json!({ "hook_event_name": "UserPromptSubmit", "prompt": prompt });
        told(&self.hook("sisyphus-user-prompt-submit", event))
    }

    /// The model calls some tool. Returns what the model reads next to its answer, which may be nothing.
    pub fn calls(&self) -> String {
        told(&self.hook(
            "sisyphus-post-tool-use",
            json!({
                "hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_use_id": "toolu_ls",
                "tool_input": { "command": "ls" }, "tool_response": { "stdout": "" },
            }),
        ))
    }

    /// The session ends after the model has read its results. The hooks give Claude Code a moment to record that it
    /// blocked a prompt.
    pub fn ends(&self) {
        std::thread::sleep(Duration::from_millis(1_600));
        assert_eq!(self.stops(), "");
        let event = json!({ "hook_event_name": "SessionEnd", "reason": "other" });
        assert_eq!(self.hook("sisyphus-session-end", event), Value::Null);
    }

    /// The turn ends. Returns what the model reads then, which may be nothing.
    pub fn stops(&self) -> String {
        told(&self.hook("sisyphus-stop", json!({ "hook_event_name": "Stop" })))
    }
}

/// Claude Code's notice that the background command of `call` failed with `code`.
pub fn failure_notice(call: &Value, running: &Running, code: i32) -> String {
    let text = |pointer: &str| call.pointer(pointer).and_then(Value::as_str).expect("a text");
    format!(
        "<task-notification>\n<task-id>{}</task-id>\n<tool-use-id>{}</tool-use-id>\n\
         <output-file>{}</output-file>\n<status>failed</status>\n\
         <summary>Background command \"{}\" failed with exit code {code}</summary>\n</task-notification>",
        running.id,
        text("/tool_use_id"),
        running.output.display(),
        text("/tool_input/description"),
    )
}

/// The text that a hook's reply adds for the model; empty if there is none.
pub fn told(reply: &Value) -> String {
    let text = &reply["hookSpecificOutput"]["additionalContext"];
    text.as_str().unwrap_or_default().to_owned()
}
