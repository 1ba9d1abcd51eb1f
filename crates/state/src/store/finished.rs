//! Reads finished tasks, without a lock.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Error, Result};
use sisyphus_base::id::{ClientTaskId, SessionId};
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_tasks::task::Task;

use super::commit::Store;
use super::history::{self, History, Record};
use crate::active::adoption::caller;
use crate::file;

impl Store {
    /// `completed.json`, without a lock.
    pub fn read_completed(&self) -> Result<History> {
        file::read(&self.dir().completed())
    }

    /// `failed.json`, without a lock.
    pub fn read_failed(&self) -> Result<History> {
        file::read(&self.dir().failed())
    }

    /// The files that exist and parse. An error in one goes to `warn` and stops nothing.
    fn read_histories(&self, warn: impl Fn(&Error)) -> Vec<History> {
        let files = [self.read_completed(), self.read_failed()];
        files.into_iter().filter_map(|read| read.inspect_err(&warn).ok()).collect()
    }

    /// The newest finished tasks, the newest of each file last. An error in one file goes to `warn` and stops nothing.
    pub fn read_recent(&self, warn: impl Fn(&Error)) -> Vec<Task> {
        self.read_histories(warn).iter().flat_map(History::tasks).collect()
    }

    /// The `count` tasks of [`read_recent`](Self::read_recent) that ended last, the newest first. The others stay
    /// unparsed, because a list shows few of hundreds.
    pub fn read_last_ended(&self, count: usize, warn: impl Fn(&Error)) -> Vec<Task> {
        let histories = self.read_histories(warn);
        let mut records: Vec<_> = histories.iter().flat_map(History::records).collect();
        records.sort_by_key(Record::order);
        let mut seen = HashSet::new();
        let tasks = records.iter().filter_map(Record::task);
        tasks.filter(|task| seen.insert(task.id.clone())).take(count).collect()
    }

    /// The retired task that Claude Code knows by this id.
    pub fn find_retired(&self, session: &SessionId, id: &ClientTaskId) -> Option<Task> {
        self.read_histories(|_| ()).iter().find_map(|history| history.named(session, id))
    }

    /// The retired tasks of a session that it has not read.
    pub fn find_parked(&self, session: &SessionId) -> Vec<Task> {
        self.read_histories(|_| ()).iter().flat_map(|history| history.parked(session)).collect()
    }

    /// The retired sessions of a project that no conversation has read, and whose caller is not known to live.
    pub fn find_parked_in(
        &self,
        project: &Path,
        is_gone: impl Fn(&ProcessRef) -> bool,
    ) -> Vec<Task> {
        let histories = self.read_histories(|_| ());
        let parked = histories.iter().flat_map(|history| history.parked_in(project));
        parked.filter(|task| caller(task).is_none_or(&is_gone)).collect()
    }

    /// Every archived task, oldest first. Slow: reads the whole archive. An error in one file goes to `warn` and stops
    /// nothing.
    pub fn read_archive(&self, warn: impl Fn(&Error)) -> Vec<Task> {
        history::read_archive(self.dir(), warn)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use sisyphus_base::paths::StateDir;
    use sisyphus_tasks::outcome::Outcome;
    use sisyphus_tasks::task::samples::{finished, with_ending};
    use sisyphus_testing::TempDir;

    use super::*;

    /// A task that ended so many seconds after the others.
    fn ended(id: &str, outcome: Outcome, seconds: u64) -> Task {
        let later = Duration::from_secs(seconds);
        with_ending(finished(id, outcome), |ending| ending.ended_at += later)
    }

    #[test]
    fn the_last_that_ended_come_first_and_once() {
        let dir = TempDir::new();
        let store = Store::new(StateDir::at(dir.path()));
        let failure = || Outcome::Failed { exit_code: 1 };
        // The order of a file is that of the delivery. A corrected outcome moves a task to the other file.
        history::record(
            store.dir(),
            &[
                ended("t3", Outcome::Completed, 3),
                ended("t1", Outcome::Completed, 1),
                ended("t4", Outcome::Completed, 4),
                ended("t2", failure(), 2),
                ended("t4", failure(), 5),
            ],
        )
        .unwrap();
        let last = |count| {
            let tasks = store.read_last_ended(count, |error| panic!("{error:#}"));
            tasks.iter().map(|task| format!("{} {}", task.id, task.status().word())).collect()
        };
        let all: Vec<String> = last(9);
        assert_eq!(all, ["t4 failed", "t3 completed", "t2 failed", "t1 completed"]);
        assert_eq!(last(2), all[..2]);

        // A damaged record counts as none.
        let text = fs::read_to_string(store.dir().completed()).unwrap();
        fs::write(store.dir().completed(), text.replace("\"t3\",\"ticket\"", "\"t3\",\"was\""))
            .unwrap();
        assert_eq!(last(2), ["t4 failed", "t2 failed"]);
    }
}
