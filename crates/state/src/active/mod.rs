//! `active.json`: every task that is not settled, and what is known about sessions and agents.

pub(crate) mod adoption;
mod call_book;
mod in_transit;
pub(crate) mod matches;
mod series;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sisyphus_base::clock::{Now, Tick};
use sisyphus_base::id::{ClientTaskId, SessionId, TaskId, ToolUseId};
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_tasks::delivery::{Attempt, Delivery, DeliveryEvent};
use sisyphus_tasks::recipient::Recipient;
use sisyphus_tasks::status::{Status, Watch};
use sisyphus_tasks::task::{Kind, Task};

use crate::agent_limits::AgentBook;
use crate::file::Format;
use crate::reach::is_in_reach;
use call_book::CallBook;
pub use in_transit::{Carrier, News, Sent, SentTo};
pub(crate) use series::Series;
pub use tally::Tally;

/// How often an idle session is woken within an hour. Each time costs a turn of the model, and a command that fails in
/// a loop must not use up the user's quota. Further results wait for the next event.
const WAKES_PER_HOUR: usize = 20;
/// How many denied commands of a session are remembered. Further ones run.
const ASKED_MAX: usize = 50;
const HOUR: Duration = Duration::from_secs(60 * 60);
/// How long an unread result stays here after its session ended. A session that is resumed later finds it in the
/// history.
const PARKED_AFTER: Duration = Duration::from_secs(10 * 60);
/// The same for a session that did not report its end and was not resumed. A terminal that stays open over a weekend
/// must still get its results at the next prompt. A killed Claude Code never reports the end.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The whole live state. Each task has one record, which includes what is owed and what was delivered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Active {
    version: Format,
    /// Posted events that were applied and whose files may still be there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) applied: Vec<EventName>,
    /// In ticket order.
    pub tasks: Vec<Task>,
    #[serde(skip_serializing_if = "AgentBook::is_empty")]
    pub agents: AgentBook,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) sessions: BTreeMap<SessionId, SessionBook>,
    /// Whether the user has set `sisyphus.on_complete`, as the last hook saw it that read the settings and committed. The
    /// ends of agents are noted only then.
    #[serde(skip_serializing_if = "sisyphus_tasks::is_default")]
    pub on_complete: bool,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// The name of a posted event's file: the time of the post and a random tail. Sorting by name sorts by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct EventName(pub(crate) String);

/// The counters and times of a session.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SessionBook {
    /// What was reported since the session last had nothing to wait for.
    #[serde(default, skip_serializing_if = "Tally::is_empty")]
    reported: Tally,
    /// How many of those were delegated sessions.
    #[serde(default, skip_serializing_if = "sisyphus_tasks::is_default")]
    reported_sessions: usize,
    /// When the idle session was woken, within the last hour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    wakes: Vec<Tick>,
    /// When lines of running tasks woke it, within the last hour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    match_wakes: Vec<Tick>,
    /// When a text said that those wakes are used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    match_limit_said: Option<Tick>,
    /// The foreground commands that were denied once because of their group, and when, within the last hour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    asked: Vec<(u64, Tick)>,
    /// What finished since the session last had nothing running, for notifications.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) series: Option<Series>,
    /// When the session ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<Tick>,
    /// When the session was resumed. What it takes from the history is old, and stays until it is printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resumed: Option<Tick>,
    /// The Claude Code that resumed it, or that adopted results in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resumed_by: Option<ProcessRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    carrier: Option<Carrier>,
    /// The calls of a session that has had background commands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) calls: Option<CallBook>,
}

/// A result that is about to be printed.
#[derive(Debug, Clone, PartialEq)]
pub struct Leased {
    pub task: Task,
    pub attempt: Attempt,
}

impl Active {
    /// Inserts a task in ticket order.
    pub fn insert(&mut self, task: Task) {
        self.open_calls(&task);
        let position = self.tasks.partition_point(|other| other.ticket <= task.ticket);
        self.tasks.insert(position, task);
    }

