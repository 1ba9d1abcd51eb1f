//! The files for notifications: changed under the state lock, and removed when empty. This code never creates the state
//! folder, because the notifier may outlive it.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sisyphus_base::atomic::if_found;
use sisyphus_base::clock::Now;
use sisyphus_base::id::SessionId;
use sisyphus_base::lock::LOCK_WAIT_IN_RUNNER;
use sisyphus_base::paths::StateDir;
use sisyphus_tasks::delivery::Delivery;
use sisyphus_tasks::task::Task;

use super::commit::Store;
use crate::active::{Active, Series};
use crate::file::{self, Malformed};
use crate::notify::{Ended, ForProgram, Line, Lines, Notes, SessionSummary, is_live, is_old};
use crate::transitions::Transition;

impl Store {
    /// The notes for the notifier, without a lock. Sets a broken file aside: otherwise every hook would start a
    /// notifier that fails on it.
    pub fn read_notes(&self) -> Result<Notes> {
        match file::read(&self.dir().notify()) {
            Err(error) if error.is::<Malformed>() => {
                // A change sets it aside.
                self.take_notes(LOCK_WAIT_IN_RUNNER, |_| ())?;
                file::read(&self.dir().notify())
            }
            other => other,
        }
    }

    /// Changes the notes for the notifier.
    pub fn take_notes<T>(&self, wait: Duration, take: impl FnOnce(&mut Notes) -> T) -> Result<T> {
        self.change(&self.dir().notify(), wait, take, Notes::is_empty)
    }

    /// Adds lines for the hooks of their sessions.
    pub fn leave_for_terminal(
        &self,
        wait: Duration,
        lines: Vec<Line>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let add = |all: &mut Lines| all.add(lines, now);
        self.change(&self.dir().terminal(), wait, add, Lines::is_empty)
    }

    /// Takes the lines for a session. Usually there is no file, and the call only checks that.
    pub fn take_for_terminal(
        &self,
        wait: Duration,
        session: &SessionId,
        now: DateTime<Utc>,
    ) -> Result<Vec<Line>> {
        let path = self.dir().terminal();
        if !path.exists() {
            return Ok(Vec::new());
        }
        self.change(&path, wait, |all: &mut Lines| all.take(session, now), Lines::is_empty)
    }

    fn change<F, T>(
        &self,
        path: &Path,
        wait: Duration,
        change: impl FnOnce(&mut F) -> T,
        is_empty: impl FnOnce(&F) -> bool,
    ) -> Result<T>
    where
        F: Serialize + DeserializeOwned + Default + Clone + PartialEq,
    {
        let _lock = self.lock(wait)?;
        let (before, _): (F, _) = file::read_or_set_aside(path)?;
        let mut after = before.clone();
        let value = change(&mut after);
        if is_empty(&after) {
            if_found(fs::remove_file(path))
                .with_context(|| format!("could not remove `{}`", path.display()))?;
        } else if after != before {
            file::write(path, &after)?;
        }
        Ok(value)
    }
}

/// What a commit adds for the notifier.
#[derive(Debug, Default)]
pub(super) struct NewNotes {
    ended: Vec<Ended>,
    over: Vec<SessionSummary>,
    for_program: Vec<ForProgram>,
    /// Corrected ends.
    corrected: Vec<Transition>,
    /// Tasks whose notes may need a correction.
    finished: Vec<Task>,
}

impl NewNotes {
    /// Adds the ends among the changes for the user's program. If no hook has seen such a setting, only those that are
    /// noted anyway: then the notifier, which reads the settings, drops them.
    pub(super) fn add_for_program(&mut self, changes: &[Transition], active: &Active, now: Now) {
        for event in changes.iter().filter(|event| event.is_end()) {
            if event.is_correction() {
                self.corrected.push(event.clone());
                continue;
            }
            // A person may never start Claude Code, whose hooks see the setting.
            let is_wanted = active.on_complete
                || self.ended.iter().any(|note| note.task == event.id)
                || active.task(&event.id).is_some_and(Task::is_persons);
            if is_wanted && !is_old(event.at, now.at) {
                self.for_program.push(ForProgram { event: event.clone(), at: now.at });
            }
        }
    }

    fn has_news(&self) -> bool {
        !self.ended.is_empty() || !self.over.is_empty() || !self.for_program.is_empty()
    }

    fn has_corrections(&self) -> bool {
        !self.finished.is_empty() || !self.corrected.is_empty()
    }
}

