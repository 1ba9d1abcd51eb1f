//! The end of one task, for a notification.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_tasks::outcome::{CLIENT_STOPS, Canceller, LostReason, Outcome, duration};
use sisyphus_tasks::session::dollars;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Kind, Task};

/// A task that finished longer ago is not worth a notification.
const NEWS: chrono::Duration = chrono::Duration::minutes(10);
/// Longest name that is noted, in characters.
const NAME_MAX: usize = 200;

/// A task that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub task: TaskId,
    pub session: SessionId,
    /// Where it ran.
    pub cwd: PathBuf,
    /// Its description, or the beginning of its command or prompt. Untrusted text.
    pub name: String,
    #[serde(default)]
    pub kind: Kind,
    /// What it cost, in millionths of a dollar, if it was a delegated session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micro_usd: Option<u64>,
    /// What it says about its failure. Untrusted text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    #[serde(flatten)]
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ran_ms: Option<u64>,
    /// When it was noted.
    pub at: DateTime<Utc>,
}

/// How soon the user is notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// It failed.
    AtOnce,
    /// It may be combined with others.
    Soon,
    /// It looks like a command that Claude Code stopped because the session ends. SessionEnd follows a little later.
    Deferred,
}

impl Ended {
    /// The end of `task`; `None` if it has not finished, finished long ago, or the user stopped it.
    pub(crate) fn of(task: &Task, now: DateTime<Utc>) -> Option<Self> {
        let Status::Finished(ending) = task.status() else { return None };
        if is_old(ending.ended_at, now) || is_known(&ending.outcome) {
            return None;
        }
        let by_clocks =
            || u64::try_from((ending.ended_at - ending.started_at?).num_milliseconds()).ok();
        let session = task.delegated.as_ref();
        let called = session.map_or(&task.command, |session| &session.prompt);
        let name = if task.description.is_empty() { called } else { &task.description };
        let report = session.and_then(|session| session.report.as_ref());
        Some(Self {
            task: task.id.clone(),
            session: task.session.clone(),
            cwd: task.cwd.clone(),
            name: beginning(name),
            kind: task.kind,
            cost_micro_usd: report.and_then(|report| report.cost_micro_usd),
            problem: report.and_then(|report| Some(beginning(report.problem.as_ref()?))),
            outcome: ending.outcome.clone(),
            ran_ms: ending.duration_ms.or_else(by_clocks),
            at: now,
        })
    }

    /// How it ended, and what it cost.
    pub fn sentence(&self) -> String {
        format!("{}{}", self.said(self.ran_ms), self.cost())
    }

    /// How it ended, as short as it can be said, and the explanation if there is one.
    pub fn predicate(&self) -> (String, Option<String>) {
        let said = self.said(None);
        match said.split_once(": ") {
            Some((predicate, why)) => (predicate.to_owned(), Some(why.to_owned())),
            None => (said, None),
        }
    }

    /// How long it ran, and what it cost.
    pub fn effort(&self) -> Option<String> {
        self.ran_ms.map(|ms| format!("after {}{}", duration(ms), self.cost()))
    }

    fn said(&self, ran_ms: Option<u64>) -> String {
        match self.kind {
            Kind::Command | Kind::Service => self.outcome.sentence(ran_ms),
            Kind::Agent => self.outcome.sentence_of_agent(ran_ms),
            Kind::Session => self.outcome.sentence_of_session(ran_ms),
        }
    }

    fn cost(&self) -> String {
        self.cost_micro_usd.map(|cost| format!(", {}", dollars(cost))).unwrap_or_default()
    }

    /// How soon the user is notified.
    pub fn urgency(&self) -> Urgency {
        match &self.outcome {
            Outcome::Completed | Outcome::Unknown => Urgency::Soon,
            Outcome::Killed { signal } if CLIENT_STOPS.contains(signal) => Urgency::Deferred,
            Outcome::Cancelled { .. } | Outcome::Lost { .. } | Outcome::Skipped { .. } => {
                Urgency::Deferred
            }
            Outcome::Failed { .. }
            | Outcome::AgentFailed { .. }
            | Outcome::Killed { .. }
            | Outcome::TimedOut { .. } => Urgency::AtOnce,
        }
    }

