//! The events, as far as we read them. Unknown fields are ignored. A field that is missing or holds an unknown value
//! gets its default; an unknown subagent is one of its own. Without the ids of the session and the call or the agent, the
//! hook does nothing.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use sisyphus_base::id::{AgentId, ClientTaskId, SessionId, ToolUseId};
use sisyphus_tasks::recipient::Recipient;
use sisyphus_tasks::session::PermissionMode;

use crate::agent_launch::LaunchedAgent;

/// An event of Claude Code.
pub trait Event: DeserializeOwned {
    /// Its `hook_event_name`.
    const NAME: &'static str;
}

/// Makes an event of each of these: the ids that it must have, then the fields that may be missing, each with the
/// function that reads it.
macro_rules! events {
    ($($event:ident {
        $($id:ident: $of:ty),+;
        $($(#[$meta:meta])* $field:ident: $type:ty = $read:literal,)*
    })*) => {$(
        #[derive(Debug, Clone, Deserialize)]
        pub struct $event {
            $(pub $id: $of,)+
            $(
                $(#[$meta])*
                #[serde(default, deserialize_with = $read)]
                pub $field: $type,
            )*
        }

        impl Event for $event {
            const NAME: &'static str = stringify!($event);
        }
    )*};
}

/// Reads a field that holds an unknown value as missing.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).unwrap_or_default())
}

/// Reads the id of a subagent, which only its events have. Claude Code may have subagents whose id is no plain name.
fn conversation<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Recipient, D::Error> {
    let Some(id) = Option::<Value>::deserialize(deserializer)? else {
        return Ok(Recipient::MainConversation);
    };
    Ok(serde_json::from_value(id).map_or(Recipient::UnknownAgent, Recipient::Agent))
}

/// Reads everything but `false` and `null` as true.
fn truthy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(!matches!(value, Value::Null | Value::Bool(false)))
}

events! {
    SessionStart {
        session_id: SessionId;
        transcript_path: Option<PathBuf> = "lenient",
        cwd: PathBuf = "lenient",
        source: SessionSource = "lenient",
    }
    UserPromptSubmit {
        session_id: SessionId;
        transcript_path: Option<PathBuf> = "lenient",
        cwd: PathBuf = "lenient",
        prompt: String = "lenient",
        permission_mode: Option<PermissionMode> = "lenient",
    }
    PreToolUse {
        session_id: SessionId,
        tool_use_id: ToolUseId;
        cwd: PathBuf = "lenient",
        #[serde(rename = "agent_id")]
        conversation: Recipient = "conversation",
        tool_name: Tool = "lenient",
        tool_input: Map<String, Value> = "lenient",
        /// The conversation so far, as Claude Code keeps it.
        transcript_path: Option<PathBuf> = "lenient",
        permission_mode: Option<PermissionMode> = "lenient",
    }
    PostToolUse {
        session_id: SessionId,
        tool_use_id: ToolUseId;
        cwd: PathBuf = "lenient",
        #[serde(rename = "agent_id")]
        conversation: Recipient = "conversation",
        tool_name: Tool = "lenient",
        tool_input: Map<String, Value> = "lenient",
        tool_response: ToolResponse = "tool_response",
        permission_mode: Option<PermissionMode> = "lenient",
    }
    Stop {
        session_id: SessionId;
        cwd: PathBuf = "lenient",
        transcript_path: Option<PathBuf> = "lenient",
        /// The conversation continues because a Stop hook asked for that.
        stop_hook_active: bool = "truthy",
        /// Claude Code's ids of everything that it runs in the background for this session; `None` if it does not list
        /// them.
        background_tasks: Option<Vec<ClientTaskId>> = "listed_ids",
    }
    SubagentStart {
        session_id: SessionId,
        agent_id: AgentId;
    }
    SubagentStop {
        session_id: SessionId,
        agent_id: AgentId;
        /// The agent's result, or the error that it failed with.
        last_assistant_message: Option<String> = "lenient",
    }
    SessionEnd {
        session_id: SessionId;
        transcript_path: Option<PathBuf> = "Option::deserialize",
        reason: EndReason = "lenient",
    }
}

/// Why a session starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionSource {
    Startup,
    Resume,
    #[default]
    #[serde(other)]
    Other,
}

/// The tools that the hooks handle.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Tool {
    Bash,
    PowerShell,
    /// `KillShell` is its older name.
    #[serde(alias = "KillShell")]
    TaskStop,
    /// Any tool of our own server, under the name that Claude Code gives to it.
    #[serde(
        rename = "mcp__plugin_sisyphus_tasks__background_list",
        alias = "mcp__plugin_sisyphus_tasks__background_output",
        alias = "mcp__plugin_sisyphus_tasks__background_watch",
        alias = "mcp__plugin_sisyphus_tasks__background_cancel",
        alias = "mcp__plugin_sisyphus_tasks__delegate_task"
    )]
    Own,
    /// `Task` is its older name.
    #[serde(alias = "Task")]
    Agent,
    #[default]
    #[serde(other)]
    Other,
}

