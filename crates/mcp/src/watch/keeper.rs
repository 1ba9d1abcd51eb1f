//! Keeps the watches of this server: a thread that searches the outputs of watched tasks and records what matches.
//!
//! The records say what is watched and how far it was searched, so a server that is started again goes on where the other
//! one stopped. Without a watch there is no thread.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sisyphus_base::environment::Environment;
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_base::paths::client_tmp_dir;
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_control::{open_store, ring_waiter, up_to_date, watch_runner, world};
use sisyphus_process::{Watchers, client, is_gone, this_process};
use sisyphus_state::store::{Active, LOCK_WAIT_IN_RUNNER, Store};
use sisyphus_tasks::delivery::Delivery;
use sisyphus_tasks::task::Task;

use super::search::Search;
use crate::warn::warn;

/// How often outputs are looked at. A look without news costs an `fstat` each, and one `stat` of the state.
const LOOK: Duration = Duration::from_secs(1);
/// How much longer each pause is than the one before it, while all outputs are silent, and how long it gets.
const LONGER: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(4);
/// Shortest time between two commits for matches. Lines wake a session more seldom than that anyway.
const BETWEEN_COMMITS: Duration = Duration::from_secs(2);

/// The watches of this server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keeper {
    /// Rings for the thread, if it runs.
    bell: Arc<Mutex<Option<Sender<()>>>>,
}

impl Keeper {
    /// Goes on with the watches of a server that served the same conversation before.
    pub(crate) fn resume(&self, session: Option<SessionId>) {
        let keeper = self.clone();
        // The client waits for the first answer of the server, and this may wait for a lock.
        std::thread::spawn(move || match adopt(session.as_ref()) {
            Ok(Adopted::Nothing) => {}
            Ok(Adopted::Watches) => keeper.look(),
            Err(error) => warn(&error),
        });
    }

    /// Has the thread look at the records, and starts it if there is none.
    pub(crate) fn look(&self) {
        let mut bell = self.bell.lock().unwrap_or_else(PoisonError::into_inner);
        if bell.as_ref().is_some_and(|bell| bell.send(()).is_ok()) {
            return;
        }
        let (ringer, heard) = channel();
        *bell = Some(ringer.clone());
        let keeper = self.clone();
        std::thread::spawn(move || keeper.keep(&heard, ringer));
    }

    /// Searches until no watch is left.
    fn keep(&self, heard: &Receiver<()>, ringer: Sender<()>) {
        let mut thread = match Thread::new(ringer) {
            Ok(thread) => thread,
            Err(error) => return warn(&error),
        };
        let mut rung = Rung::Time;
        let mut pause = LOOK;
        loop {
            match thread.turn(rung) {
                Ok(Heard::Silence) if rung == Rung::Time => pause = (pause + LONGER).min(LONGEST),
                Ok(_) => pause = LOOK,
                Err(error) => thread.warn_once(&error),
            }
            if thread.searches.is_empty() {
                // A watch that begins now starts another thread, or has rung already.
                let mut bell = self.bell.lock().unwrap_or_else(PoisonError::into_inner);
                if heard.try_recv().is_err() {
                    *bell = None;
                    return;
                }
            }
            rung = match heard.recv_timeout(pause) {
                Ok(()) => Rung::Bell,
                Err(RecvTimeoutError::Timeout) => Rung::Time,
                Err(RecvTimeoutError::Disconnected) => return,
            };
        }
    }
}

/// Whether there are watches that another server has left.
enum Adopted {
    Nothing,
    Watches,
}

/// Takes over the watches of a server that is gone: of tasks of this Claude Code, and of this session.
fn adopt(session: Option<&SessionId>) -> Result<Adopted> {
    let store = open_store()?;
    let (client, own) = (client(), this_process());
    let is_left = |task: &Task| {
        let watch = task.matches.as_ref().and_then(|matches| matches.watch());
        let starter = task.client.as_ref().and_then(|it| it.process.as_ref());
        let is_ours =
            Some(&task.session) == session || (starter.is_some() && starter == client.as_ref());
        is_ours && watch.is_some_and(|watch| is_gone(&watch.by))
    };
    if !store.read_active()?.tasks.iter().any(is_left) {
        return Ok(Adopted::Nothing);
    }
    let tmp = client_tmp_dir(&Environment::read());
    store.update(&world(&tmp), LOCK_WAIT_IN_RUNNER, |active, _| {
        for task in active.tasks.iter_mut().filter(|task| is_left(task)) {
            task.matches.iter_mut().for_each(|it| it.adopt(own.clone()));
        }
    })?;
    Ok(Adopted::Watches)
}

