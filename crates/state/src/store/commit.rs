//! The only access to the state. [`Store::peek`] reads without a lock, [`Store::post`] posts an event, and
//! [`Store::commit`] applies posted events and decides, under the lock.

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use sisyphus_base::clock::Now;
use sisyphus_base::hook_log;
use sisyphus_base::id::SessionId;
use sisyphus_base::lock::{LOCK_WAIT_IN_HOOK, Lock};
use sisyphus_base::paths::StateDir;
use sisyphus_tasks::task::Task;

use super::budget::LockBudget;
use super::history;
use super::session::Session;
use super::{Rewriting, inbox, notify};
use crate::active::{Active, EventName};
use crate::event::Event;
use crate::file::{self, Malformed};
use crate::reconcile::{Findings, World, reconcile};
use crate::run::Run;
use crate::transitions::{self, Before};

/// How often a process that unlocks checks the inbox again. Each round means that the lock kept another process out.
const ROUNDS: usize = 64;

/// Handle to the state folder.
///
/// ```
/// use std::time::Duration;
///
/// use sisyphus_base::paths::StateDir;
/// use sisyphus_state::reconcile::{Scope, World};
/// use sisyphus_state::store::Store;
///
/// let folder = std::env::temp_dir().join(format!("sisyphus-store-{}", std::process::id()));
/// let store = Store::new(StateDir::at(&folder));
/// let world = World { is_gone: |_| false, client_tmp: &folder, scope: Scope::Ended };
/// let count = store.update(&world, Duration::from_secs(1), |active, _| active.tasks.len())?;
/// assert_eq!(count, 0);
/// # std::fs::remove_dir_all(&folder)?;
/// # anyhow::Ok(())
/// ```
#[derive(Debug, Clone)]
pub struct Store {
    dir: StateDir,
    pub(super) budget: LockBudget,
    /// What this process last read or wrote.
    known: Arc<Mutex<Option<Committed>>>,
}

/// The state, read without a lock.
#[derive(Debug)]
pub struct Peek {
    /// The last committed state. If it has a lease, with the posted events, as the next commit will apply them: the
    /// acknowledgement may be among them.
    pub active: Arc<Active>,
    committed: Arc<Active>,
    /// What runs and Claude Code's processes show that the records do not.
    findings: Findings,
    /// A commit sets a broken file aside.
    is_broken: bool,
    state: StateDir,
}

impl Peek {
    /// Whether a commit would change something, whatever its handler does. Includes the inbox.
    pub fn has_news(&self) -> bool {
        self.is_broken || !self.findings.is_empty() || !inbox::names(&self.state).is_empty()
    }
}

/// A version of `active.json`, parsed.
#[derive(Debug, Clone, Default)]
struct Committed {
    active: Arc<Active>,
    /// None if there is no file.
    version: Option<Arc<file::Version>>,
}

impl Store {
    pub fn new(dir: StateDir) -> Self {
        Self { dir, budget: LockBudget::default(), known: Arc::default() }
    }

    pub fn dir(&self) -> &StateDir {
        &self.dir
    }

    /// The last committed state, and what is new since.
    pub fn peek(&self, world: &World<'_>) -> Result<Peek> {
        let read = self.read()?;
        let is_broken = read.is_none();
        let committed = read.unwrap_or_default().active;
        let mut active = Arc::clone(&committed);
        if active.lease_holders().next().is_some() {
            self.apply_posted(Arc::make_mut(&mut active), &[], Now::read());
        }
        let findings = Findings::gather(&active, &self.dir, world);
        Ok(Peek { active, committed, findings, is_broken, state: self.dir.clone() })
    }

    /// The last committed `active.json`, without a lock. A broken one counts as empty: the next commit sets it aside.
    pub fn read_active(&self) -> Result<Arc<Active>> {
        Ok(self.read()?.unwrap_or_default().active)
    }