/// Notes what finished, once each, and which sessions have nothing left to wait for.
pub(super) fn note(active: &mut Active, now: Now) -> NewNotes {
    let mut notes = NewNotes::default();
    let mut counted = Vec::new();
    for task in &mut active.tasks {
        // No model reads what a person asked for, so nothing else reports it.
        let is_needless = *task.delivery() == Delivery::NotNeeded && !task.is_persons();
        if !task.status().is_final() || is_needless {
            continue;
        }
        if task.noted_for_people_at.is_none() {
            task.noted_for_people_at = Some(now.at);
            if let Some(ended) = Ended::of(task, now.at) {
                counted.push((task.clone(), ended.clone()));
                notes.ended.push(ended);
                continue;
            }
        }
        if task.delivery().is_open() {
            notes.finished.push(task.clone());
        }
    }
    for (task, ended) in counted {
        Series::count(&mut active.book(&task.session).series, &task, ended.at);
    }
    let busy: HashSet<SessionId> =
        active.tasks.iter().filter(|task| is_live(task)).map(|task| task.session.clone()).collect();
    for (session, book) in &mut active.sessions {
        if !busy.contains(session)
            && let Some(series) = book.series.take()
        {
            notes.over.push(SessionSummary { session: session.clone(), series, at: now.at });
        }
    }
    notes
}

/// Writes them for the notifier. The caller holds the lock and has already written the state that marks them as noted.
/// If this process dies in between, a notification is lost, but none is shown twice.
pub(super) fn leave(dir: &StateDir, new: NewNotes, now: Now) -> Result<()> {
    let path = dir.notify();
    if !new.has_news() && (!new.has_corrections() || !path.exists()) {
        return Ok(());
    }
    let (before, _): (Notes, _) = file::read_or_set_aside(&path)?;
    let mut notes = before.clone();
    new.finished.iter().for_each(|task| notes.correct(task, now.at));
    new.corrected.iter().for_each(|event| notes.correct_for_program(event));
    notes.add(new.ended, new.over, new.for_program);
    if notes == before { Ok(()) } else { file::write(&path, &notes) }
}

#[cfg(test)]
mod tests {
    use sisyphus_tasks::outcome::{Canceller, Outcome};
    use sisyphus_tasks::source::Source;
    use sisyphus_tasks::status::Ending;
    use sisyphus_tasks::task::samples::confirmed;
    use sisyphus_tasks::task::{Event, Task};
    use sisyphus_testing::TempDir;

    use super::*;
    use crate::reconcile::{Scope, World};

    const WAIT: Duration = Duration::from_secs(20);
    const FAILED: Outcome = Outcome::Failed { exit_code: 1 };

    struct Stage {
        dir: TempDir,
        store: Store,
    }

    impl Stage {
        /// One session with these tasks, which run.
        fn with(ids: &[&str]) -> Self {
            let dir = TempDir::new();
            let store = Store::new(StateDir::at(dir.path()));
            let stage = Self { dir, store };
            stage.change(|active, _| active.tasks = ids.iter().map(|id| running(id)).collect());
            stage
        }

        fn change<T>(&self, change: impl FnOnce(&mut Active, Now) -> T) -> T {
            let world =
                World { is_gone: |_| false, client_tmp: self.dir.path(), scope: Scope::Ended };
            self.store.update(&world, WAIT, change).unwrap()
        }

        fn end(&self, id: &str, outcome: Outcome) {
            self.change(|active, now| {
                let Some(task) = active.tasks.iter_mut().find(|task| task.id.as_str() == id) else {
                    return;
                };
                let reported_by = Source::Runner;
                let ending = Ending { reported_by, ..Ending::unseen(outcome, now.at) };
                task.apply(Event::Ended(ending), now.tick);
            });
        }

        /// The notes: the ends by their task, and the summaries.
        fn notes(&self) -> (Vec<String>, Vec<String>) {
            let notes = self.store.read_notes().unwrap();
            let sums = notes.over.iter().map(|it| it.series.tally.said()).collect();
            (notes.ended.iter().map(|it| it.task.to_string()).collect(), sums)
        }
    }

