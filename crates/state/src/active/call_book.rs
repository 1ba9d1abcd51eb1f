//! Which background calls of a session are settled. An unsettled call that the transcript shows as answered was missed
//! by the hooks.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sisyphus_base::id::{ClientTaskId, SessionId, ToolUseId};
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Kind, Task};

use super::Active;

/// How many retired runs a book names. Older ones count as settled, with every call answered before them.
const RETIRED_MAX: usize = 256;

/// The calls of one session. A session's first record opens its book; a missing book says nothing about its calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CallBook {
    /// Every call that Claude Code answered before this time has its record, or was searched for.
    pub(super) settled_until: DateTime<Utc>,
    /// The runs whose records moved to the history since then, and when. The history itself may be cleaned or full.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    retired: Vec<(ClientTaskId, DateTime<Utc>)>,
    /// When the current Claude Code of the session resumed it after the previous one was gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resumed_at: Option<DateTime<Utc>>,
}

impl CallBook {
    fn open(at: DateTime<Utc>) -> Self {
        Self { settled_until: at, retired: Vec::new(), resumed_at: None }
    }

    /// Notes that the record of this run moves to the history.
    fn note_retired(&mut self, run: ClientTaskId, at: DateTime<Utc>) {
        if self.retired.len() == RETIRED_MAX {
            let (_, oldest) = self.retired.remove(0);
            self.settle(oldest);
        }
        self.retired.push((run, at));
    }

    /// Settles every call that was answered before `until`.
    fn settle(&mut self, until: DateTime<Utc>) {
        self.settled_until = self.settled_until.max(until);
        // A run retires after its call was answered.
        self.retired.retain(|(_, at)| *at >= self.settled_until);
    }

    /// Whether a run without a live record belongs to an answered call and was never recorded.
    fn misses(&self, run: &ClientTaskId, answered_at: DateTime<Utc>) -> bool {
        answered_at >= self.settled_until && !self.has_retired(run)
    }

    fn has_retired(&self, run: &ClientTaskId) -> bool {
        self.retired.iter().any(|(retired, _)| retired == run)
    }
}

impl Active {
    /// Whether to search the transcript of a session: it may name background calls without a record.
    pub fn may_miss_calls(&self, session: &SessionId) -> bool {
        self.calls(session).is_some()
    }

    /// Whether Claude Code answered this call of the session and no record of it was made.
    pub fn misses(
        &self,
        session: &SessionId,
        run: &ClientTaskId,
        call: &ToolUseId,
        answered_at: DateTime<Utc>,
    ) -> bool {
        self.calls(session).is_some_and(|calls| calls.misses(run, answered_at))
            && self.named(session, run, Some(call)).is_none()
    }

    /// Whether the book names runs that a search of the transcript up to `until` makes needless.
    pub fn has_calls_to_settle(&self, session: &SessionId, until: DateTime<Utc>) -> bool {
        self.calls(session).is_some_and(|calls| calls.retired.iter().any(|(_, at)| *at < until))
    }

    /// Whether the record of this run moved to the history recently.
    pub(crate) fn has_retired(&self, session: &SessionId, run: &ClientTaskId) -> bool {
        self.calls(session).is_some_and(|calls| calls.has_retired(run))
    }

    /// Whether an earlier Claude Code than the session's current one answered a call.
    pub fn is_of_former_client(&self, session: &SessionId, answered_at: DateTime<Utc>) -> bool {
        let resumed_at = self.calls(session).and_then(|calls| calls.resumed_at);
        resumed_at.is_some_and(|at| answered_at < at)
    }

    /// Notes that another Claude Code resumed the session.
    pub(super) fn note_resumed(&mut self, session: &SessionId, at: DateTime<Utc>) {
        if let Some(calls) = self.calls_mut(session) {
            calls.resumed_at = Some(at);
        }
    }

    /// Notes that the transcript was searched for calls that Claude Code answered before `until`.
    pub fn settle_calls(&mut self, session: &SessionId, until: DateTime<Utc>) {
        if let Some(calls) = self.calls_mut(session) {
            calls.settle(until);
        }
    }

    /// Opens the book of a session with its first record.
    pub(super) fn open_calls(&mut self, task: &Task) {
        let at = match task.status() {
            Status::Pending { announced_at } if is_shell(task.kind) => *announced_at,
            Status::Running { started_at, .. } if is_shell(task.kind) => *started_at,
            Status::Pending { .. }
            | Status::Queued { .. }
            | Status::Running { .. }
            | Status::Finished(_) => return,
        };
        self.book(&task.session).calls.get_or_insert_with(|| CallBook::open(at));
    }

    /// Notes that the record of `task` moves to the history.
    pub(super) fn note_retired(&mut self, task: &Task, at: DateTime<Utc>) {
        let Some(run) = task.client_id() else { return };
        // The book moved with the task, and the lines of the transcript may have moved too.
        let moved = task.started_in.as_ref();
        for session in moved.into_iter().chain([&task.session]) {
            if let Some(calls) = self.calls_mut(session) {
                calls.note_retired(run.clone(), at);
            }
        }
    }

    fn calls(&self, session: &SessionId) -> Option<&CallBook> {
        self.sessions.get(session)?.calls.as_ref()
    }

    fn calls_mut(&mut self, session: &SessionId) -> Option<&mut CallBook> {
        self.sessions.get_mut(session)?.calls.as_mut()
    }
}

/// Whether Claude Code starts a shell for a task of this kind.
fn is_shell(kind: Kind) -> bool {
    matches!(kind, Kind::Command | Kind::Service)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn run(number: usize) -> ClientTaskId {
        ClientTaskId::new(format!("b{number}")).unwrap()
    }

    /// A run is missed if it was answered since the last look and its record is nowhere.
    #[test]
    fn misses_what_was_answered_and_not_recorded() {
        let mut book = CallBook::open(at(10));
        book.note_retired(run(1), at(12));
        assert!(!book.misses(&run(1), at(11)));
        assert!(book.misses(&run(2), at(11)));
        assert!(!book.misses(&run(2), at(9)));
        book.settle(at(13));
        assert_eq!(book, CallBook::open(at(13)));
        book.settle(at(5));
        assert_eq!(book, CallBook::open(at(13)));
    }

    /// A full book never makes a retired run a missed one.
    #[test]
    fn a_full_book_settles_its_oldest() {
        let mut book = CallBook::open(at(0));
        let runs = RETIRED_MAX + 10;
        for number in 0..runs {
            book.note_retired(run(number), at(i64::try_from(number).unwrap() + 1));
        }
        for number in 0..runs {
            assert!(!book.misses(&run(number), at(i64::try_from(number).unwrap())), "{number}");
        }
        assert!(book.retired.len() <= RETIRED_MAX);
    }
}
