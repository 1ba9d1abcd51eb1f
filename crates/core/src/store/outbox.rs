//! Results that are owed to a session, and those that it was just given.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::delivered::Delivered;
use super::file::Format;
use super::tally::Tally;
use crate::id::{ClientTaskId, SessionId, TaskId};
use crate::notify::{AllOver, Ended, Series};
use crate::task::Task;

/// How many deliveries are remembered, to recognise a notice of the client that comes after ours.
const REMEMBERED: usize = 300;

/// How often an idle session is woken within an hour: each time costs a turn of the model, and a command that fails in a
/// loop must not spend them all. What is over waits for the next event.
const WAKES_PER_HOUR: usize = 20;

/// `outbox/SESSION.json`. A session that never had a task has none, so a hook learns that from one failed `open`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outbox {
    #[serde(default)]
    version: Format,
    /// Finished tasks whose result the model has not been given, oldest first.
    #[serde(default)]
    pub owed: Vec<Task>,
    /// Results that somebody is about to print, or died over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    claims: Vec<Claim>,
    /// What went out with a prompt whose fate is not known yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sent: Vec<Sent>,
    /// The newest deliveries.
    #[serde(default)]
    pub delivered: Vec<Delivered>,
    /// What was told since the session last had nothing to wait for.
    #[serde(default, skip_serializing_if = "Tally::is_empty")]
    told: Tally,
    /// When an idle session was woken, the newest times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    wakes: Vec<DateTime<Utc>>,
    /// What ended since the session last had nothing running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    series: Option<Series>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// A process: its number and, where the system tells, its start time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimer {
    pub pid: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// The namespace that the number belongs to, by its inode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<u64>,
}

/// Results on their way to the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Claim {
    by: Claimer,
    tasks: Vec<Task>,
}

/// What a result goes to the model with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// A prompt, which another hook may block: the model then gets neither.
    Prompt,
    /// Something that has happened already.
    Event,
}

/// Results that went out with a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    pub at: DateTime<Utc>,
    pub tasks: Vec<TaskId>,
}

/// A result to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    pub task: Task,
    pub telling: Telling,
}

/// Whether a result may have been told before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    First,
    /// Who was to tell it died over it, before or after.
    MaybeAgain,
}

impl Outbox {
    /// Adds a result, once.
    pub fn owe(&mut self, task: Task) {
        let delivered = self.delivered.iter().any(|delivered| delivered.is_task(&task.id));
        if !delivered && !self.held().any(|held| held.id == task.id) {
            self.owed.push(task);
        }
    }

    /// Gives away what it owes, with the memory of what was told: another conversation of the same client goes on.
    pub(crate) fn hand_over(&mut self) -> Self {
        let given = self.clone();
        self.claims.clear();
        self.owed.clear();
        given
    }

    /// Takes over what another conversation gave away: the client's notices of that come here now.
    pub(crate) fn take_over(&mut self, mut from: Self, to: &SessionId) {
        from.held_mut().for_each(|task| task.hand_over(to));
        for mut claim in from.claims {
            claim.tasks.retain(|task| !self.held().any(|held| held.id == task.id));
            self.claims.push(claim);
        }
        from.owed.into_iter().for_each(|task| self.owe(task));
        self.delivered.extend(from.delivered);
        self.forget_oldest();
    }

    /// Takes results that are `meant` and that the client itself called background tasks, for `claimer` to print: the
    /// oldest ones, at most `at_most`, so that each gets a word of its own; the rest stays owed. They stay claimed until
    /// [`confirm`](Self::confirm)ed; what a claimer left that died is offered again.
    pub fn claim(
        &mut self,
        claimer: &Claimer,
        at_most: usize,
        meant: impl Fn(&Task) -> bool,
        is_alive: impl Fn(&Claimer) -> bool,
    ) -> Vec<Delivery> {
        let mut left = at_most;
        let mut is_ready = |task: &mut Task| {
            let taken = left > 0 && task.is_bound() && meant(task);
            left -= usize::from(taken);
            taken
        };
        let mut ready: Vec<Delivery> = Vec::new();
        for claim in self.claims.iter_mut().filter(|claim| !is_alive(&claim.by)) {
            let again = claim.tasks.extract_if(.., &mut is_ready);
            ready.extend(again.map(|task| Delivery { task, telling: Telling::MaybeAgain }));
        }
        self.claims.retain(|claim| !claim.tasks.is_empty());
        let owed = self.owed.extract_if(.., &mut is_ready);
        for task in owed {
            self.told.add(task.status.word());
            ready.push(Delivery { task, telling: Telling::First });
        }
        if !ready.is_empty() {
            let tasks = ready.iter().map(|delivery| delivery.task.clone()).collect();
            self.claims.push(Claim { by: claimer.clone(), tasks });
        }
        ready
    }

