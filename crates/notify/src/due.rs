//! When a notification is due. Pure.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sisyphus_base::id::SessionId;
use sisyphus_settings::Switch;
use sisyphus_state::notify::{
    COALESCE_WINDOW, Ended, Notes, SURE, SessionSummary, Urgency, is_old,
};

use crate::places::Places;

/// The next step of the notifier.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Nothing,
    /// There is something to show later.
    Wait(Duration),
    Take,
}

/// Results and summaries that share one notification.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    pub(crate) ended: Vec<Ended>,
    pub(crate) over: Vec<SessionSummary>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.ended.is_empty() && self.over.is_empty()
    }

    /// Puts earlier ends before these, each once.
    pub(crate) fn begin_with(&mut self, earlier: Vec<Ended>) {
        let is_new = |it: &Ended| !self.ended.iter().any(|known| known.task == it.task);
        let earlier: Vec<Ended> = earlier.into_iter().filter(is_new).collect();
        self.ended.splice(..0, earlier);
    }

    /// The session that all of it is of.
    pub(crate) fn only_session(&self) -> Option<&SessionId> {
        let ended = self.ended.iter().map(|it| &it.session);
        let mut all = ended.chain(self.over.iter().map(|it| &it.session));
        let first = all.next()?;
        all.all(|it| it == first).then_some(first)
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.ended.extend(more.ended);
        self.over.extend(more.over);
    }
}

/// Determines the next step for these notes.
pub(crate) fn next(notes: &Notes, now: DateTime<Utc>) -> Next {
    let mut left: Vec<TimeDelta> = notes.ended.iter().map(|it| left_of_end(it, now)).collect();
    left.extend(notes.over.iter().filter_map(|it| left_of_sum(it, notes, now)));
    match left.into_iter().min().map(|left| left.to_std()) {
        None => Next::Nothing,
        Some(Ok(left)) if !left.is_zero() => Next::Wait(left),
        Some(Ok(_) | Err(_)) => Next::Take,
    }
}

/// Drops notes that the user does not want: they must not make other notes due early. Returns how many.
pub(crate) fn drop_unwanted(notes: &mut Notes, now: DateTime<Utc>, places: &mut Places) -> usize {
    let before = notes.ended.len() + notes.over.len();
    notes.ended.retain(|it| {
        is_wanted(&it.cwd, it.at, now, places, |least_ms| it.is_worth_telling(least_ms))
    });
    notes.over.retain(|it| {
        is_wanted(&it.series.cwd, it.at, now, places, |least_ms| it.is_worth_telling(least_ms))
    });
    before - notes.ended.len() - notes.over.len()
}

/// Takes the notes that are due, and those that can be shown with them.
pub(crate) fn take(notes: &mut Notes, now: DateTime<Utc>, places: &mut Places) -> Batch {
    drop_unwanted(notes, now, places);
    let is_sure = |it: &Ended| {
        it.urgency() != Urgency::Deferred || left_since(it.at, SURE, now) <= TimeDelta::zero()
    };
    let (over, unsure): (Vec<SessionSummary>, Vec<SessionSummary>) =
        std::mem::take(&mut notes.over)
            .into_iter()
            .partition(|it| left_of_sum(it, notes, now).is_some());
    notes.over = unsure;
    Batch { ended: notes.ended.extract_if(.., |it| is_sure(it)).collect(), over }
}

fn is_wanted(
    cwd: &Path,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
    places: &mut Places,
    is_worth_telling: impl FnOnce(u64) -> bool,
) -> bool {
    let settings = &places.of(cwd).settings;
    !is_old(at, now)
        && settings.notifications == Switch::On
        && is_worth_telling(settings.notify_min_ms)
}

fn left_of_end(ended: &Ended, now: DateTime<Utc>) -> TimeDelta {
    match ended.urgency() {
        Urgency::AtOnce => TimeDelta::zero(),
        Urgency::Soon => left_since(ended.at, together(), now),
        Urgency::Deferred => left_since(ended.at, SURE, now),
    }
}

/// A summary waits until all results of its session are certain. `None` as long as one is not.
fn left_of_sum(sum: &SessionSummary, notes: &Notes, now: DateTime<Utc>) -> Option<TimeDelta> {
    let is_unsure = |it: &Ended| {
        it.session == sum.session
            && it.urgency() == Urgency::Deferred
            && left_since(it.at, SURE, now) > TimeDelta::zero()
    };
    (!notes.ended.iter().any(is_unsure)).then(|| left_since(sum.at, together(), now))
}

/// A note from the future comes from before the clock was set back.
fn left_since(at: DateTime<Utc>, wait: TimeDelta, now: DateTime<Utc>) -> TimeDelta {
    if at > now { TimeDelta::zero() } else { wait - (now - at) }
}

fn together() -> TimeDelta {
    TimeDelta::from_std(COALESCE_WINDOW).unwrap_or_default()
}
