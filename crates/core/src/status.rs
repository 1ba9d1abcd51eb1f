//! Where a task is in its life, and the only way to change that: [`Status::apply`].

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;

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
    /// Unknown if the command never started, or if nobody saw it start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: DateTime<Utc>,
    /// From the real start to the end, by a clock that does not jump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// Something that happened to a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A runner took it.
    Claimed { at: DateTime<Utc> },
    /// The runner started the command.
    Started { at: DateTime<Utc> },
    /// It runs without a runner.
    Observed { at: DateTime<Utc> },
    /// It is over.
    Ended(Ending),
}

/// The event does not apply; the status stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// The task is over.
    Final,
    /// The task is already further on.
    Late,
}

impl Status {
    /// Returns what the status becomes. Pure: times come with the event.
    pub fn apply(&self, event: Event) -> Result<Self, Rejected> {
        match (self, event) {
            (Self::Finished(_), _) => Err(Rejected::Final),
            (_, Event::Ended(ending)) => Ok(Self::Finished(ending)),

            (Self::Pending { .. }, Event::Claimed { at }) => Ok(Self::Queued { queued_at: at }),
            (Self::Queued { .. } | Self::Running { .. }, Event::Claimed { .. }) => {
                Err(Rejected::Late)
            }

            // A claim that nobody recorded is implied by the start.
            (Self::Pending { .. } | Self::Queued { .. }, Event::Started { at }) => {
                Ok(Self::Running { started_at: at, watch: Watch::Supervised })
            }
            // The runner was slower than our patience: it is there after all.
            (Self::Running { watch: Watch::Observed, .. }, Event::Started { at }) => {
                Ok(Self::Running { started_at: at, watch: Watch::Supervised })
            }
            (Self::Running { watch: Watch::Supervised, .. }, Event::Started { .. }) => {
                Err(Rejected::Late)
            }

            (Self::Pending { .. }, Event::Observed { at }) => {
                Ok(Self::Running { started_at: at, watch: Watch::Observed })
            }
            // A runner has it: it is not merely observed.
            (Self::Queued { .. } | Self::Running { .. }, Event::Observed { .. }) => {
                Err(Rejected::Late)
            }
        }
    }

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

    fn ending() -> Ending {
        Ending { outcome: Outcome::Completed, started_at: None, ended_at: at(9), duration_ms: None }
    }

    /// The whole table: one row a state, one column an event. A capital is the state that it leads to, `-` late, `!` final.
    #[test]
    fn every_state_meets_every_event() {
        let states = [
            ("pending ", Status::Pending { announced_at: at(0) }),
            ("queued  ", Status::Queued { queued_at: at(1) }),
            ("running ", Status::Running { started_at: at(2), watch: Watch::Supervised }),
            ("observed", Status::Running { started_at: at(2), watch: Watch::Observed }),
            ("finished", Status::Finished(ending())),
        ];
        let table: Vec<String> = states
            .iter()
            .map(|(name, state)| {
                let events = [
                    Event::Claimed { at: at(5) },
                    Event::Started { at: at(5) },
                    Event::Observed { at: at(5) },
                    Event::Ended(ending()),
                ];
                let cells: String = events
                    .into_iter()
                    .map(|event| match state.apply(event) {
                        Ok(Status::Pending { .. }) => 'P',
                        Ok(Status::Queued { .. }) => 'Q',
                        Ok(Status::Running { watch: Watch::Supervised, .. }) => 'R',
                        Ok(Status::Running { watch: Watch::Observed, .. }) => 'O',
                        Ok(Status::Finished(_)) => 'F',
                        Err(Rejected::Late) => '-',
                        Err(Rejected::Final) => '!',
                    })
                    .collect();
                format!("{name} {cells}")
            })
            .collect();
        assert_eq!(
            table,
            [
                // claimed, started, observed, ended
                "pending  QROF",
                "queued   -R-F",
                "running  ---F",
                "observed -R-F",
                "finished !!!!",
            ]
        );
    }

    #[test]
    fn reads_as_one_flat_object() {
        let status = Status::Finished(Ending {
            outcome: Outcome::Failed { exit_code: 3 },
            started_at: Some(at(1)),
            ended_at: at(4),
            duration_ms: Some(3_000),
        });
        let json = serde_json::to_string(&status).unwrap();
        assert_eq!(
            json,
            r#"{"state":"finished","outcome":"failed","exit_code":3,"started_at":"1970-01-01T00:00:01Z","ended_at":"1970-01-01T00:00:04Z","duration_ms":3000}"#
        );
        assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), status);
    }
}
