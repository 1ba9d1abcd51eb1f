//! What the SessionStart hook detected about a session, for the hooks that run often.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::file::Format;

/// Whether another hook may rewrite a Bash call of this session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rewriting {
    /// Ours is the only PreToolUse hook that sees Bash.
    #[serde(rename = "only_ours")]
    Exclusive,
    /// There are others, or the hook could not detect it. If two hooks answer `updatedInput`, the last one wins. Ours
    /// could undo theirs, so it answers none.
    #[default]
    #[serde(rename = "maybe_others")]
    MaybeShared,
}

/// `sessions/SESSION.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    version: Format,
    pub rewriting: Rewriting,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}
