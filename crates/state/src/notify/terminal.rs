//! `terminal.json`: notifications that no desktop accepted, for the hooks, whose output reaches the terminal. The file
//! exists only while there are any.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sisyphus_base::id::SessionId;

use crate::file::Format;

/// How long a line waits for its session's next event.
const WAITS: chrono::Duration = chrono::Duration::minutes(10);
/// How many lines are kept.
const KEPT: usize = 50;

/// Lines that wait.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lines {
    version: Format,
    pub(crate) waiting: Vec<Line>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// One notification on its way to a terminal. Its texts are plain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub session: SessionId,
    pub title: String,
    pub body: String,
    pub at: DateTime<Utc>,
}

impl Lines {
    pub(crate) fn add(&mut self, lines: Vec<Line>, now: DateTime<Utc>) {
        self.waiting.extend(lines);
        self.forget(now);
    }

    /// Takes the lines of a session, the oldest first.
    pub(crate) fn take(&mut self, session: &SessionId, now: DateTime<Utc>) -> Vec<Line> {
        self.forget(now);
        self.waiting.extract_if(.., |line| &line.session == session).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn forget(&mut self, now: DateTime<Utc>) {
        self.waiting.retain(|line| now - line.at < WAITS);
        self.waiting.drain(..self.waiting.len().saturating_sub(KEPT));
    }
}