    /// What `claimer` has claimed was printed.
    pub fn confirm(&mut self, claimer: &Claimer, carrier: Carrier, now: DateTime<Utc>) {
        let printed: Vec<Claim> =
            self.claims.extract_if(.., |claim| &claim.by == claimer).collect();
        let tasks = || printed.iter().flat_map(|claim| &claim.tasks);
        tasks().for_each(|task| self.remember(task, now));
        if carrier == Carrier::Prompt && !printed.is_empty() {
            let tasks = tasks().map(|task| task.id.clone()).collect();
            self.sent.push(Sent { at: now, tasks });
        }
    }

    /// What went out with prompts whose fate is not known yet.
    pub fn sent(&self) -> &[Sent] {
        &self.sent
    }

    /// The fate of the prompts until `until` is known: these results went out with one that was blocked, and are owed
    /// again.
    pub fn learn_fates(&mut self, until: DateTime<Utc>, blocked: Vec<Task>) {
        self.sent.retain(|sent| sent.at > until);
        for task in blocked {
            self.delivered.retain(|delivered| !delivered.is_task(&task.id));
            self.told.take_back(task.status.word());
            self.owe(task);
        }
    }

    /// The result was read in another way: it is owed no more.
    pub fn settle(&mut self, id: &TaskId, now: DateTime<Utc>) {
        let read: Vec<Task> = self.owed.extract_if(.., |task| &task.id == id).collect();
        for task in &read {
            self.told.add(task.status.word());
            self.remember(task, now);
        }
    }

    /// What was told since this was last asked: for when a session has nothing left to wait for.
    pub fn sum_up(&mut self) -> Tally {
        std::mem::take(&mut self.told)
    }

    /// Notes that the session is woken now, unless that was done too often within the last hour.
    pub fn may_wake(&mut self, now: DateTime<Utc>) -> bool {
        self.wakes.retain(|at| now - *at < chrono::Duration::hours(1));
        let may = self.wakes.len() < WAKES_PER_HOUR;
        if may {
            self.wakes.push(now);
        }
        may
    }

    /// Notes for people each end of what the client itself called a background task, once, and counts it.
    pub(super) fn note_for_people(&mut self, now: DateTime<Utc>) -> Vec<Ended> {
        let mut noted = Vec::new();
        let mut series = self.series.take();
        for task in self.held_mut() {
            if !task.is_bound() || !task.status.is_final() || task.noted_for_people_at.is_some() {
                continue;
            }
            task.noted_for_people_at = Some(now);
            if let Some(ended) = Ended::of(task, now) {
                Series::count(&mut series, task, &ended);
                noted.push(ended);
            }
        }
        self.series = series;
        noted
    }

    /// Nothing runs in its session any more.
    pub(super) fn all_over(&mut self, session: &SessionId, now: DateTime<Utc>) -> Option<AllOver> {
        let series = self.series.take()?;
        Some(AllOver { session: session.clone(), series, at: now })
    }

    /// The session ends: what runs in it is stopped, and nobody waits for a sum.
    pub fn forget_series(&mut self) {
        self.series = None;
    }

    /// Every result that is not known to have been delivered.
    pub fn held(&self) -> impl Iterator<Item = &Task> {
        self.claims.iter().flat_map(|claim| &claim.tasks).chain(&self.owed)
    }

    /// Like [`held`](Self::held), to be changed in place.
    pub fn held_mut(&mut self) -> impl Iterator<Item = &mut Task> {
        self.claims.iter_mut().flat_map(|claim| &mut claim.tasks).chain(&mut self.owed)
    }

    /// Notes that a result needs no delivery any more.
    pub fn remember(&mut self, task: &Task, now: DateTime<Utc>) {
        self.delivered.push(Delivered::new(&task.id, task.client_id(), now));
        self.forget_oldest();
    }

    fn forget_oldest(&mut self) {
        let overflow = self.delivered.len().saturating_sub(REMEMBERED);
        self.delivered.drain(..overflow);
    }

