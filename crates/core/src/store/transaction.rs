//! The one door to the state files: [`Store::update`].

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::file::Format;
use super::history::{self, History};
use super::journal::{self, Prepared};
use super::original::Original;
use super::outbox::Outbox;
use super::patience::Patience;
use super::session::Session;
use super::{Malformed, Rewriting, file, notify};
use crate::agents::AgentLine;
use crate::hook_log;
use crate::id::{SessionId, TaskId, Ticket};
use crate::paths::StateDir;
use crate::task::Task;
use sisyphus_base::lock::LOCK_WAIT_IN_HOOK;

/// `active.json`: every task that is not finished, in ticket order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Active {
    #[serde(default)]
    version: Format,
    /// The ticket that the next task gets.
    #[serde(default)]
    next_ticket: Ticket,
    #[serde(default)]
    pub tasks: Vec<Task>,
    #[serde(default, skip_serializing_if = "AgentLine::is_empty")]
    pub agents: AgentLine,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl Active {
    /// Puts a task in its place in line.
    pub fn insert(&mut self, task: Task) {
        let position = self.tasks.partition_point(|other| other.ticket < task.ticket);
        self.tasks.insert(position, task);
    }

    /// Draws the next ticket.
    pub fn draw_ticket(&mut self) -> Ticket {
        let ticket = self.next_ticket;
        self.next_ticket = Ticket(ticket.0 + 1);
        ticket
    }
}

/// Handle to the state folder.
#[derive(Debug, Clone)]
pub struct Store {
    dir: StateDir,
    pub(super) patience: Patience,
}

impl Store {
    pub fn new(dir: StateDir) -> Self {
        Self { dir, patience: Patience::default() }
    }

    pub fn dir(&self) -> &StateDir {
        &self.dir
    }

    /// The last committed `active.json`, without a lock. A broken one is set aside.
    pub fn read_active(&self) -> Result<Active> {
        self.finish_announced();
        match file::read(&self.dir.active()) {
            Err(error) if error.is::<Malformed>() => {
                // Opening it for a change is what sets it aside.
                self.update(LOCK_WAIT_IN_HOOK, |_| Ok(()))?;
                file::read(&self.dir.active())
            }
            other => other,
        }
    }

    /// One task of the last committed `active.json`, without a lock. The others are not parsed: for a runner, of which
    /// there may be hundreds.
    pub fn read_active_task(&self, id: &TaskId) -> Result<Option<Task>> {
        self.finish_announced();
        // The same shape: tasks and other fields.
        let active: History = file::read(&self.dir.active())?;
        active.task(id)
    }

    /// The last committed outbox of a session, without a lock. A broken one is set aside.
    pub fn read_outbox(&self, session: &SessionId) -> Result<Outbox> {
        self.finish_announced();
        match file::read(&self.dir.outbox(session)) {
            Err(error) if error.is::<Malformed>() => {
                self.update(LOCK_WAIT_IN_HOOK, |transaction| {
                    transaction.outbox(session).map(|_| ())
                })?;
                file::read(&self.dir.outbox(session))
            }
            other => other,
        }
    }

    /// A change that a killed process has announced is committed, but may be in no file yet. One that is just being
    /// made is waited for. Best effort: whoever can't write reads what is there.
    fn finish_announced(&self) {
        if journal::is_announced(&self.dir) {
            let finished =
                self.lock(LOCK_WAIT_IN_HOOK).and_then(|_lock| journal::finish(&self.dir));
            if let Err(error) = finished {
                hook_log::append(&self.dir, "journal", &format!("{error:#}"));
            }
        }
    }

    /// What is known of a session; unknown sessions are treated as if they had other hooks.
    pub fn read_session(&self, session: &SessionId) -> Result<Session> {
        file::read(&self.dir.session(session))
    }

    /// `completed.json`, without a lock.
    pub fn read_completed(&self) -> Result<History> {
        history::read(&self.dir.completed())
    }

    /// `failed.json`, without a lock.
    pub fn read_failed(&self) -> Result<History> {
        history::read(&self.dir.failed())
    }

    /// Those of these tasks that are among the newest finished ones.
    pub fn read_finished(&self, ids: &[TaskId]) -> Result<Vec<Task>> {
        let mut found = Vec::new();
        for history in [self.read_completed()?, self.read_failed()?] {
            for id in ids {
                found.extend(history.task(id)?);
            }
        }
        Ok(found)
    }

    /// Every task that fell off the history, oldest first. Slow: reads all of it.
    pub fn read_archive(&self) -> Result<Vec<Task>> {
        history::read_archive(&self.dir)
    }

