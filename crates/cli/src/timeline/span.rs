//! When a task waited and when it ran.

use chrono::{DateTime, TimeDelta, Utc};
use sisyphus_tasks::outcome::duration;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;

use crate::list::{state, time, what};
use crate::style::{Hue, hue};

/// Longest description that is read, in characters.
const LABEL_MAX: usize = 200;

/// One task's time. Only the label is foreign; it is plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) id: String,
    pub(super) label: String,
    /// Its outcome and how long it took.
    pub(super) said: String,
    pub(super) hue: Hue,
    /// When it began to wait, or to run if it did not wait.
    pub(super) begin: DateTime<Utc>,
    /// When it began to run; `None` if it did not, or if that is unknown.
    pub(super) start: Option<DateTime<Utc>>,
    /// When it ended, or now.
    pub(super) end: DateTime<Utc>,
}

impl Span {
    pub(super) fn of(task: &Task, now: DateTime<Utc>) -> Self {
        let (begin, start, end) = match task.status() {
            Status::Pending { announced_at } => (*announced_at, None, now),
            Status::Queued { queued_at } => (*queued_at, None, now),
            Status::Running { started_at, .. } => (*started_at, Some(*started_at), now),
            Status::Finished(ending) => {
                let start = ending.started_at;
                let begin = start.unwrap_or(ending.ended_at);
                (before(begin, ending.waited_ms), start, ending.ended_at)
            }
        };
        let took = time(task, now).map(|ms| format!(" {}", duration(ms))).unwrap_or_default();
        Self {
            id: task.id.as_str().to_owned(),
            label: what(task, LABEL_MAX),
            said: format!("{}{took}", state(task)),
            hue: hue(task.status()),
            // After a clock was set back, the begin must not lie after the end.
            begin: begin.min(end),
            start: start.map(|start| start.min(end)),
            end,
        }
    }
}

/// The time `ms` milliseconds before `at`, or `at` if there is no such time.
fn before(at: DateTime<Utc>, ms: Option<u64>) -> DateTime<Utc> {
    let span = ms.and_then(|ms| TimeDelta::try_milliseconds(i64::try_from(ms).ok()?));
    span.and_then(|span| at.checked_sub_signed(span)).unwrap_or(at)
}
