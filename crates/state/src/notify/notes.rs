//! `notify.json`: notes for the notifier. The file exists only while there are notes.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sisyphus_base::id::SessionId;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Kind, Task};

use super::{Ended, SURE};
use crate::active::Series;
use crate::file::Format;
use crate::reach::is_in_reach;
use crate::transitions::Transition;

/// How many notes of a kind are kept. They reach this number only where no notifier takes them.
const KEPT: usize = 200;

/// Notes that were not shown yet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notes {
    version: Format,
    /// The oldest first.
    pub ended: Vec<Ended>,
    /// Sessions in which everything has finished.
    pub over: Vec<SessionSummary>,
    /// Ends for which the user's program was not started yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub for_program: Vec<ForProgram>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// The end of a task, for the program that the user has set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForProgram {
    pub event: Transition,
    /// When it was noted.
    pub at: DateTime<Utc>,
}

impl ForProgram {
    /// How long the note is held back from then on: the record may soon name the cause of the end.
    pub fn holds(&self) -> chrono::Duration {
        if self.event.may_be_explained() { SURE } else { chrono::Duration::zero() }
    }
}

/// Everything that ran in a session has finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSummary {
    pub session: SessionId,
    #[serde(flatten)]
    pub series: Series,
    pub at: DateTime<Utc>,
}

impl Notes {
    pub fn is_empty(&self) -> bool {
        self.ended.is_empty() && self.over.is_empty() && self.for_program.is_empty()
    }

    /// Adds new notes.
    pub(crate) fn add(
        &mut self,
        ended: Vec<Ended>,
        over: Vec<SessionSummary>,
        for_program: Vec<ForProgram>,
    ) {
        self.ended.extend(ended);
        self.over.extend(over);
        self.for_program.extend(for_program);
        self.for_program.drain(..self.for_program.len().saturating_sub(KEPT));
        self.ended.drain(..self.ended.len().saturating_sub(KEPT));
        self.over.drain(..self.over.len().saturating_sub(KEPT));
    }

    /// Corrects the end for the program, if that was not started yet.
    pub(crate) fn correct_for_program(&mut self, event: &Transition) {
        let note = self.for_program.iter_mut().find(|it| it.event.id == event.id);
        if let Some(note) = note {
            let from = note.event.from.take();
            note.event = event.clone();
            note.event.from = from;
        }
    }

    /// Corrects the note of this task from its current record.
    pub(crate) fn correct(&mut self, task: &Task, now: DateTime<Utc>) {
        let Some(place) = self.ended.iter().position(|it| it.task == task.id) else { return };
        match Ended::of(task, now) {
            Some(ended) => self.ended[place].outcome = ended.outcome,
            None => drop(self.ended.remove(place)),
        }
    }
}

impl SessionSummary {
    /// Whether the summary says more than the notifications of its tasks. For one task it does not, and a success
    /// within moments is not worth a notification.
    pub fn is_worth_telling(&self, success_min_ms: u64) -> bool {
        let took = u64::try_from((self.at - self.series.since).num_milliseconds()).unwrap_or(0);
        let tally = &self.series.tally;
        tally.total() > 1 && (tally.failures() > 0 || took >= success_min_ms)
    }
}

/// Whether the session still waits for this task. A service never finishes, and a call that Claude Code has not
/// answered yet may still be denied.
pub(crate) fn is_live(task: &Task) -> bool {
    matches!(task.kind, Kind::Command | Kind::Session)
        && is_in_reach(task)
        && match task.status() {
            Status::Pending { .. } => task.is_confirmed(),
            Status::Queued { .. } | Status::Running { .. } => true,
            Status::Finished(_) => false,
        }
}