    /// Notes what SessionStart found out. Where there were others once, there are for good: a client that is running
    /// keeps the hooks that it has loaded, whatever became of their files since. So does a note that could not be read.
    pub fn write_session(&self, session: &SessionId, found: Rewriting) -> Result<()> {
        self.dir.create()?;
        let _lock = self.lock(LOCK_WAIT_IN_HOOK)?;
        let path = self.dir.session(session);
        file::create_folder(&path)?;
        let is_first = match path.symlink_metadata() {
            Ok(_) => false,
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => {
                return Err(error).with_context(|| format!("could not read `{}`", path.display()));
            }
        };
        let (before, text): (Session, _) = file::read_text_or_set_aside(&path)?;
        let mut noted = before.clone();
        noted.rewriting = match before.rewriting {
            Rewriting::MaybeOthers if !is_first => Rewriting::MaybeOthers,
            Rewriting::MaybeOthers | Rewriting::OnlyOurs => found,
        };
        // One that was set aside leaves a note behind, or the next session start were the first again.
        if text.is_some() && noted == before {
            return Ok(());
        }
        file::write(&path, &noted)
    }

    /// Runs `change` under the lock and commits what it leaves behind; an error commits nothing.
    pub fn update<T>(
        &self,
        wait: Duration,
        change: impl FnOnce(&mut Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        self.dir.create()?;
        let _lock = self.lock(wait)?;
        journal::finish(&self.dir)?;
        let (original, active) = Original::read(self.dir.active())?;
        let mut transaction = Transaction {
            dir: &self.dir,
            original,
            active,
            finished: Vec::new(),
            outboxes: BTreeMap::new(),
        };
        let value = change(&mut transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}

/// The state while its lock is held.
#[derive(Debug)]
pub struct Transaction<'a> {
    dir: &'a StateDir,
    original: Original,
    pub active: Active,
    finished: Vec<Task>,
    outboxes: BTreeMap<SessionId, (Original, Outbox)>,
}

impl Transaction<'_> {
    /// The outbox of a session, to be changed in place.
    pub fn outbox(&mut self, session: &SessionId) -> Result<&mut Outbox> {
        match self.outboxes.entry(session.clone()) {
            Entry::Occupied(entry) => Ok(&mut entry.into_mut().1),
            Entry::Vacant(entry) => {
                let loaded = Original::read(self.dir.outbox(session))?;
                Ok(&mut entry.insert(loaded).1)
            }
        }
    }

    /// The active tasks and the outbox of a session, both to be changed in place.
    pub fn active_and_outbox(&mut self, session: &SessionId) -> Result<(&mut Active, &mut Outbox)> {
        self.outbox(session)?;
        let (_, outbox) = self.outboxes.get_mut(session).context("the outbox was just loaded")?;
        Ok((&mut self.active, outbox))
    }

    /// Takes an unfinished task out, to be [finished](Self::finish) or dropped.
    pub fn take(&mut self, id: &TaskId) -> Option<Task> {
        let position = self.active.tasks.iter().position(|task| &task.id == id)?;
        Some(self.active.tasks.remove(position))
    }

    /// Files a finished task in the history.
    pub fn finish(&mut self, task: Task) {
        self.finished.push(task);
    }

    /// All or nothing, wherever the process is killed.
    fn commit(mut self) -> Result<()> {
        let mut prepared = Prepared::new(self.dir);
        let outboxes = self.outboxes.iter_mut().map(|(session, (_, outbox))| (session, outbox));
        notify::note(self.dir, outboxes, &self.active, &mut prepared);
        for (original, outbox) in self.outboxes.values() {
            original.prepare(outbox, &mut prepared)?;
        }
        let count = prepared.count();
        if let Err(error) = history::record(self.dir, &self.finished, &mut prepared) {
            // A history that can't be read or written must not keep a result from its session.
            hook_log::append(self.dir, "history", &format!("{error:#}"));
            prepared.truncate(count);
            history::record_in_archive(self.dir, &self.finished, &mut prepared)?;
        }
        self.original.prepare(&self.active, &mut prepared)?;
        prepared.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::sisyphus_base::lock::Lock;
    use super::*;
    use crate::task::tests::pending;
    use sisyphus_testing::TempDir;
    use std::fs;

    const WAIT: Duration = Duration::from_secs(20);

    fn add(store: &Store, id: &str) {
        store
            .update(WAIT, |transaction| {
                let mut task = pending(id, 0);
                task.ticket = transaction.active.draw_ticket();
                transaction.active.tasks.push(task);
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn threads_that_add_at_once_lose_nothing() {
        let dir = TempDir::new();
        let store = Store::new(StateDir::at(dir.path()));
        std::thread::scope(|scope| {
            for thread in 0..5 {
                let store = &store;
                scope.spawn(move || {
                    for number in 0..20 {
                        add(store, &format!("t{thread}-{number}"));
                    }
                });
            }
        });
        let active = store.read_active().unwrap();
        let tickets: Vec<u64> = active.tasks.iter().map(|task| task.ticket.0).collect();
        assert_eq!(tickets, (0..100).collect::<Vec<u64>>());
    }

    #[test]
    fn where_there_were_others_once_there_are_for_good() {
        use Rewriting::{MaybeOthers, OnlyOurs};
        let noted = |start: Option<&str>, found: &[Rewriting]| {
            let dir = TempDir::new();
            let store = Store::new(StateDir::at(dir.path()));
            let session = SessionId::new("s1").unwrap();
            if let Some(text) = start {
                fs::create_dir(dir.path().join("sessions")).unwrap();
                fs::write(store.dir().session(&session), text).unwrap();
            }
            for &found in found {
                store.write_session(&session, found).unwrap();
            }
            store.read_session(&session).unwrap().rewriting
        };
        assert_eq!(noted(None, &[OnlyOurs]), OnlyOurs);
        assert_eq!(noted(None, &[OnlyOurs, OnlyOurs]), OnlyOurs);
        assert_eq!(noted(None, &[OnlyOurs, MaybeOthers, OnlyOurs]), MaybeOthers);
        assert_eq!(noted(None, &[MaybeOthers, OnlyOurs]), MaybeOthers);
        // Whether there were is not known any more.
        assert_eq!(noted(Some("{broken"), &[OnlyOurs]), MaybeOthers);
        assert_eq!(noted(Some("{}"), &[OnlyOurs]), MaybeOthers);
    }

    #[test]
    fn a_note_about_a_session_is_written_under_the_lock_and_only_if_it_changes() {
        let dir = TempDir::new();
        let store = Store::new(StateDir::at(dir.path()));
        let session = SessionId::new("s1").unwrap();
        let lock = Lock::acquire(&store.dir().lock(), WAIT).unwrap();
        let error = store.write_session(&session, Rewriting::OnlyOurs).unwrap_err();
        assert!(error.to_string().starts_with("could not lock"), "{error}");
        assert!(!store.dir().session(&session).exists());
        drop(lock);
        store.write_session(&session, Rewriting::OnlyOurs).unwrap();
        let written = fs::metadata(store.dir().session(&session)).unwrap();
        store.write_session(&session, Rewriting::OnlyOurs).unwrap();
        let again = fs::metadata(store.dir().session(&session)).unwrap();
        assert_eq!(written.modified().unwrap(), again.modified().unwrap());
    }

    #[test]
    fn a_change_that_fails_or_changes_nothing_writes_nothing() {
        let dir = TempDir::new();
        let store = Store::new(StateDir::at(dir.path()));
        let failed: Result<()> = store.update(WAIT, |transaction| {
            transaction.active.tasks.push(pending("t1", 1));
            anyhow::bail!("no")
        });
        assert!(failed.is_err());
        store.update(WAIT, |_| Ok(())).unwrap();
        assert!(!store.dir().active().exists());
    }

    #[test]
    fn a_corrupt_file_is_set_aside_with_its_reason_and_the_rest_goes_on() {
        let dir = TempDir::new();
        let store = Store::new(StateDir::at(dir.path()));
        fs::write(store.dir().active(), "{\"tasks\": [tru").unwrap();
        assert!(store.read_active().unwrap().tasks.is_empty());
        add(&store, "t1");
        assert_eq!(store.read_active().unwrap().tasks.len(), 1);
        let names: Vec<String> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains("corrupt"))
            .collect();
        assert_eq!(names.len(), 2, "{names:?}");
        let reason = names.iter().find(|name| name.ends_with(".reason")).unwrap();
        assert!(fs::read_to_string(dir.path().join(reason)).unwrap().contains("line 1"));
    }

    #[test]
    fn a_newer_format_is_refused_and_left_alone() {
        let dir = TempDir::new();
        let store = Store::new(StateDir::at(dir.path()));
        let newer = "{\"version\": 2, \"tasks\": {}}";
        fs::write(store.dir().active(), newer).unwrap();
        let error = store.update(WAIT, |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("format 2"), "{error}");
        assert_eq!(fs::read_to_string(store.dir().active()).unwrap(), newer);
    }

    #[test]
    fn an_old_writer_keeps_a_new_writers_fields() {
        let dir = TempDir::new();
        let store = Store::new(StateDir::at(dir.path()));
        fs::write(
            store.dir().active(),
            "{\"version\": 1, \"tasks\": [], \"since_v2\": {\"a\": 1}}",
        )
        .unwrap();
        add(&store, "t1");
        assert!(fs::read_to_string(store.dir().active()).unwrap().contains("since_v2"));
    }
}
