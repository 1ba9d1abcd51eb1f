//! `on_complete.json`: how the user's program ended the last time, for `sisyphus doctor`.

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sisyphus_base::atomic;
use sisyphus_base::id::TaskId;
use sisyphus_base::json;
use sisyphus_base::paths::StateDir;

/// Largest report that is read, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// How the program ended for one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramReport {
    pub at: DateTime<Utc>,
    pub task: TaskId,
    /// Why it failed; none if it did not.
    #[serde(default)]
    pub problem: Option<String>,
}

impl ProgramReport {
    /// Replaces the report of the time before. Only the notifier that holds its lock writes.
    pub fn write(&self, state: &StateDir) -> Result<()> {
        let text = json::line(self).context("could not encode a report")?;
        atomic::write(&state.on_complete(), &text)
    }

    /// The last report, if there is a readable one.
    pub fn read(state: &StateDir) -> Option<Self> {
        atomic::read_json(&state.on_complete(), MAX_BYTES)
    }
}