    /// The unfinished tasks in reach of this process.
    pub fn live(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| !task.status().is_final() && is_in_reach(task))
    }

    /// The commands that hold a slot.
    pub fn holders(&self) -> impl Iterator<Item = &Task> {
        self.live().filter(|task| {
            task.kind == Kind::Command
                && matches!(task.status(), Status::Running { watch: Watch::Supervised, .. })
        })
    }

    pub fn task(&self, id: &TaskId) -> Option<&Task> {
        self.tasks.iter().find(|task| &task.id == id)
    }

    pub fn task_mut(&mut self, id: &TaskId) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|task| &task.id == id)
    }

    /// The task that Claude Code knows by one of these ids. The task id takes precedence over the id of the call.
    pub fn named(
        &self,
        session: &SessionId,
        id: &ClientTaskId,
        call: Option<&ToolUseId>,
    ) -> Option<&Task> {
        let of_session = |task: &&Task| &task.session == session || task.started_in() == session;
        let mut tasks = self.tasks.iter().filter(of_session);
        let by_id = self.tasks.iter().find(|task| of_session(task) && task.client_id() == Some(id));
        by_id.or_else(|| {
            tasks.find(|task| {
                task.client.is_none() && call.is_some() && task.tool_use_id.as_ref() == call
            })
        })
    }

    pub(crate) fn book(&mut self, session: &SessionId) -> &mut SessionBook {
        self.sessions.entry(session.clone()).or_default()
    }

    /// Whether a session owes this reader results.
    pub fn owes(&self, session: &SessionId, reader: &Recipient) -> bool {
        self.tasks.iter().any(|task| &task.session == session && task.is_owed_to(reader))
    }

    /// Leases the results owed to `reader`, for the process `by` to print: the oldest, at most `at_most`, so that the
    /// text can name each. The rest stays owed. The lease of a holder that can't print any more is granted again.
    pub fn lease(
        &mut self,
        session: &SessionId,
        reader: &Recipient,
        by: &ProcessRef,
        at_most: usize,
        may_print: impl Fn(&ProcessRef) -> bool,
        now: Tick,
    ) -> Vec<Leased> {
        let mut leased = Vec::new();
        let mut reported = Vec::new();
        for task in &mut self.tasks {
            let is_held = matches!(task.delivery(), Delivery::Leased { by, .. } if may_print(by));
            if is_held || &task.session != session || !task.is_owed_to(reader) {
                continue;
            }
            if leased.len() == at_most {
                break;
            }
            task.deliver(DeliveryEvent::Leased { by: by.clone() }, now);
            let Delivery::Leased { attempt, .. } = *task.delivery() else { continue };
            if attempt == Attempt::First {
                reported.push((task.status().word(), task.kind));
            }
            leased.push(Leased { task: task.clone(), attempt });
        }
        for (word, kind) in reported {
            self.count_reported(session, word, kind);
        }
        leased
    }

    /// How many results are owed to this reader.
    pub fn count_owed(&self, session: &SessionId, reader: &Recipient) -> usize {
        let is_owed = |task: &&Task| {
            let owed = matches!(task.delivery(), Delivery::Owed { .. });
            owed && &task.session == session && task.is_for(reader)
        };
        self.tasks.iter().filter(is_owed).count()
    }

    /// Counts a result that was read without a reminder.
    pub(crate) fn count_reported(&mut self, session: &SessionId, word: &str, kind: Kind) {
        let book = self.book(session);
        book.reported.add(word);
        book.reported_sessions += usize::from(kind == Kind::Session);
    }

    /// Whether a delegated session is among what was reported or is still to be reported.
    pub fn has_delegated(&self, session: &SessionId) -> bool {
        let mut theirs = self.tasks.iter().filter(|task| &task.session == session);
        theirs.any(|task| task.kind == Kind::Session)
            || self.sessions.get(session).is_some_and(|book| book.reported_sessions > 0)
    }

    /// Takes back a reported result that was not read after all.
    pub fn uncount_reported(&mut self, session: &SessionId, word: &str) {
        self.book(session).reported.take_back(word);
    }

    /// Takes what was reported since the last call, for a session that has nothing left to wait for.
    pub fn take_summary(&mut self, session: &SessionId) -> Tally {
        let book = self.sessions.get_mut(session);
        let take = |book: &mut SessionBook| {
            book.reported_sessions = 0;
            std::mem::take(&mut book.reported)
        };
        book.map(take).unwrap_or_default()
    }

    /// Whether the session may be woken, and notes that it is. It may not if it was woken too often within the last
    /// hour.
    pub fn may_wake(&mut self, session: &SessionId, now: Tick) -> bool {
        let book = self.book(session);
        book.wakes.retain(|at| at.age(now) < HOUR);
        let may = book.wakes.len() < WAKES_PER_HOUR;
        if may {
            book.wakes.push(now);
        }
        may
    }

    /// Whether this foreground command may be denied, and notes that it is. It may be once an hour: whatever repeats a
    /// denied command wants it to run.
    pub fn may_ask(&mut self, session: &SessionId, command: u64, now: Tick) -> bool {
        let book = self.book(session);
        book.asked.retain(|(_, at)| at.age(now) < HOUR);
        let may = book.asked.len() < ASKED_MAX && book.asked.iter().all(|(it, _)| *it != command);
        if may {
            book.asked.push((command, now));
        }
        may
    }

    /// Records that the session ends. What runs in it is stopped, and no reader waits for a summary.
    pub(crate) fn end_session(&mut self, session: &SessionId, now: Tick) {
        let book = self.book(session);
        book.series = None;
        book.asked.clear();
        book.ended = Some(now);
    }

    /// Records that the session continues, in this Claude Code if it is known.
    pub(crate) fn resume_session(
        &mut self,
        session: &SessionId,
        client: Option<ProcessRef>,
        now: Now,
    ) {
        let book = self.book(session);
        let had_ended = book.ended.take().is_some();
        (book.resumed, book.resumed_by) = (Some(now.tick), client);
        self.note_resumed(session, now.at);
        // No hook of ours ran since the session ended: calls since then ran without the plugin.
        if had_ended {
            self.settle_calls(session, now.at);
        }
    }

    /// Moves everything from one conversation to the next one of the same Claude Code.
    pub(crate) fn transfer(&mut self, from: &SessionId, to: &SessionId) {
        let theirs = self.tasks.iter_mut().filter(|task| &task.session == from);
        theirs.for_each(|task| task.transfer(to));
        if let Some(book) = self.sessions.remove(from) {
            self.sessions.entry(to.clone()).or_insert(book).ended = None;
        }
    }

    /// Removes and returns tasks that nothing will change any more, and those of sessions that ended without reading
    /// them.
    pub(crate) fn retire(&mut self, now: Now) -> Vec<Task> {
        let sessions = &self.sessions;
        let is_over = |task: &Task| {
            let book = sessions.get(&task.session);
            let ended = book.and_then(|book| book.ended);
            let resumed = book.and_then(|book| book.resumed);
            match task.delivery() {
                Delivery::NotNeeded => true,
                Delivery::Delivered { at, .. } => {
                    let is_settled = task.matches.as_ref().is_none_or(|it| it.is_read());
                    (is_settled && (task.last_word.is_some() || task.is_started_by_us()))
                        || ended.is_some()
                        || at.age(now.tick) > HOUR
                }
                Delivery::Owed { .. } | Delivery::Leased { .. } | Delivery::Sent { .. } => {
                    ended.is_some_and(|at| at.age(now.tick) > PARKED_AFTER)
                        || (is_old(task, now.at)
                            && resumed.is_none_or(|at| at.age(now.tick) > FORGOTTEN_AFTER))
                }
                Delivery::NotDue => false,
            }
        };
        let retired: Vec<Task> = self.tasks.extract_if(.., |task| is_over(task)).collect();
        for task in &retired {
            self.note_retired(task, now.at);
        }
        retired
    }

    /// Removes the end and resume times of sessions without a task. The caller first writes retired tasks to the
    /// history, because a task that comes back must retire again.
    pub(crate) fn forget_sessions(&mut self, now: Now) {
        let with_tasks: BTreeSet<&SessionId> =
            self.tasks.iter().map(|task| &task.session).collect();
        self.sessions.retain(|session, book| {
            if with_tasks.contains(session) {
                return true;
            }
            // A killed Claude Code never reports that its session ended.
            book.asked.retain(|(_, at)| at.age(now.tick) < HOUR);
            book.calls.take_if(|calls| {
                book.ended.is_some_and(|at| at.age(now.tick) > PARKED_AFTER)
                    || is_older(calls.settled_until, FORGOTTEN_AFTER, now.at)
            });
            book.carrier = None;
            let (ended, resumed, resumed_by) = (book.ended, book.resumed, book.resumed_by.clone());
            *book != SessionBook { ended, resumed, resumed_by, ..SessionBook::default() }
        });
    }

    /// When the earliest undelivered result of this session became ready. One that Claude Code does not announce counts as
    /// ready since the start of the machine, because waiting for Claude Code's word would be in vain.
    pub fn owed_since(&self, session: &SessionId, reader: &Recipient) -> Option<Tick> {
        let owed = self.tasks.iter().filter(|task| &task.session == session && task.is_for(reader));
        owed.filter_map(|task| match task.delivery() {
            Delivery::Owed { .. } if task.is_started_by_us() => Some(Tick(0)),
            Delivery::Owed { since, .. } => Some(*since),
            // The holder of the lease may have died.
            Delivery::Leased { .. } => Some(Tick(0)),
            Delivery::NotDue
            | Delivery::Sent { .. }
            | Delivery::Delivered { .. }
            | Delivery::NotNeeded => None,
        })
        .min()
    }
}

/// Whether it is a command that is queued, or whose shell is about to join the queue. A call that may still be denied is
/// not queued, and a task out of reach does not count.
pub(crate) fn is_waiting(task: &Task) -> bool {
    let waits = match task.status() {
        Status::Queued { .. } => true,
        Status::Pending { .. } => task.is_confirmed(),
        Status::Running { .. } | Status::Finished(_) => false,
    };
    waits && task.kind == Kind::Command && is_in_reach(task)
}

fn is_old(task: &Task, now: DateTime<Utc>) -> bool {
    let ending = task.status().ending();
    ending.is_some_and(|ending| is_older(ending.ended_at, FORGOTTEN_AFTER, now))
}

fn is_older(at: DateTime<Utc>, age: Duration, now: DateTime<Utc>) -> bool {
    (now - at).to_std().is_ok_and(|it| it > age)
}
