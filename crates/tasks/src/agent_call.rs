//! What is known about a background agent, and about a call that asks for one.

use serde::{Deserialize, Serialize};
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_base::text::one_line;

/// Longest agent type and model name that the record keeps, in characters.
const NAME_MAX: usize = 100;
/// How much of a prompt the record keeps, in characters.
const PROMPT_MAX: usize = 300;

/// A background agent, as far as its call and Claude Code's answer describe it. All of it is foreign text, bounded and
/// on one line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentCall {
    pub agent_type: String,
    /// The model that the call names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_model: Option<String>,
    /// The model that Claude Code gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_model: Option<String>,
    /// The beginning of its prompt.
    #[serde(default)]
    pub prompt: String,
    /// How long the whole prompt is, in characters.
    #[serde(default)]
    pub prompt_length: usize,
    /// How long it was queued before it started, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_ms: Option<u64>,
    /// Whether it makes requests.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub activity: Activity,
    /// The Claude Code process that it lives in: an agent has no process of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessRef>,
}

/// What a running agent does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    #[default]
    Works,
    /// It has stopped, and goes on when its own background work has finished. It needs no slot, which its work may wait
    /// for.
    Rests,
}

impl AgentCall {
    pub fn new(agent_type: &str, asked_model: Option<&str>, prompt: &str) -> Self {
        Self {
            agent_type: name(agent_type),
            asked_model: asked_model.map(name),
            prompt: one_line(prompt, PROMPT_MAX),
            prompt_length: prompt.chars().count(),
            ..Self::default()
        }
    }

    /// Records the model that Claude Code names.
    pub fn resolve(&mut self, model: &str) {
        self.resolved_model = Some(name(model));
    }

    /// The model that it has, as far as it is known.
    pub fn model(&self) -> Option<&str> {
        self.resolved_model.as_deref().or(self.asked_model.as_deref())
    }
}

/// A name as the record keeps it.
pub fn name(text: &str) -> String {
    one_line(text, NAME_MAX)
}