/// The parts of a tool's answer that we use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolResponse {
    /// Claude Code's id, if a command now runs in the background.
    pub background_task_id: Option<ClientTaskId>,
    /// The agent that now runs in the background.
    pub agent: Option<LaunchedAgent>,
}

/// Reads the answer of a tool. The known tools answer with an object, others with any value.
fn tool_response<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ToolResponse, D::Error> {
    let response = Value::deserialize(deserializer)?;
    let id = response["backgroundTaskId"].as_str();
    Ok(ToolResponse {
        background_task_id: id.and_then(|id| ClientTaskId::new(id).ok()),
        agent: LaunchedAgent::of(&response),
    })
}

/// Reads the ids of the listed entries. An entry that we can't read is not ours.
fn listed_ids<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<ClientTaskId>>, D::Error> {
    let listed = Value::deserialize(deserializer)?;
    let ids = |entries: &Vec<Value>| {
        let id = |entry: &Value| ClientTaskId::new(entry["id"].as_str()?).ok();
        entries.iter().filter_map(id).collect()
    };
    Ok(listed.as_array().map(ids))
}

/// Why a session ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The same Claude Code starts a new conversation. What runs in the background continues.
    #[serde(alias = "resume")]
    Clear,
    /// Claude Code is about to exit.
    #[default]
    #[serde(other)]
    Exit,
}

/// Longest command that is recorded, in bytes. Linux starts no program with a longer argument.
const COMMAND_MAX: usize = 128 * 1024;
/// Longest description that is recorded, in characters.
const DESCRIPTION_MAX: usize = 1_000;

/// The input of a Bash or PowerShell call that is, or becomes, a background command.
#[derive(Debug, Clone)]
pub struct BackgroundCommand {
    pub command: String,
    pub description: String,
    /// In milliseconds. Some versions of Claude Code write it as a fraction.
    pub timeout: Option<f64>,
}

impl BackgroundCommand {
    /// Reads the input of a call that asks for the background; `None` for every other call. It copies nothing of those,
    /// because they are most of a session's calls.
    pub fn asked_for(tool_input: &Map<String, Value>) -> Option<Self> {
        match tool_input.get("run_in_background") {
            Some(Value::Bool(true)) => Self::of(tool_input),
            _ => None,
        }
    }

    /// Reads the input of a call that Claude Code runs in the background now, whatever the call asked for. `None` if we
    /// don't understand it, or if it is longer than any shell accepts.
    pub fn of(tool_input: &Map<String, Value>) -> Option<Self> {
        let command = tool_input.get("command")?.as_str()?;
        // Checked before anything is copied.
        if command.len() > COMMAND_MAX {
            return None;
        }
        let description = tool_input.get("description").and_then(Value::as_str).unwrap_or_default();
        Some(Self {
            command: command.to_owned(),
            description: description.chars().take(DESCRIPTION_MAX).collect(),
            timeout: tool_input.get("timeout").and_then(Value::as_f64),
        })
    }

    /// The time limit that the call asks for, in whole milliseconds.
    pub fn limit_ms(&self) -> Option<u64> {
        let ms = self.timeout.filter(|ms| (1.0..=1e12).contains(ms))?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "its range was just checked"
        )]
        Some(ms as u64)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// `BackgroundCommand` takes a call for a background one only if `run_in_background` is `true`, and never one that
    /// is too long.
    #[test]
    fn only_true_asks_for_the_background() {
        let cases = [
            (json!({ "command": "a", "run_in_background": true }), true, true),
            (json!({ "command": "a", "run_in_background": false }), false, true),
            (json!({ "command": "a", "run_in_background": "true" }), false, true),
            (json!({ "command": "a", "run_in_background": 1 }), false, true),
            // Sent to the background by a key, or by Claude Code after a time-out.
            (json!({ "command": "a" }), false, true),
            (json!({ "command": "a".repeat(COMMAND_MAX), "run_in_background": true }), true, true),
            (
                json!({ "command": "a".repeat(COMMAND_MAX + 1), "run_in_background": true }),
                false,
                false,
            ),
            (json!({ "command": 7, "run_in_background": true }), false, false),
            (json!({ "run_in_background": true }), false, false),
        ];
        for (number, (input, asked_for, moved)) in cases.into_iter().enumerate() {
            let map = input.as_object().unwrap();
            assert_eq!(BackgroundCommand::asked_for(map).is_some(), asked_for, "case {number}");
            assert_eq!(BackgroundCommand::of(map).is_some(), moved, "case {number}");
        }
    }
}
