//! Where a task is in its life. Only [`Task::apply`](crate::task::Task::apply) changes it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::code_zero::Options;
use crate::kind::Kind;
use crate::oom_kill::OomKill;
use crate::outcome::Outcome;
use crate::source::Source;
use crate::usage::Usage;

/// Which process sees the task exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watch {
    /// Our runner is its parent and sees the exit status.
    Supervised,
    /// Only Claude Code sees it exit: the outcome comes from its notice.
    Observed,
}

/// Where a task is in its life; each variant holds exactly what is known then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Status {
    /// PreToolUse saw the call before it ran. Claude Code may still deny it, or ask the user for permission.
    Pending { announced_at: DateTime<Utc> },
    /// It waits for a slot: a command and a session in their runner, an agent in the hook that holds it.
    Queued { queued_at: DateTime<Utc> },
    /// The command runs.
    Running { started_at: DateTime<Utc>, watch: Watch },
    /// The task has finished. Only a better source changes its ending.
    Finished(Ending),
}

/// What is known about how a task ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The source of the outcome.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub reported_by: Source,
    /// Unknown if the command never started, or if no process saw it start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: DateTime<Utc>,
    /// From the real start to the exit, by a clock that does not jump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// How long its runner waited for a slot before that. Unknown if no runner reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_ms: Option<u64>,
    /// What the command left running: processes of its group that outlived it.
    #[serde(default, skip_serializing_if = "Survivors::is_empty")]
    pub survivors: Survivors,
    /// The options of its shell, as the runner saw them.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub options: Options,
    /// What it used. Unknown if no runner reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What the kernel's counters said when its runner saw it fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_kill: Option<OomKill>,
}

impl Ending {
    /// An ending without start and duration. No duration is better than a wrong one.
    pub fn unseen(outcome: Outcome, ended_at: DateTime<Utc>) -> Self {
        Self {
            outcome,
            reported_by: Source::Concluded,
            started_at: None,
            ended_at,
            duration_ms: None,
            waited_ms: None,
            survivors: Survivors::default(),
            options: Options::default(),
            usage: None,
            oom_kill: None,
        }
    }

    /// Like [`unseen`](Self::unseen), with the start of a task that had this status. The time until a process noticed the
    /// end is not the task's duration.
    pub fn noticed(status: &Status, outcome: Outcome, ended_at: DateTime<Utc>) -> Self {
        let started_at = match status {
            Status::Running { started_at, .. } => Some(*started_at),
            Status::Pending { .. } | Status::Queued { .. } | Status::Finished(_) => None,
        };
        Self { started_at, ..Self::unseen(outcome, ended_at) }
    }

    /// The ending that combines this one with `other`: the outcome and times of the better source, completed from the
    /// lower one. `None` if `other` adds nothing better.
    pub fn corrected_by(&self, other: &Self) -> Option<Self> {
        let is_better =
            other.reported_by > self.reported_by || self.outcome.is_explained_by(&other.outcome);
        if !is_better {
            return None;
        }
        // A cause is added to the facts. It does not lower their rank.
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
            options: seen.options,
            usage: seen.usage.or(self.usage),
            oom_kill: seen.oom_kill,
        })
    }

    /// The exit code, if it is known and the kind has one.
    pub fn exit_code(&self, kind: Kind) -> Option<i32> {
        if let Outcome::Failed { exit_code } = self.outcome {
            return Some(exit_code);
        }
        let has_code = matches!(kind, Kind::Command | Kind::Service);
        (self.outcome == Outcome::Completed && has_code).then_some(0)
    }

    /// A sentence's predicate: how a task of this kind ended.
    pub fn sentence(&self, kind: Kind) -> String {
        match kind {
            Kind::Command | Kind::Service => self.outcome.sentence(self.duration_ms),
            Kind::Agent => self.outcome.sentence_of_agent(self.duration_ms),
            Kind::Session => self.outcome.sentence_of_session(self.duration_ms),
        }
    }
}

/// Processes that outlived their command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survivors {
    pub count: usize,
    /// The names of the first few, as the system reports them: foreign text.
    #[serde(default)]
    pub names: Vec<String>,
}