    /// `None` if it is broken.
    fn read(&self) -> Result<Option<Committed>> {
        match self.last_committed(file::read_version) {
            Err(error) if error.is::<Malformed>() => {
                hook_log::append(&self.dir, "state", &format!("{error:#}"));
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    /// `active.json`. Calls `read` only if another process has replaced it since this one read or wrote it.
    fn last_committed(
        &self,
        read: fn(&Path) -> Result<file::Versioned<Active>>,
    ) -> Result<Committed> {
        let path = self.dir.active();
        let mut known = self.known();
        let is_last = |it: &Committed| it.version.as_ref().is_some_and(|it| it.is_at(&path));
        if let Some(last) = known.as_ref().filter(|it| is_last(it)) {
            return Ok(last.clone());
        }
        let (active, version) = read(&path)?;
        let last = Committed { active: Arc::new(active), version: version.map(Arc::new) };
        Ok(known.insert(last).clone())
    }

    fn known(&self) -> MutexGuard<'_, Option<Committed>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Posts an event for the next commit of this or another process. It is applied once, whichever process dies.
    pub fn post(&self, event: &Event) -> Result<()> {
        self.dir.create()?;
        inbox::post(&self.dir, event).map(drop)
    }

    /// Posts `events`, applies what was posted, reconciles, and lets `handle` decide, all in one replacement of
    /// `active.json`.
    ///
    /// # Errors
    /// If waiting for the lock times out after `wait`, or a file can't be written. Then nothing has changed, and the
    /// posted events are still in the inbox.
    pub fn commit<T>(
        &self,
        peek: Option<Peek>,
        events: &[Event],
        world: &World<'_>,
        wait: Duration,
        handle: impl FnOnce(&mut Active, Now) -> T,
    ) -> Result<T> {
        self.dir.create()?;
        let posted = |event| Ok((inbox::post(&self.dir, event)?, event));
        let own = events.iter().map(posted).collect::<Result<Vec<_>>>()?;
        let lock = self.lock(wait)?;
        let (value, _) = self.commit_locked(peek, &own, world, handle)?;
        drop(lock);
        self.catch_up(world);
        Ok(value)
    }

    /// Applies what other processes posted while this one held the lock.
    fn catch_up(&self, world: &World<'_>) {
        for _ in 0..ROUNDS {
            if inbox::names(&self.dir).is_empty() {
                return;
            }
            // If the lock is held, its holder checks the inbox when it unlocks.
            let Ok(Some(_lock)) = Lock::take_free(&self.dir.lock()) else { return };
            match self.commit_locked(None, &[], world, |_, _| ()) {
                // What can't be applied now can't be applied in the next round either.
                Ok(((), applied)) if applied > 0 => {}
                Ok(_) => return,
                Err(error) => {
                    hook_log::append(&self.dir, "inbox", &format!("{error:#}"));
                    return;
                }
            }
        }
    }

    /// The caller holds the lock. Also returns how many events were applied.
    fn commit_locked<T>(
        &self,
        peek: Option<Peek>,
        own: &[(EventName, &Event)],
        world: &World<'_>,
        handle: impl FnOnce(&mut Active, Now) -> T,
    ) -> Result<(T, usize)> {
        let Committed { active, version } = self.last_committed(file::read_or_set_aside)?;
        // The peek is stale if another process has committed since.
        let is_current = |peek: &Peek| Arc::ptr_eq(&peek.committed, &active);
        let findings = peek.filter(is_current).map(|peek| peek.findings);
        *self.known() = None;
        let mut active = Arc::unwrap_or_clone(active);
        let before = Before::of(&active);
        let now = Now::read();
        let applied = self.apply_posted(&mut active, own, now);
        let finished_runs = reconcile(&mut active, &self.dir, world, findings, now);
        let value = handle(&mut active, now);
        let changes = before.changes(&active, now.at);
        let mut noted = notify::note(&mut active, now);
        noted.add_for_program(&changes, &active, now);
        let retired = self.write(active, version, now)?;
        // A line says what is in the state. If this process dies in between, the lines of this commit are missing.
        if let Err(error) = transitions::append(&self.dir, &changes) {
            hook_log::append(&self.dir, "events", &format!("{error:#}"));
        }
        if let Err(error) = notify::leave(&self.dir, noted, now) {
            hook_log::append(&self.dir, "notify", &format!("{error:#}"));
        }
        // Remove the runs of retired tasks too: a leftover `call.json` would look like a call without a record.
        let settled = retired
            .iter()
            .filter_map(|task| Some(Run::outside(&self.dir, task.started_in(), task.client_id()?)));
        let settled = settled.filter(|run| !run.is_alive());
        finished_runs.into_iter().chain(settled).for_each(|run| run.remove());
        Ok((value, applied))
    }

    /// Applies posted events. The events of this process, `own`, need not be read again.
    fn apply_posted(&self, active: &mut Active, own: &[(EventName, &Event)], now: Now) -> usize {
        let names = inbox::names(&self.dir);
        // A killed process may have left the file of an event that it had applied.
        active.applied.retain(|name| names.binary_search(name).is_ok());
        let mut applied = 0;
        for name in names {
            if active.applied.contains(&name) {
                continue;
            }
            if applied == inbox::BATCH {
                break;
            }
            let own = own.iter().find(|(posted, _)| *posted == name);
            let event = own.map(|(_, event)| Event::clone(event));
            if let Some(event) = event.or_else(|| inbox::read(&self.dir, &name)) {
                event.apply(active, now);
                active.applied.push(name);
                applied += 1;
            }
        }
        applied
    }

    /// Returns the tasks that moved to the history.
    fn write(
        &self,
        mut active: Active,
        mut version: Option<Arc<file::Version>>,
        now: Now,
    ) -> Result<Vec<Task>> {
        let path = self.dir.active();
        let mut retired = active.retire(now);
        // Write the history first: a task in both files is one task, and its higher revision is effective.
        if let Err(error) = history::record(&self.dir, &retired) {
            hook_log::append(&self.dir, "history", &format!("{error:#}"));
            for task in std::mem::take(&mut retired) {
                active.insert(task);
            }
        }
        active.forget_sessions(now);
        let text = file::encode(&path, &active)?;
        let is_changed = match &version {
            Some(before) => text != before.text,
            None => active != Active::default(),
        };
        if is_changed {
            file::create_folder(&path)?;
            version = Some(Arc::new(file::replace(&path, text)?));
        }
        // Events stay marked as applied until the next commit has seen that their files are gone.
        for name in &active.applied {
            inbox::remove(&self.dir, name);
        }
        *self.known() = Some(Committed { active: Arc::new(active), version });
        Ok(retired)
    }

    /// Runs `change` under the lock, without a commit.
    pub fn with_lock<T>(&self, wait: Duration, change: impl FnOnce() -> T) -> Result<T> {
        let _lock = self.lock(wait)?;
        Ok(change())
    }

    /// Runs `change` in a commit of its own.
    pub fn update<T>(
        &self,
        world: &World<'_>,
        wait: Duration,
        change: impl FnOnce(&mut Active, Now) -> T,
    ) -> Result<T> {
        self.commit(None, &[], world, wait, change)
    }

    /// Posts an event and applies it, together with all other posted events.
    pub fn apply(&self, event: &Event, world: &World<'_>, wait: Duration) -> Result<()> {
        self.commit(None, std::slice::from_ref(event), world, wait, |_, _| ())
    }

    /// What is known about a session. An unknown session is treated as if it had other hooks.
    pub fn read_session(&self, session: &SessionId) -> Result<Session> {
        file::read(&self.dir.session(session))
    }

    /// Notes what the SessionStart hook detected. Other hooks, once detected, stay noted: a running Claude Code keeps
    /// the hooks that it has loaded, whatever happens to their files. An unreadable note counts as other hooks too.
    pub fn write_session(&self, session: &SessionId, found: Rewriting) -> Result<()> {
        self.dir.create()?;
        let _lock = self.lock(LOCK_WAIT_IN_HOOK)?;
        let path = self.dir.session(session);
        file::create_folder(&path)?;
        let is_first = path.symlink_metadata().is_err();
        let (before, version): (Session, _) = file::read_or_set_aside(&path)?;
        let mut noted = before.clone();
        noted.rewriting = match before.rewriting {
            Rewriting::MaybeShared if !is_first => Rewriting::MaybeShared,
            Rewriting::MaybeShared | Rewriting::Exclusive => found,
        };
        // Write a note even if the old one was set aside: otherwise the next session start would count as the first.
        if version.is_some() && noted == before {
            return Ok(());
        }
        file::write(&path, &noted)
    }
}
