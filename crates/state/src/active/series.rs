//! What finished in a session since it last had nothing running.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sisyphus_tasks::task::{Kind, Task};

use super::Tally;

/// For notifications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// When the first of it started.
    pub since: DateTime<Utc>,
    /// Where the last of it ran.
    pub cwd: PathBuf,
    pub tally: Tally,
    /// How many of it were delegated sessions.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sessions: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Series {
    /// Counts one more end.
    pub(crate) fn count(series: &mut Option<Self>, task: &Task, ended_at: DateTime<Utc>) {
        let started_at = task.status().ending().and_then(|ending| ending.started_at);
        let since = started_at.unwrap_or(ended_at);
        let series = series.get_or_insert_with(|| Self {
            since,
            cwd: PathBuf::new(),
            tally: Tally::default(),
            sessions: 0,
        });
        series.since = series.since.min(since);
        series.cwd.clone_from(&task.cwd);
        series.tally.add(task.status().word());
        series.sessions += usize::from(task.kind == Kind::Session);
    }
}