/// What ended a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rung {
    Time,
    /// A watch began or ended, or a runner has ended.
    Bell,
}

/// Whether an output has grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Silence,
    Output,
}

/// What the thread knows.
struct Thread {
    store: Store,
    own: ProcessRef,
    /// The runners of watched tasks.
    runners: Watchers,
    searches: BTreeMap<TaskId, Search>,
    /// The records that the searches were made from.
    seen: Option<Arc<Active>>,
    committed: Option<Instant>,
    /// A lasting problem is reported once.
    has_warned: bool,
}

impl Thread {
    fn new(ringer: Sender<()>) -> Result<Self> {
        let runners = Watchers::new(move || {
            let _ = ringer.send(());
        });
        Ok(Self {
            store: open_store()?,
            own: this_process(),
            runners,
            searches: BTreeMap::new(),
            seen: None,
            committed: None,
            has_warned: false,
        })
    }

    fn warn_once(&mut self, error: &anyhow::Error) {
        if !self.has_warned {
            warn(error);
        }
        self.has_warned = true;
    }

    /// Looks at the records and at the outputs once.
    fn turn(&mut self, rung: Rung) -> Result<Heard> {
        let tmp = client_tmp_dir(&Environment::read());
        if rung == Rung::Bell {
            // The runner may have been killed, and then another process has to record that.
            up_to_date(&self.store, &world(&tmp), LOCK_WAIT_IN_RUNNER, warn)?;
        }
        let active = self.store.read_active()?;
        if self.seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, &active)) {
            self.take_up(&active);
            self.seen = Some(active);
        }
        let mut heard = Heard::Silence;
        for search in self.searches.values_mut() {
            let before = search.position();
            search.look(self.store.dir(), &tmp)?;
            if search.position() != before || search.has_found() {
                heard = Heard::Output;
            }
        }
        let is_early = self.committed.is_some_and(|at| at.elapsed() < BETWEEN_COMMITS);
        let is_over = |search: &Search| search.task.status().is_final();
        let has_news = self.searches.values().any(|search| is_over(search) || search.has_found());
        if has_news && (!is_early || self.searches.values().any(is_over)) {
            self.commit(&tmp)?;
        }
        Ok(heard)
    }

    /// Begins and ends searches as the records say.
    fn take_up(&mut self, active: &Active) {
        let mut watched = BTreeMap::new();
        for task in &active.tasks {
            let watch = task.matches.as_ref().and_then(|matches| matches.watch());
            let Some(watch) = watch.filter(|watch| watch.by == self.own) else { continue };
            let before = self.searches.remove(&task.id).filter(|search| search.is_of(watch));
            let search = match before {
                Some(search) => search.with_task(task),
                None => match Search::new(task, watch) {
                    Ok(search) => search,
                    Err(error) => {
                        self.warn_once(&error);
                        continue;
                    }
                },
            };
            watch_runner(&self.runners, task, self.store.dir());
            watched.insert(task.id.clone(), search);
        }
        self.searches = watched;
    }

    /// Records what was found, ends the watches of tasks that are over, and rings for the waiters.
    fn commit(&mut self, tmp: &std::path::Path) -> Result<()> {
        let searches = &self.searches;
        let added = self.store.update(&world(tmp), LOCK_WAIT_IN_RUNNER, |active, now| {
            let mut added = Vec::new();
            for (id, search) in searches {
                let Some(task) = active.task_mut(id) else { continue };
                // A result closes the watch: lines after it would seem to be news.
                let is_open = matches!(task.delivery(), Delivery::NotDue | Delivery::Owed { .. });
                let is_over = task.status().is_final();
                let Some(matches) = &mut task.matches else { continue };
                let (from, to) = search.range();
                if matches.add(from, to, search.found(), now.tick) && !is_open {
                    matches.forget_unread();
                }
                // What it printed between the last look and its end is not searched yet.
                if is_over && search.task.status().is_final() {
                    matches.end();
                }
                added.push(task.session.clone());
            }
            added
        });
        let added = added.context("could not record the lines of a watch")?;
        self.committed = Some(Instant::now());
        self.searches.retain(|_, search| !search.task.status().is_final());
        self.searches.values_mut().for_each(Search::recorded);
        for session in &added {
            ring_waiter(self.store.dir(), session);
        }
        Ok(())
    }
}
