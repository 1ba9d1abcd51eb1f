//! The answers of the scripted model, in the format of the Messages API.

use serde_json::{Value, json};

/// One block of an answer.
#[derive(Clone)]
pub(crate) enum Block {
    Text(String),
    ToolUse { name: String, input: Value },
}

/// A line of text; an answer of text alone ends the turn.
pub(crate) fn text(text: impl Into<String>) -> Block {
    Block::Text(text.into())
}

/// A call of any tool.
pub(crate) fn tool(name: &str, input: Value) -> Block {
    Block::ToolUse { name: name.to_owned(), input }
}

/// A call of the Bash tool, in the foreground unless `.background()` follows.
pub(crate) fn bash(command: &str) -> Block {
    tool("Bash", json!({ "command": command, "description": "run a command" }))
}

impl Block {
    pub(crate) fn description(self, description: &str) -> Self {
        self.with("description", json!(description))
    }

    pub(crate) fn background(self) -> Self {
        self.with("run_in_background", json!(true))
    }

    /// Outside of the sandbox.
    pub(crate) fn exempt(self) -> Self {
        self.with("dangerouslyDisableSandbox", json!(true))
    }

    fn with(mut self, key: &str, value: Value) -> Self {
        if let Self::ToolUse { input, .. } = &mut self {
            input[key] = value;
        }
        self
    }

    /// The id is predictable, so that a scenario can name the call: request `number`, block `index`, both from 0.
    fn to_json(&self, number: usize, index: usize) -> Value {
        match self {
            Self::Text(text) => json!({ "type": "text", "text": text }),
            Self::ToolUse { name, input } => {
                json!({ "type": "tool_use", "id": format!("toolu_{number:04}_{index}"), "name": name, "input": input })
            }
        }
    }
}

/// What a script makes of a request.
pub(crate) enum Reply {
    Blocks(Vec<Block>),
    Refused(Refusal),
}

impl From<Vec<Block>> for Reply {
    fn from(blocks: Vec<Block>) -> Self {
        Self::Blocks(blocks)
    }
}

/// Why the API refuses a request. Claude Code repeats such a request several times.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal {
    RateLimit,
    Overloaded,
}

impl Refusal {
    pub(super) fn status(self) -> u16 {
        match self {
            Self::RateLimit => 429,
            Self::Overloaded => 529,
        }
    }

    pub(super) fn body(self) -> Value {
        let (kind, message) = match self {
            Self::RateLimit => {
                ("rate_limit_error", "This request would exceed your account's rate limit.")
            }
            Self::Overloaded => ("overloaded_error", "Overloaded"),
        };
        json!({ "type": "error", "error": { "type": kind, "message": message } })
    }
}

/// One answer to one request.
pub(super) struct Answer {
    pub(super) number: usize,
    pub(super) model: String,
    pub(super) blocks: Vec<Block>,
}

impl Answer {
    /// The answer in one piece.
    pub(super) fn message(&self) -> Value {
        let mut message = self.empty_message();
        message["content"] = self.content().into();
        message["stop_reason"] = self.stop_reason().into();
        message
    }

    /// The answer as the events of a stream.
    pub(super) fn events(&self) -> Vec<(&'static str, Value)> {
        let mut events = vec![("message_start", json!({ "message": self.empty_message() }))];
        for (index, block) in self.content().into_iter().enumerate() {
            let (start, delta) = start_and_delta(&block);
            events.push(("content_block_start", json!({ "index": index, "content_block": start })));
            events.push(("content_block_delta", json!({ "index": index, "delta": delta })));
            events.push(("content_block_stop", json!({ "index": index })));
        }
        let delta = json!({ "stop_reason": self.stop_reason(), "stop_sequence": null });
        events.push(("message_delta", json!({ "delta": delta, "usage": { "output_tokens": 20 } })));
        events.push(("message_stop", json!({})));
        for (name, data) in &mut events {
            data["type"] = json!(name);
        }
        events
    }

    fn content(&self) -> Vec<Value> {
        self.blocks
            .iter()
            .enumerate()
            .map(|(index, block)| block.to_json(self.number, index))
            .collect()
    }

    fn stop_reason(&self) -> &'static str {
        let calls = self.blocks.iter().any(|block| matches!(block, Block::ToolUse { .. }));
        if calls { "tool_use" } else { "end_turn" }
    }

    fn empty_message(&self) -> Value {
        json!({
            "id": format!("msg_{:04}", self.number),
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": {
                "input_tokens": 10, "output_tokens": 1,
                "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            },
        })
    }
}

fn start_and_delta(block: &Value) -> (Value, Value) {
    let mut start = block.clone();
    if block["type"] == "text" {
        start["text"] = json!("");
        return (start, json!({ "type": "text_delta", "text": block["text"] }));
    }
    start["input"] = json!({});
    (start, json!({ "type": "input_json_delta", "partial_json": block["input"].to_string() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(blocks: Vec<Block>) -> Answer {
        Answer { number: 7, model: "m".to_owned(), blocks }
    }

    #[test]
    fn text_alone_ends_the_turn() {
        assert_eq!(answer(vec![text("done")]).message()["stop_reason"], "end_turn");
        assert_eq!(answer(vec![text("go"), bash("ls")]).message()["stop_reason"], "tool_use");
    }

    #[test]
    fn a_call_is_streamed_with_its_whole_input() {
        let events = answer(vec![text("go"), bash("ls").background()]).events();
        let names: Vec<_> = events.iter().map(|(name, _)| *name).collect();
        let block = ["content_block_start", "content_block_delta", "content_block_stop"];
        let expected =
            [&["message_start"][..], &block, &block, &["message_delta", "message_stop"]].concat();
        assert_eq!(names, expected);
        assert_eq!(events[4].1["content_block"]["id"], "toolu_0007_1");
        let input: Value =
            serde_json::from_str(events[5].1["delta"]["partial_json"].as_str().unwrap()).unwrap();
        assert_eq!(input["command"], "ls");
        assert_eq!(input["run_in_background"], true);
    }
}
