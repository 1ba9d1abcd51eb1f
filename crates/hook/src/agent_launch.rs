//! Claude Code's tool for agents: the input of a call, and the answer to it.

use serde_json::{Map, Value};
use sisyphus_base::id::ClientTaskId;
use sisyphus_base::text::one_line;

/// Longest prompt that is read, in bytes.
const PROMPT_MAX: usize = 1024 * 1024;
/// Longest description that is recorded, in characters.
const DESCRIPTION_MAX: usize = 200;

/// The input of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentLaunch {
    pub description: String,
    pub agent_type: String,
    pub model: Option<String>,
    pub prompt: String,
    pub place: Place,
}

/// Where the call asks for the agent to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The call asks for it explicitly.
    Background,
    /// The call does not say. Claude Code runs the agent in the background for the main conversation, and in the
    /// foreground for a subagent (CC-59).
    NotSaid,
    /// The conversation waits for the agent, or the value is not understood.
    Foreground,
}

impl AgentLaunch {
    /// Reads the input of a call; `None` if we don't understand it.
    pub fn of(tool_input: &Map<String, Value>) -> Option<Self> {
        let text = |key: &str| tool_input.get(key).and_then(Value::as_str);
        let prompt = text("prompt").filter(|prompt| prompt.len() <= PROMPT_MAX)?;
        Some(Self {
            description: one_line(text("description").unwrap_or_default(), DESCRIPTION_MAX),
            agent_type: text("subagent_type").unwrap_or_default().to_owned(),
            model: text("model").map(str::to_owned),
            prompt: prompt.to_owned(),
            place: match tool_input.get("run_in_background") {
                None | Some(Value::Null) => Place::NotSaid,
                Some(Value::Bool(true)) => Place::Background,
                Some(_) => Place::Foreground,
            },
        })
    }
}

/// An agent that Claude Code started in the background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchedAgent {
    pub id: ClientTaskId,
    pub model: Option<String>,
}

impl LaunchedAgent {
    /// Reads Claude Code's answer to a call; `None` if the call started nothing in the background.
    pub(crate) fn of(response: &Value) -> Option<Self> {
        if response["status"] != "async_launched" {
            return None;
        }
        Some(Self {
            id: ClientTaskId::new(response["agentId"].as_str()?).ok()?,
            model: response["resolvedModel"].as_str().map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn where_an_agent_is_to_run() {
        let cases = [
            (json!({ "prompt": "p" }), Some(Place::NotSaid)),
            (json!({ "prompt": "p", "run_in_background": null }), Some(Place::NotSaid)),
            (json!({ "prompt": "p", "run_in_background": true }), Some(Place::Background)),
            (json!({ "prompt": "p", "run_in_background": false }), Some(Place::Foreground)),
            (json!({ "prompt": "p", "run_in_background": "true" }), Some(Place::Foreground)),
            (json!({ "prompt": 7 }), None),
            (json!({ "description": "d" }), None),
            (json!({ "prompt": "p".repeat(PROMPT_MAX + 1) }), None),
        ];
        for (number, (input, expected)) in cases.into_iter().enumerate() {
            let read = AgentLaunch::of(input.as_object().unwrap());
            assert_eq!(read.map(|launch| launch.place), expected, "case {number}");
        }
    }

    #[test]
    fn only_a_launch_into_the_background_is_one() {
        let cases = [
            (json!({ "status": "async_launched", "agentId": "a1" }), true),
            (json!({ "status": "completed", "agentId": "a1" }), false),
            (json!({ "status": "async_launched", "agentId": "" }), false),
            (json!({ "status": "async_launched", "agentId": "../x" }), false),
            (json!({ "status": "async_launched" }), false),
            (json!("async_launched"), false),
            (json!(null), false),
        ];
        for (response, expected) in cases {
            assert_eq!(LaunchedAgent::of(&response).is_some(), expected, "{response}");
        }
    }
}
