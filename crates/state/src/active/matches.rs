//! The lines that readers wait for, of all tasks of a session: what is unread, and how often it may wake an idle session.

use std::time::Duration;

use sisyphus_base::clock::Tick;
use sisyphus_base::id::SessionId;
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_tasks::delivery::Attempt;
use sisyphus_tasks::matches::Found;
use sisyphus_tasks::recipient::Recipient;
use sisyphus_tasks::task::Task;

use super::{Active, HOUR};

/// How often lines wake an idle session within an hour. Results have wakes of their own, so that a command that prints
/// much takes none from them.
const WAKES_PER_HOUR: usize = 20;
/// Shortest time between two such wakes.
const BETWEEN_WAKES: Duration = Duration::from_secs(10);

/// Lines of a task that are about to be printed.
#[derive(Debug, Clone, PartialEq)]
pub struct LeasedMatches {
    pub task: Task,
    pub found: Found,
    pub attempt: Attempt,
}

/// Whether lines may still wake the session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MatchWakes {
    #[default]
    Left,
    /// They have just been used up, and no text has said so yet.
    JustUsedUp,
}

impl Active {
    /// Since when the earliest lines for this reader are unread.
    pub fn matches_since(
        &self,
        session: &SessionId,
        reader: &Recipient,
        may_print: impl Fn(&ProcessRef) -> bool,
    ) -> Option<Tick> {
        let theirs = self.tasks.iter().filter(|it| &it.session == session && it.is_for(reader));
        let since = |task: &Task| task.matches.as_ref()?.unread_since(&may_print);
        theirs.filter_map(since).min()
    }

    /// Leases the unread lines of the oldest tasks that have some, of `at_most` tasks, for the process `by` to print.
    pub fn lease_matches(
        &mut self,
        session: &SessionId,
        reader: &Recipient,
        by: &ProcessRef,
        at_most: usize,
        may_print: impl Fn(&ProcessRef) -> bool,
    ) -> Vec<LeasedMatches> {
        let theirs = self.tasks.iter_mut().filter(|it| &it.session == session && it.is_for(reader));
        let leased = theirs.filter_map(|task| {
            let (found, attempt) = task.matches.as_mut()?.lease(by, &may_print)?;
            Some(LeasedMatches { task: task.clone(), found, attempt })
        });
        leased.take(at_most).collect()
    }

    /// Whether the wakes of the session are used up, once each time that they are.
    pub fn match_wakes(&mut self, session: &SessionId, now: Tick) -> MatchWakes {
        let Some(book) = self.sessions.get_mut(session) else { return MatchWakes::Left };
        book.match_wakes.retain(|at| at.age(now) < HOUR);
        if book.match_wakes.len() < WAKES_PER_HOUR {
            book.match_limit_said = None;
            return MatchWakes::Left;
        }
        match book.match_limit_said.replace(now) {
            None => MatchWakes::JustUsedUp,
            Some(_) => MatchWakes::Left,
        }
    }

    /// How long unread lines must not wake the session.
    pub fn match_wake_in(&self, session: &SessionId, now: Tick) -> Duration {
        let Some(book) = self.sessions.get(session) else { return Duration::ZERO };
        let recent = || book.match_wakes.iter().filter(|at| at.age(now) < HOUR);
        let left = |at: &Tick, of: Duration| of.saturating_sub(at.age(now));
        let since_last = recent().next_back().map(|at| left(at, BETWEEN_WAKES));
        let of_hour = recent().rev().nth(WAKES_PER_HOUR - 1).map(|at| left(at, HOUR));
        since_last.into_iter().chain(of_hour).max().unwrap_or_default()
    }

