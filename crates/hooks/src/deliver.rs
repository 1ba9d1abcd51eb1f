//! Delivers to the model the results that are owed to it. The commit decides what to deliver, and that is pure. The
//! text is written afterwards, because that reads outputs.

use std::time::Duration;

use sisyphus_base::clock::{Now, Tick};
use sisyphus_base::environment::Environment;
use sisyphus_base::id::SessionId;
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_hook::{Context, Receipt, Reply};
use sisyphus_process::{is_alive, this_process};
use sisyphus_state::store::{Active, Leased, LeasedMatches, MatchWakes, Tally};
use sisyphus_tasks::task::{Kind, Task};
use sisyphus_wording::{
    Background, MATCHES_AT_ONCE, MATCHES_LEAST, MATCHES_MOST, REMINDER_MAX, Rest, TOLD_AT_ONCE,
    ends_on_screen, matches_said, reminder,
};

pub(crate) use sisyphus_tasks::recipient::Recipient;

/// How long Claude Code has to announce a result before a hook delivers it.
pub(crate) const GRACE: Duration = Duration::from_secs(3);

/// A reader of results, and the process that prints for it.
pub(crate) struct Reader<'a> {
    pub(crate) session: &'a SessionId,
    pub(crate) recipient: Recipient,
    /// The holders of leases that were dead before the commit. A holder posts its acknowledgement and exits, without
    /// the lock. So a holder that dies during the commit may have acknowledged after the commit read the inbox.
    dead: Vec<ProcessRef>,
    /// How long Claude Code has to announce a result to the main conversation.
    grace: Duration,
}

impl<'a> Reader<'a> {
    /// `active` is what the hook peeked at.
    pub(crate) fn new(session: &'a SessionId, recipient: Recipient, active: &Active) -> Self {
        let dead = active.lease_holders().filter(|holder| !is_alive(holder)).cloned().collect();
        Self { session, recipient, dead, grace: GRACE }
    }

    /// In the middle of a turn. A Claude Code that announces nothing to a hook there has no time to do so: a notice that
    /// still comes after the turn is blocked (CC-44).
    #[must_use]
    pub(crate) fn in_a_turn(self, environment: &Environment) -> Self {
        let is_silent = environment.client_version.is_some_and(|it| !it.announces_in_a_turn());
        Self { grace: if is_silent { Duration::ZERO } else { self.grace }, ..self }
    }

    /// Whether the holder of a lease may still print.
    pub(crate) fn may_print(&self, holder: &ProcessRef) -> bool {
        !self.dead.contains(holder)
    }

    /// Whether a result is owed to it, or lines of a running task are unread.
    pub(crate) fn is_owed(&self, active: &Active) -> bool {
        active.owes(self.session, &self.recipient) || self.has_matches(active)
    }

    /// Whether lines of a running task wait for it.
    pub(crate) fn has_matches(&self, active: &Active) -> bool {
        let may_print = |holder: &ProcessRef| self.may_print(holder);
        active.matches_since(self.session, &self.recipient, may_print).is_some()
    }

    /// Whether a hook has to deliver a result to it. Claude Code's notices to a subagent trigger no prompt hook. To the
    /// main conversation Claude Code usually announces a result itself, so only one that it did not announce in time is
    /// due.
    pub(crate) fn is_due(&self, active: &Active, now: Tick) -> bool {
        let since = active.owed_since(self.session, &self.recipient);
        since.is_some_and(|since| match self.recipient {
            Recipient::Agent(_) | Recipient::UnknownAgent => true,
            Recipient::MainConversation => since.age(now) >= self.grace,
        })
    }

    /// Leases everything that is ready.
    pub(crate) fn take(&self, active: &mut Active, now: Now) -> Taken {
        let (session, to, by) = (self.session, &self.recipient, &this_process());
        let leased =
            active.lease(session, to, by, TOLD_AT_ONCE, |holder| self.may_print(holder), now.tick);
        let is_live = |task: &&Task| {
            let is_command = task.kind != Kind::Agent;
            &task.session == session && is_command && task.is_confirmed() && task.is_for(to)
        };
        let live = active.live().filter(is_live).count();
        let owed = active.count_owed(session, to);
        let is_all =
            !leased.is_empty() && live == 0 && owed == 0 && to == &Recipient::MainConversation;
        let has_delegated = active.has_delegated(session);
        let background = if has_delegated { Background::Tasks } else { Background::Commands };
        let sum = if is_all { active.take_summary(session) } else { Tally::default() };
        let may_print = |holder: &ProcessRef| self.may_print(holder);
        let matches = active.lease_matches(session, to, by, MATCHES_AT_ONCE, may_print);
        let wakes = if matches.is_empty() {
            MatchWakes::Left
        } else {
            active.match_wakes(session, now.tick)
        };
        let to = to.clone();
        Taken { to, leased, rest: Rest { background, live, owed, sum }, matches, wakes }
    }