    /// Whether the user is notified at all. A success must have run for `success_min_ms`. An unknown outcome is not a
    /// failure.
    pub fn is_worth_telling(&self, success_min_ms: u64) -> bool {
        self.urgency() != Urgency::Soon || self.ran_ms.unwrap_or_default() >= success_min_ms
    }
}

fn beginning(text: &str) -> String {
    text.chars().take(NAME_MAX).collect()
}

/// Whether a note is too old to show: the notifier could not be started, or the machine slept.
pub fn is_old(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now - at > NEWS
}

fn is_known(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Cancelled { by } if *by != Canceller::Unknown)
        || matches!(outcome, Outcome::Lost { why: LostReason::SessionEnded })
}

#[cfg(test)]
mod tests {
    use sisyphus_tasks::session::SessionReport;
    use sisyphus_tasks::status::Ending;
    use sisyphus_tasks::task::samples::{delegated, in_status, pending};

    use super::*;

    fn ended(outcome: Outcome, ran_ms: Option<u64>) -> Option<Ended> {
        let now = Utc::now();
        let ending = Ending { duration_ms: ran_ms, ..Ending::unseen(outcome, now) };
        Ended::of(&in_status(pending("t1", 1), Status::Finished(ending)), now)
    }

    /// Each row: the outcome, how soon the notifier shows it, and whether it shows it also if the command ran only for
    /// a moment.
    #[test]
    fn every_outcome_has_its_urgency() {
        let by = |by| Outcome::Cancelled { by };
        let lost = |why| Outcome::Lost { why };
        let cases = [
            (Outcome::Completed, Some((Urgency::Soon, false))),
            (Outcome::Unknown, Some((Urgency::Soon, false))),
            (Outcome::Failed { exit_code: 1 }, Some((Urgency::AtOnce, true))),
            (Outcome::TimedOut { limit_ms: None }, Some((Urgency::AtOnce, true))),
            (Outcome::Killed { signal: 11 }, Some((Urgency::AtOnce, true))),
            (Outcome::Killed { signal: 15 }, Some((Urgency::Deferred, true))),
            (by(Canceller::Unknown), Some((Urgency::Deferred, true))),
            (lost(LostReason::RunnerDied), Some((Urgency::Deferred, true))),
            (by(Canceller::Model), None),
            (by(Canceller::User), None),
            (by(Canceller::SessionEnd), None),
            (lost(LostReason::SessionEnded), None),
        ];
        for (outcome, expected) in cases {
            let found = ended(outcome.clone(), Some(9_999));
            let said = found.map(|it| (it.urgency(), it.is_worth_telling(10_000)));
            assert_eq!(said, expected, "{outcome:?}");
        }
    }

    #[test]
    fn a_success_counts_by_the_time_that_it_ran() {
        let tells = |ran: Option<u64>, min: u64| {
            ended(Outcome::Completed, ran).unwrap().is_worth_telling(min)
        };
        assert!(tells(Some(10_000), 10_000));
        assert!(!tells(Some(9_999), 10_000));
        assert!(!tells(None, 10_000));
        assert!(tells(None, 0));
    }

    #[test]
    fn a_session_has_its_cost() {
        let now = Utc::now();
        let ending = Ending::unseen(Outcome::Completed, now);
        let report = SessionReport { cost_micro_usd: Some(7), ..SessionReport::default() };
        let mut task = in_status(pending("t1", 1), Status::Finished(ending));
        task.description = String::new();
        let found = Ended::of(&delegated(task, Some(report)), now).unwrap();
        assert_eq!((found.kind, found.cost_micro_usd), (Kind::Session, Some(7)));
        assert_eq!(found.sentence(), "finished, under $0.01");
        assert_eq!(found.name, "Read the migration and list risks.");
    }

    #[test]
    fn old_news_is_none() {
        let now = Utc::now();
        let ending =
            Ending::unseen(Outcome::Failed { exit_code: 1 }, now - chrono::Duration::hours(1));
        let task = in_status(pending("t1", 1), Status::Finished(ending));
        assert_eq!(Ended::of(&task, now), None);
    }
}