    fn running(id: &str) -> Task {
        let mut task = confirmed(id, 1);
        task.apply(Event::Started { at: Utc::now() }, Now::read().tick);
        task
    }

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn every_end_is_noted_once_whoever_folds_it() {
        let ids: Vec<String> = (0..40).map(|number| format!("t{number}")).collect();
        let stage = Stage::with(&ids.iter().map(String::as_str).collect::<Vec<_>>());
        std::thread::scope(|scope| {
            for _ in 0..5 {
                scope.spawn(|| ids.iter().for_each(|id| stage.end(id, FAILED)));
            }
        });
        let (mut ended, sums) = stage.notes();
        ended.sort();
        let mut expected = ids.clone();
        expected.sort();
        assert_eq!(ended, expected);
        assert_eq!(sums, ["40 failed"]);
        let notes = stage.store.read_notes().unwrap();
        let mut for_program: Vec<String> =
            notes.for_program.iter().map(|note| note.event.id.to_string()).collect();
        for_program.sort();
        assert_eq!(for_program, expected);
        // Taken once, they are gone.
        let take = || stage.store.take_notes(WAIT, |notes| std::mem::take(&mut notes.ended).len());
        assert_eq!((take().unwrap(), take().unwrap()), (40, 0));
        stage.store.take_notes(WAIT, |notes| notes.over.clear()).unwrap();
        stage.store.take_notes(WAIT, |notes| notes.for_program.clear()).unwrap();
        assert!(!stage.store.dir().notify().exists());
    }

    #[test]
    fn the_last_end_of_a_session_brings_the_sum() {
        let stage = Stage::with(&["t1", "t2", "t3"]);
        stage.end("t1", Outcome::Completed);
        stage.end("t2", FAILED);
        assert_eq!(stage.notes().1, strings(&[]));
        stage.end("t3", Outcome::Cancelled { by: Canceller::Model });
        assert_eq!(stage.notes(), (strings(&["t1", "t2"]), strings(&["1 failed, 1 completed"])));
    }

    #[test]
    fn a_session_that_ends_gets_no_sum() {
        let stage = Stage::with(&["t1", "t2"]);
        stage.end("t1", FAILED);
        let session = running("t1").session;
        stage.change(|active, now| active.end_session(&session, now.tick));
        stage.end("t2", Outcome::Cancelled { by: Canceller::SessionEnd });
        assert_eq!(stage.notes(), (strings(&["t1"]), strings(&[])));
    }

    #[test]
    fn what_a_record_says_later_corrects_the_note() {
        let stage = Stage::with(&["t1", "t2"]);
        let by_signal = Outcome::Cancelled { by: Canceller::Unknown };
        stage.end("t1", by_signal.clone());
        stage.end("t2", by_signal);
        stage.end("t1", Outcome::Cancelled { by: Canceller::SessionEnd });
        stage.end("t2", Outcome::TimedOut { limit_ms: None });
        let notes = stage.store.read_notes().unwrap();
        let said: Vec<&str> = notes.ended.iter().map(|it| it.outcome.word()).collect();
        assert_eq!(said, ["timed_out"]);
    }

    /// Every end is noted for the program where a hook has seen such a setting; without, only what is noted anyway.
    /// What a record says later corrects the note, and makes no second one.
    #[test]
    fn ends_are_noted_for_the_program() {
        for is_set in [true, false] {
            let stage = Stage::with(&["t1", "t2", "t3"]);
            stage.change(|active, _| active.on_complete = is_set);
            stage.end("t1", FAILED);
            stage.end("t2", Outcome::Cancelled { by: Canceller::Model });
            stage.end("t3", Outcome::Cancelled { by: Canceller::Unknown });
            stage.end("t3", Outcome::TimedOut { limit_ms: None });
            let notes = stage.store.read_notes().unwrap();
            let said: Vec<(&str, &str)> = notes
                .for_program
                .iter()
                .map(|it| (it.event.id.as_str(), it.event.to.as_str()))
                .collect();
            let expected = [("t1", "failed"), ("t2", "cancelled"), ("t3", "timed_out")];
            let is_noted = |it: &&(&str, &str)| is_set || it.0 != "t2";
            assert_eq!(said, expected.iter().filter(is_noted).copied().collect::<Vec<_>>());
            assert!(notes.for_program.iter().all(|it| it.event.from.as_deref() == Some("running")));
        }
    }

    #[test]
    fn lines_for_a_terminal_wait_for_their_session() {
        let stage = Stage::with(&[]);
        let now = Utc::now();
        let line = |session: &str, at| Line {
            session: SessionId::new(session).unwrap(),
            title: "t".to_owned(),
            body: "b".to_owned(),
            at,
        };
        let old = now - chrono::Duration::hours(1);
        let lines = vec![line("s1", now), line("s2", now), line("s1", old)];
        stage.store.leave_for_terminal(WAIT, lines, now).unwrap();
        let take = |session: &str| {
            let session = SessionId::new(session).unwrap();
            stage.store.take_for_terminal(WAIT, &session, now).unwrap().len()
        };
        assert_eq!((take("s1"), take("s1"), take("s3"), take("s2")), (1, 0, 0, 1));
        assert!(!stage.store.dir().terminal().exists());
    }
}