    /// Leases everything that is ready if one result is due, or lines of a running task are there. What Claude Code
    /// announces later is blocked.
    pub(crate) fn take_due(&self, active: &mut Active, now: Now) -> Taken {
        if self.is_due(active, now.tick) || self.has_matches(active) {
            self.take(active, now)
        } else {
            Taken::default()
        }
    }

    /// Like [`take_due`](Self::take_due), where the text continues a conversation that has ended its turn. Lines alone do
    /// that no more often than they wake an idle session.
    pub(crate) fn take_at_end_of_turn(&self, active: &mut Active, now: Now) -> Taken {
        let is_due = self.is_due(active, now.tick);
        if is_due
            || (self.has_matches(active) && active.may_wake_for_matches(self.session, now.tick))
        {
            self.take(active, now)
        } else {
            Taken::default()
        }
    }
}

/// What was leased for one delivery, and what was running at that time.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    to: Recipient,
    pub(crate) leased: Vec<Leased>,
    rest: Rest,
    /// Lines of running tasks.
    matches: Vec<LeasedMatches>,
    wakes: MatchWakes,
}

impl Taken {
    pub(crate) fn is_empty(&self) -> bool {
        self.leased.is_empty() && self.matches.is_empty()
    }

    /// How the tasks ended, as the user reads it.
    pub(crate) fn on_screen(&self) -> Option<String> {
        ends_on_screen(self.leased.iter().map(|it| &it.task))
    }

    /// Renders it as a reply. The lines of a task come before its result.
    pub(crate) fn render(self, context: &Context) -> Reply {
        if self.is_empty() {
            return Reply::Silent;
        }
        let lines = context.settings().output_lines;
        let printed = |leased: &Leased| (leased.task.id.clone(), leased.task.revision());
        let results = self.leased.iter().map(printed).collect();
        let reminder = reminder(&self.leased, &self.rest, context.store.dir(), lines);
        let taken = reminder.as_ref().map_or(0, |it| it.encode_utf16().count());
        let room = (REMINDER_MAX + MATCHES_LEAST).saturating_sub(taken).min(MATCHES_MOST);
        let matches = matches_said(&self.matches, self.wakes, room);
        let text = match (matches, reminder) {
            (None, None) => return Reply::Silent,
            (Some(text), None) | (None, Some(text)) => text,
            (Some(matches), Some(results)) => format!("{matches}\n{results}"),
        };
        let receipt = Receipt { by: this_process(), to: self.to, results };
        Reply::Results { reminder: text, receipt }
    }
}

// On Windows no process is known to be gone.
#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use sisyphus_process::{ProcessId, pid_of};
    use sisyphus_tasks::delivery::DeliveryEvent;
    use sisyphus_tasks::outcome::Outcome;
    use sisyphus_tasks::task::samples::finished;

    use super::*;

    /// I2: the holder of a lease acknowledges and exits while another hook commits, after that commit read the inbox.
    #[test]
    fn a_holder_that_dies_during_a_commit_keeps_its_lease() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = ProcessId::now(pid_of(&child)).unwrap();
        let by = ProcessRef { pid: process.pid, start: process.start, ..this_process() };
        let mut task = finished("t1", Outcome::Completed);
        task.deliver(DeliveryEvent::Leased { by }, Tick(1));
        let session = task.session.clone();
        let mut active = Active::default();
        active.insert(task);
        let reader = |active: &Active| Reader::new(&session, Recipient::MainConversation, active);
        let before = reader(&active);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(before.take(&mut active, Now::read()).leased.len(), 0);
        let after = reader(&active);
        assert_eq!(after.take(&mut active, Now::read()).leased.len(), 1);
    }
}