    /// Whether the client's task was delivered already, or is being delivered by somebody who lives.
    pub fn has_told(&self, client_id: &ClientTaskId, is_alive: impl Fn(&Claimer) -> bool) -> bool {
        let is_it = |id: Option<&ClientTaskId>| id == Some(client_id);
        self.delivered.iter().any(|delivered| delivered.is_client_task(client_id))
            || self.claims.iter().any(|claim| {
                is_alive(&claim.by) && claim.tasks.iter().any(|task| is_it(task.client_id()))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::tests::pending;
    use crate::task::{Client, Witness};

    fn bound(id: &str, said_by: Witness) -> Task {
        let mut task = pending(id, 1);
        task.client = Some(Client::new(ClientTaskId::new(format!("b{id}")).unwrap(), said_by));
        task
    }

    fn claimer(pid: i32) -> Claimer {
        Claimer { pid, start: None, namespace: None }
    }

    fn claim(outbox: &mut Outbox, pid: i32, alive: i32) -> Vec<Telling> {
        let claimed = outbox.claim(&claimer(pid), 3, |_| true, |other| other.pid == alive);
        claimed.into_iter().map(|delivery| delivery.telling).collect()
    }

    #[test]
    fn a_result_is_delivered_once_however_often_it_is_owed() {
        let mut outbox = Outbox::default();
        outbox.owe(bound("t1", Witness::Client));
        outbox.owe(bound("t1", Witness::Client));
        assert_eq!(claim(&mut outbox, 1, 1), [Telling::First]);
        outbox.owe(bound("t1", Witness::Client));
        assert_eq!(claim(&mut outbox, 2, 1), []);
        outbox.confirm(&claimer(1), Carrier::Event, Utc::now());
        outbox.owe(bound("t1", Witness::Client));
        assert_eq!(claim(&mut outbox, 3, 0), []);
        assert!(outbox.has_told(&ClientTaskId::new("bt1").unwrap(), |_| false));
    }

    #[test]
    fn the_oldest_go_first_and_the_rest_stays_owed() {
        let mut outbox = Outbox::default();
        (0..5).for_each(|number| outbox.owe(bound(&format!("t{number}"), Witness::Client)));
        assert_eq!(claim(&mut outbox, 1, 1).len(), 3);
        let rest: Vec<&str> = outbox.owed.iter().map(|task| task.id.as_str()).collect();
        assert_eq!(rest, ["t3", "t4"]);
        // What its claimer left goes before what waits behind it.
        assert_eq!(
            claim(&mut outbox, 2, 2),
            [Telling::MaybeAgain, Telling::MaybeAgain, Telling::MaybeAgain]
        );
        outbox.confirm(&claimer(2), Carrier::Event, Utc::now());
        assert_eq!(claim(&mut outbox, 3, 3), [Telling::First, Telling::First]);
    }

    #[test]
    fn what_a_claimer_died_over_is_offered_again_and_marked() {
        let mut outbox = Outbox::default();
        let id = ClientTaskId::new("bt1").unwrap();
        outbox.owe(bound("t1", Witness::Client));
        assert_eq!(claim(&mut outbox, 1, 1), [Telling::First]);
        assert!(outbox.has_told(&id, |_| true));
        assert!(!outbox.has_told(&id, |_| false));
        assert_eq!(claim(&mut outbox, 2, 2), [Telling::MaybeAgain]);
        outbox.confirm(&claimer(2), Carrier::Event, Utc::now());
        assert_eq!(claim(&mut outbox, 3, 3), []);
    }

    #[test]
    fn what_the_client_did_not_confirm_stays() {
        let mut outbox = Outbox::default();
        outbox.owe(bound("t1", Witness::Runner));
        assert_eq!(claim(&mut outbox, 1, 1), []);
        assert_eq!(outbox.owed.len(), 1);
    }

    #[test]
    fn what_went_out_with_a_blocked_prompt_is_offered_again_once() {
        let mut outbox = Outbox::default();
        let (blocked, taken) = (bound("t1", Witness::Client), bound("t2", Witness::Client));
        let now = Utc::now();
        for (pid, task) in [(1, &blocked), (2, &taken)] {
            outbox.owe(task.clone());
            assert_eq!(claim(&mut outbox, pid, pid), [Telling::First]);
            outbox.confirm(&claimer(pid), Carrier::Prompt, now);
        }
        outbox.learn_fates(now - chrono::Duration::seconds(1), Vec::new());
        assert_eq!(outbox.sent().len(), 2);
        outbox.learn_fates(now, vec![blocked.clone()]);
        assert!(outbox.sent().is_empty());
        assert_eq!(outbox.held().collect::<Vec<_>>(), [&blocked]);
        assert!(!outbox.has_told(blocked.client_id().unwrap(), |_| false));
        assert!(outbox.has_told(taken.client_id().unwrap(), |_| false));
        assert_eq!(claim(&mut outbox, 3, 3), [Telling::First]);
        assert_eq!(outbox.sum_up().total(), 2);
    }

    #[test]
    fn what_was_told_is_summed_up_once() {
        let mut outbox = Outbox::default();
        outbox.owe(bound("t1", Witness::Client));
        assert_eq!(claim(&mut outbox, 1, 1).len(), 1);
        // The same result again is no second one.
        assert_eq!(claim(&mut outbox, 2, 2), [Telling::MaybeAgain]);
        assert_eq!(outbox.sum_up().total(), 1);
        assert_eq!(outbox.sum_up().total(), 0);
    }

    #[test]
    fn a_session_is_woken_twenty_times_an_hour_at_most() {
        let mut outbox = Outbox::default();
        let at = |minute: i64| DateTime::from_timestamp(1_800_000_000 + minute * 60, 0).unwrap();
        let woken = (0..30).filter(|minute| outbox.may_wake(at(*minute))).count();
        assert_eq!(woken, 20);
        assert!(outbox.may_wake(at(61)));
    }

    #[test]
    fn the_memory_of_deliveries_is_bounded() {
        let mut outbox = Outbox::default();
        for number in 0..350 {
            outbox.remember(&bound(&format!("t{number}"), Witness::Client), Utc::now());
        }
        assert_eq!(outbox.delivered.len(), REMEMBERED);
        assert!(outbox.has_told(&ClientTaskId::new("bt349").unwrap(), |_| false));
    }
}
