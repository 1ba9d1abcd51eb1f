//! The words by which a reader asks for tasks of a status.

use serde::{Deserialize, Serialize};

use crate::task::Task;

/// Which tasks are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusFilter {
    /// Every task that has not finished.
    Live,
    /// Every task that has.
    Ended,
    Pending,
    Queued,
    Running,
    Completed,
    /// A task that neither succeeded nor was cancelled: the one word of other tools for what we tell apart.
    Error,
    Failed,
    Killed,
    TimedOut,
    Cancelled,
    Lost,
    Skipped,
    Unknown,
}

impl StatusFilter {
    pub const ALL: [Self; 14] = [
        Self::Live,
        Self::Ended,
        Self::Pending,
        Self::Queued,
        Self::Running,
        Self::Completed,
        Self::Error,
        Self::Failed,
        Self::Killed,
        Self::TimedOut,
        Self::Cancelled,
        Self::Lost,
        Self::Skipped,
        Self::Unknown,
    ];

    /// The word for it. One that names a single status is that of [`Status::word`].
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Ended => "ended",
            Self::Pending => "pending",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Error => "error",
            Self::Failed => "failed",
            Self::Killed => "killed",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
        }
    }

    /// The filter that this word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.word() == word)
    }

    /// Whether a task is meant. `queued` is all that waits for its turn, as in texts: see [`Task::word`].
    pub fn matches(self, task: &Task) -> bool {
        let status = task.status();
        match self {
            Self::Queued => task.is_queued(),
            Self::Live => !status.is_final(),
            Self::Ended => status.is_final(),
            Self::Error => status.ending().is_some_and(|ending| ending.outcome.is_error()),
            Self::Pending
            | Self::Running
            | Self::Completed
            | Self::Failed
            | Self::Killed
            | Self::TimedOut
            | Self::Cancelled
            | Self::Lost
            | Self::Skipped
            | Self::Unknown => self.word() == status.word(),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use sisyphus_base::id::TaskId;

    use super::*;
    use crate::outcome::{AgentFailure, Canceller, LostReason, Outcome};
    use crate::status::{Ending, Status, Watch};
    use crate::task::samples::{confirmed, in_status};

    /// The words that each status answers to, and no other one does.
    #[test]
    fn each_status_has_its_words() {
        let at = DateTime::from_timestamp(1, 0).unwrap();
        let ended = |outcome| Status::Finished(Ending::unseen(outcome, at));
        let cases = [
            (Status::Pending { announced_at: at }, "live pending queued"),
            (Status::Queued { queued_at: at }, "live queued"),
            (Status::Running { started_at: at, watch: Watch::Observed }, "live running"),
            (ended(Outcome::Completed), "ended completed"),
            (ended(Outcome::Failed { exit_code: 3 }), "ended error failed"),
            (ended(Outcome::AgentFailed { why: AgentFailure::Budget }), "ended error failed"),
            (ended(Outcome::Killed { signal: 9 }), "ended error killed"),
            (ended(Outcome::TimedOut { limit_ms: None }), "ended error timed_out"),
            (ended(Outcome::Lost { why: LostReason::RunnerDied }), "ended error lost"),
            (ended(Outcome::Cancelled { by: Canceller::User }), "ended cancelled"),
            (
                ended(Outcome::Skipped {
                    after: TaskId::new("t1").unwrap(),
                    because: "never ran".to_owned(),
                }),
                "ended skipped",
            ),
            (ended(Outcome::Unknown), "ended unknown"),
        ];
        for (status, expected) in cases {
            let task = in_status(confirmed("t1", 1), status);
            let words: Vec<&str> = StatusFilter::ALL
                .into_iter()
                .filter(|filter| filter.matches(&task))
                .map(StatusFilter::word)
                .collect();
            assert_eq!(words.join(" "), expected);
        }
    }

    /// A filter's word is the same in arguments, in JSON and on the command line.
    #[test]
    fn a_filter_is_found_by_its_word() {
        for filter in StatusFilter::ALL {
            assert_eq!(StatusFilter::parse(filter.word()), Some(filter));
            assert_eq!(serde_json::to_value(filter).unwrap(), filter.word());
        }
        assert_eq!(StatusFilter::parse("done"), None);
    }
}
