//! Where a task is in its life. What changes it is [`Task::apply`](crate::task::Task::apply) alone.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;
use crate::source::Source;
use crate::task::Kind;

/// Who would see the task end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watch {
    /// Our runner is its parent: the exit status is seen.
    Supervised,
    /// Only the client sees it: the end is taken from the client's notification.
    Observed,
}

/// Where a task is in its life; each variant holds exactly what is known then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Status {
    /// The call was seen before it ran. It may still be denied, or wait for a permission.
    Pending { announced_at: DateTime<Utc> },
    /// A runner has it; the command has not started.
    Queued { queued_at: DateTime<Utc> },
    /// The command runs.
    Running { started_at: DateTime<Utc>, watch: Watch },
    /// Over. Final: nothing changes it any more.
    Finished(Ending),
}

/// What is known of an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The witness of the outcome.
    #[serde(default, skip_serializing_if = "Source::is_concluded")]
    pub reported_by: Source,
    /// Unknown if the command never started, or if nobody saw it start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: DateTime<Utc>,
    /// From the real start to the end, by a clock that does not jump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// How long its runner waited for a slot before. Unknown if no runner told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_ms: Option<u64>,
    /// What the command left behind: processes of its group that did not end with it.
    #[serde(default, skip_serializing_if = "Survivors::is_empty")]
    pub survivors: Survivors,
}

impl Ending {
    /// An end of which neither start nor duration is known. No duration is better than a wrong one.
    pub fn unseen(outcome: Outcome, ended_at: DateTime<Utc>) -> Self {
        Self {
            outcome,
            reported_by: Source::Concluded,
            started_at: None,
            ended_at,
            duration_ms: None,
            waited_ms: None,
            survivors: Survivors::default(),
        }
    }

    /// What is known when `other` was heard too: the outcome and its times of the better witness, and from the other
    /// one what that left open. `None` if it tells nothing better.
    pub fn corrected_by(&self, other: &Self) -> Option<Self> {
        let is_better =
            other.reported_by > self.reported_by || self.outcome.is_explained_by(&other.outcome);
        if !is_better {
            return None;
        }
        // A cause is added to what was seen; it does not lower the rank of the rest.
        let (seen, reported_by) = if other.reported_by > self.reported_by {
            (other, other.reported_by)
        } else {
            (self, self.reported_by)
        };
        Some(Self {
            outcome: other.outcome.clone(),
            reported_by,
            started_at: seen.started_at.or(self.started_at),
            ended_at: seen.ended_at,
            duration_ms: seen.duration_ms.or(self.duration_ms),
            waited_ms: seen.waited_ms.or(self.waited_ms),
            survivors: seen.survivors.clone(),
        })
    }

    /// A sentence's predicate: how a task of this kind ended.
    pub fn sentence(&self, kind: Kind) -> String {
        match kind {
            Kind::Command | Kind::Service => self.outcome.sentence(self.duration_ms),
            Kind::Agent => self.outcome.sentence_of_agent(self.duration_ms),
        }
    }
}

/// Processes that outlived their command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survivors {
    pub count: usize,
    /// The names of the first few, as the system tells them: foreign text.
    #[serde(default)]
    pub names: Vec<String>,
}

impl Survivors {
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl Status {
    /// Whether it is over.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Finished(_))
    }

    /// One word for tables and JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Queued { .. } => "queued",
            Self::Running { .. } => "running",
            Self::Finished(ending) => ending.outcome.word(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn reads_as_one_flat_object() {
        let status = Status::Finished(Ending {
            outcome: Outcome::Failed { exit_code: 3 },
            reported_by: Source::Runner,
            started_at: Some(at(1)),
            ended_at: at(4),
            duration_ms: Some(3_000),
            waited_ms: None,
            survivors: Survivors::default(),
        });
        let json = serde_json::to_string(&status).unwrap();
        assert_eq!(
            json,
            r#"{"state":"finished","outcome":"failed","exit_code":3,"reported_by":"runner","started_at":"1970-01-01T00:00:01Z","ended_at":"1970-01-01T00:00:04Z","duration_ms":3000}"#
        );
        assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), status);
    }
}