    /// Whether unread lines may wake the session now, and notes that they do.
    pub fn may_wake_for_matches(&mut self, session: &SessionId, now: Tick) -> bool {
        if !self.match_wake_in(session, now).is_zero() {
            return false;
        }
        let book = self.book(session);
        book.match_wakes.retain(|at| at.age(now) < HOUR);
        book.match_wakes.push(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use sisyphus_tasks::delivery::Channel;
    use sisyphus_tasks::matches::{Matches, Watch};
    use sisyphus_tasks::task::samples::confirmed;

    use super::super::News;
    use super::super::{Sent, SentTo};
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn process(pid: i32) -> ProcessRef {
        ProcessRef { pid, start: Some(1), namespace: None }
    }

    fn session() -> SessionId {
        SessionId::new("session-1").unwrap()
    }

    fn watched(id: &str, ticket: u64) -> Task {
        let mut matches = Matches::default();
        matches.begin(Watch { pattern: "x".to_owned(), max: 3, offset: 0, by: process(9) });
        let mut task = confirmed(id, ticket);
        task.matches = Some(Box::new(matches));
        task
    }

    fn find(active: &mut Active, id: usize, line: &str, now: u64) {
        let matches = active.tasks[id].matches.as_mut().unwrap();
        let offset = matches.watch().unwrap().offset;
        let found = Found { lines: vec![line.to_owned()], ..Found::default() };
        assert!(matches.add(offset, offset + 9, found, Tick(now)));
    }

    #[test]
    fn lines_of_several_tasks_are_leased_together() {
        let mut active = Active::default();
        let numbers = ["t1", "t2", "t3"].into_iter().zip(1..);
        numbers.for_each(|(id, ticket)| active.insert(watched(id, ticket)));
        let main = Recipient::MainConversation;
        assert_eq!(active.matches_since(&session(), &main, |_| true), None);
        for (id, line) in ["a", "b", "c"].into_iter().enumerate() {
            find(&mut active, id, line, 7 + id as u64);
        }
        assert_eq!(active.matches_since(&session(), &main, |_| true), Some(Tick(7)));
        let other = SessionId::new("session-2").unwrap();
        assert_eq!(active.lease_matches(&other, &main, &process(1), 9, |_| true), []);
        let leased = active.lease_matches(&session(), &main, &process(1), 2, |_| true);
        let ids: Vec<&str> = leased.iter().map(|it| it.task.id.as_str()).collect();
        assert_eq!(ids, ["t1", "t2"]);
        assert_eq!(active.lease_holders().count(), 2);
        let rest = active.lease_matches(&session(), &main, &process(2), 9, |_| true);
        assert_eq!((rest.len(), rest[0].found.lines.as_slice()), (1, &["c".to_owned()][..]));
    }

    /// At most one wake in 10 s and 20 in an hour; that they are used up is said once.
    #[test]
    fn lines_wake_a_session_only_so_often() {
        let mut active = Active::default();
        let mut wake = |at: u64| active.may_wake_for_matches(&session(), Tick(at * SECOND));
        assert!(wake(100) && !wake(105) && !wake(109) && wake(110));
        let woken = (111..1_000).filter(|at| wake(*at)).count();
        assert_eq!(woken, 18);
        let wait = active.match_wake_in(&session(), Tick(1_000 * SECOND));
        assert_eq!(wait, Duration::from_secs(100 + 3_600 - 1_000));
        let said = |active: &mut Active, at: u64| active.match_wakes(&session(), Tick(at * SECOND));
        assert_eq!(said(&mut active, 1_000), MatchWakes::JustUsedUp);
        assert_eq!(said(&mut active, 1_001), MatchWakes::Left);
        assert_eq!(said(&mut active, 3_701), MatchWakes::Left);
        assert!(active.may_wake_for_matches(&session(), Tick(3_701 * SECOND)));
        assert_eq!(said(&mut active, 3_702), MatchWakes::JustUsedUp);
        // Results have their own.
        assert!(active.may_wake(&session(), Tick(3_702 * SECOND)));
    }

    /// Lines that went out with a prompt count as sent, with the results.
    #[test]
    fn sent_lines_await_the_fate_of_their_prompt() {
        let mut active = Active::default();
        active.insert(watched("t1", 1));
        find(&mut active, 0, "a", 1);
        let main = Recipient::MainConversation;
        active.lease_matches(&session(), &main, &process(1), 9, |_| true);
        let at = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let matches = active.tasks[0].matches.as_mut().unwrap();
        matches.printed(&process(1), Channel::Prompt, at, Some(&process(7)));
        let sent = Sent {
            task: active.tasks[0].id.clone(),
            to: SentTo::MainConversation,
            at,
            with: Channel::Prompt,
            client: Some(process(7)),
            what: News::Lines,
        };
        assert_eq!(active.sent(&session()), [sent]);
    }
}
