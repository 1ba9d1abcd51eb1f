//! Takes the notes and shows them, in one process at a time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::Utc;
use sisyphus_base::hook_log;
use sisyphus_base::id::SessionId;
use sisyphus_state::notify::{COALESCE_WINDOW, Line, Notes};
use sisyphus_state::store::{LOCK_WAIT_IN_RUNNER, Lock, Store};

use crate::compose::{Message, compose};
use crate::desktop::{Desktop, Shown};
use crate::due::{self, Batch, Next};
use crate::places::Places;
use crate::programs::Programs;
use crate::standing::Standing;

/// The longest pause: a note may arrive that is due at once.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Shows all notes, and those that arrive within two seconds. Returns at once if another notifier runs.
pub(crate) fn serve(store: &Store, places: &mut Places, programs: &mut Programs) -> Result<()> {
    let mut desktop = Desktop::default();
    // A process that adds a note starts no notifier while the lock is held. So the notifier checks again after
    // releasing it.
    while store.dir().notify().exists() {
        let Some(_only) = Lock::take_free(&store.dir().notify_lock())? else { return Ok(()) };
        tell_all(store, places, &mut desktop, programs)?;
    }
    Ok(())
}

/// The last notification: notes that arrive before `until` are added to it.
struct Told {
    until: Instant,
    batch: Batch,
    shown: Shown,
}

fn tell_all(
    store: &Store,
    places: &mut Places,
    desktop: &mut Desktop,
    programs: &mut Programs,
) -> Result<()> {
    let mut told: Option<Told> = None;
    loop {
        let mut notes = store.read_notes()?;
        // They start before a desktop that does not answer costs seconds.
        programs.serve(store, &notes, places)?;
        let now = Utc::now();
        if due::drop_unwanted(&mut notes, now, places) > 0 {
            let dropping = |notes: &mut Notes| due::drop_unwanted(notes, now, places);
            store.take_notes(LOCK_WAIT_IN_RUNNER, dropping)?;
            continue;
        }
        let next = due::next(&notes, now);
        let open = told.as_ref().and_then(|it| it.until.checked_duration_since(Instant::now()));
        match (next, open.filter(|left| !left.is_zero())) {
            (_, Some(left)) => pause(left),
            (Next::Nothing, None) if !programs.are_done(&notes) => pause(LOOK_AGAIN),
            (Next::Nothing, None) => {
                // An empty notes file is removed.
                store.take_notes(LOCK_WAIT_IN_RUNNER, |notes| programs.forget_unwanted(notes))?;
                return Ok(());
            }
            (Next::Wait(left), None) if told.is_none() => pause(left),
            (Next::Take | Next::Wait(_), None) => {
                let taken = store.take_notes(LOCK_WAIT_IN_RUNNER, |notes| {
                    due::take(notes, Utc::now(), places)
                })?;
                let before = told.take();
                if !taken.is_empty() {
                    told = tell(store, places, desktop, taken, before)?;
                }
            }
        }
    }
}

/// Shows a batch. If there is a notification from just before, this one replaces it and includes its text. After that
/// nothing more is added. A summary replaces all that stands there of its session, and includes it.
fn tell(
    store: &Store,
    places: &mut Places,
    desktop: &mut Desktop,
    taken: Batch,
    before: Option<Told>,
) -> Result<Option<Told>> {
    let is_first = before.is_none();
    let (mut batch, mut place) =
        before.map_or((Batch::default(), None), |it| (it.batch, Some(it.shown)));
    let news = taken.clone();
    batch.add(taken);
    let session = batch.only_session().cloned();
    let server = desktop.server().ok().flatten();
    let mut standing = Standing::read(store.dir(), server, Utc::now());
    let mut buried = Vec::new();
    if let Some(session) = session.as_ref().filter(|_| !batch.over.is_empty())
        && let Some(earlier) = standing.take(session)
    {
        buried = earlier.shown;
        place = place.or_else(|| buried.last().copied());
        batch.begin_with(earlier.ended);
    }
    let Ok(shown) = desktop.show(&compose(&batch, places, store.dir()), place) else {
        return leave_for_terminal(store, places, news).map(|()| None);
    };
    buried.retain(|it| *it != shown);
    if let Some(session) = session.filter(|_| batch.over.is_empty()) {
        standing.add(session, shown, news.ended);
    }
    let kept = desktop.close(&buried).and_then(|()| standing.write(store.dir()));
    if let Err(error) = kept {
        hook_log::append(store.dir(), "notify", &format!("{error:#}"));
    }
    let until = Instant::now() + COALESCE_WINDOW;
    Ok(is_first.then_some(Told { until, batch, shown }))
}

/// There is no desktop: the next hook of each session notifies in its terminal.
fn leave_for_terminal(store: &Store, places: &mut Places, batch: Batch) -> Result<()> {
    let mut by_session: BTreeMap<SessionId, Batch> = BTreeMap::new();
    for ended in batch.ended {
        by_session.entry(ended.session.clone()).or_default().ended.push(ended);
    }
    for over in batch.over {
        by_session.entry(over.session.clone()).or_default().over.push(over);
    }
    let now = Utc::now();
    let line = |(session, batch)| {
        let Message { title, body, verdict: _ } = compose(&batch, places, store.dir());
        Line { session, title, body, at: now }
    };
    let lines = by_session.into_iter().map(line).collect();
    store.leave_for_terminal(LOCK_WAIT_IN_RUNNER, lines, now)
}

fn pause(left: Duration) {
    #[expect(clippy::disallowed_methods, reason = "no event reports that a file was replaced")]
    std::thread::sleep(left.min(LOOK_AGAIN));
}