impl Survivors {
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl Status {
    /// Whether the task has finished.
    pub fn is_final(&self) -> bool {
        self.ending().is_some()
    }

    /// How the task finished, if it has.
    pub fn ending(&self) -> Option<&Ending> {
        match self {
            Self::Finished(ending) => Some(ending),
            Self::Pending { .. } | Self::Queued { .. } | Self::Running { .. } => None,
        }
    }

    /// When an unfinished task came into this status; `None` if it has finished.
    pub fn since(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Pending { announced_at: at }
            | Self::Queued { queued_at: at }
            | Self::Running { started_at: at, .. } => Some(*at),
            Self::Finished(_) => None,
        }
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
    use crate::outcome::Canceller;

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
            options: Options::default(),
            usage: None,
            oom_kill: None,
        });
        let json = serde_json::to_string(&status).unwrap();
        assert_eq!(
            json,
            r#"{"state":"finished","outcome":"failed","exit_code":3,"reported_by":"runner","started_at":"1970-01-01T00:00:01Z","ended_at":"1970-01-01T00:00:04Z","duration_ms":3000}"#
        );
        assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), status);
    }

    /// What the better source does not know stays, and its own facts count.
    #[test]
    fn a_correction_keeps_what_only_the_first_knew() {
        let survivors = Survivors { count: 1, names: vec!["sleep".to_owned()] };
        let first = Ending {
            reported_by: Source::Client,
            started_at: Some(at(1)),
            duration_ms: Some(3_000),
            waited_ms: Some(7),
            usage: Some(Usage { cpu_ms: 8, largest_process_bytes: 9 }),
            ..Ending::unseen(Outcome::Cancelled { by: Canceller::Unknown }, at(4))
        };
        let better = Ending {
            reported_by: Source::Runner,
            survivors: survivors.clone(),
            options: Options::Usual,
            ..Ending::unseen(Outcome::Failed { exit_code: 3 }, at(5))
        };
        let combined = Ending {
            started_at: Some(at(1)),
            duration_ms: Some(3_000),
            waited_ms: Some(7),
            usage: first.usage,
            ..better.clone()
        };
        assert_eq!(first.corrected_by(&better), Some(combined));
        assert_eq!(better.corrected_by(&first), None);
        let whole = Ending {
            started_at: Some(at(2)),
            duration_ms: Some(2_900),
            waited_ms: Some(8),
            usage: Some(Usage { cpu_ms: 1, largest_process_bytes: 2 }),
            ..better
        };
        assert_eq!(first.corrected_by(&whole), Some(whole));
    }

    /// A cause from a lower source changes the outcome, and not what the runner saw.
    #[test]
    fn a_cause_keeps_the_facts_and_their_rank() {
        let seen = Ending {
            reported_by: Source::Runner,
            started_at: Some(at(1)),
            duration_ms: Some(3_000),
            survivors: Survivors { count: 2, names: Vec::new() },
            ..Ending::unseen(Outcome::Cancelled { by: Canceller::Unknown }, at(4))
        };
        let limit = Outcome::TimedOut { limit_ms: None };
        let cause = Ending { reported_by: Source::Client, ..Ending::unseen(limit.clone(), at(60)) };
        let explained = Ending { outcome: limit, ..seen.clone() };
        assert_eq!(seen.corrected_by(&cause), Some(explained));
        // Of one rank, the first saw when it ended.
        let seen_by_client = Ending { reported_by: Source::Client, ..seen.clone() };
        let found = seen_by_client.corrected_by(&cause).map(|found| found.ended_at);
        assert_eq!(found, Some(at(4)));
        // The same rank is no better source.
        let again = Ending { outcome: Outcome::Completed, ..seen.clone() };
        assert_eq!(seen.corrected_by(&again), None);
    }

    /// Only commands and services have an exit code to name.
    #[test]
    fn each_kind_ends_in_its_own_words() {
        let ending =
            Ending { duration_ms: Some(2_000), ..Ending::unseen(Outcome::Completed, at(4)) };
        let kinds = [Kind::Command, Kind::Service, Kind::Agent, Kind::Session];
        let said = kinds.map(|kind| ending.sentence(kind));
        let command = "completed with exit code 0 after 2 s";
        assert_eq!(said, [command, command, "finished after 2 s", "finished after 2 s"]);
    }

    /// Only a finished task takes its word from its outcome.
    #[test]
    fn each_status_has_a_word() {
        let ending = Ending::unseen(Outcome::Completed, at(4));
        let cases = [
            (Status::Pending { announced_at: at(1) }, "pending", false),
            (Status::Queued { queued_at: at(1) }, "queued", false),
            (Status::Running { started_at: at(1), watch: Watch::Observed }, "running", false),
            (Status::Finished(ending), "completed", true),
        ];
        for (status, word, is_final) in cases {
            assert_eq!((status.word(), status.is_final()), (word, is_final));
            // A finished task has an ending instead.
            let expected = if is_final { None } else { Some(at(1)) };
            assert_eq!(status.since(), expected, "{word}");
        }
    }
}
