//! Who waits for a slot, and who has one: files under `queue/`, each locked by its runner for as long as that is true.
//!
//! ```text
//! queue/waiting/TICKET-TASK   held by a runner whose turn has not come
//! queue/running/TICKET-TASK   held by a runner that has a slot
//! queue/turn                  held for the moment in which somebody counts the slots and takes one
//! ```
//!
//! The kernel opens a lock when its holder dies, however that happens: a slot is free at once, a gap in the line closes,
//! and nothing has to be cleaned up before it counts. Unlike other lock files these are removed, because each belongs to
//! one task only: whoever still has a removed one open sees what it wants to see, an open lock.
//!
//! Here and not in the state folder, because a runner in the client's sandbox must be able to stand in line.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::id::{TaskId, Ticket};
use crate::paths::create_private_dir;
use crate::run_root::RunRoot;
use crate::settings::SlotLimit;
use crate::store::{Lock, is_held};

/// How long a runner tries to count the slots. The others hold that lock for less than a millisecond; one that was
/// suspended in that moment must not stop everybody for ever.
const TURN_WAIT: Duration = Duration::from_secs(1);

/// The line of one run root.
#[derive(Debug, Clone)]
pub struct Queue {
    dir: PathBuf,
}

/// A place in line, or a slot: given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    ticket: Ticket,
    task: TaskId,
    path: PathBuf,
    _lock: Lock,
}

impl Place {
    /// Creates a locked file. It gets its name when it is locked: who sees it sees it held.
    fn take(dir: &Path, ticket: Ticket, task: &TaskId) -> Result<Self> {
        create_private_dir(dir)?;
        let path = dir.join(name(ticket, task));
        let unnamed = dir.join(format!(".{}-{task}", ticket.0));
        let lock = Lock::acquire(&unnamed, Duration::ZERO)?;
        fs::rename(&unnamed, &path)
            .with_context(|| format!("could not create `{}`", path.display()))?;
        Ok(Self { ticket, task: task.clone(), path, _lock: lock })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // First the name, then the lock: what has a name and no holder was left by somebody who died.
        let _ = fs::remove_file(&self.path);
    }
}

/// Sorted by name is sorted by ticket.
fn name(ticket: Ticket, task: &TaskId) -> String {
    format!("{:012}-{task}", ticket.0)
}

/// Whether it is a name that a place has, and no other file. One with a dot in front has no name yet.
fn is_place(entry: &DirEntry) -> bool {
    let file_name = entry.file_name();
    let parts = file_name.to_str().and_then(|text| text.split_once('-'));
    let ours = parts.and_then(|(ticket, task)| {
        Some(name(Ticket(ticket.parse().ok()?), &TaskId::new(task).ok()?))
    });
    ours.is_some_and(|ours| file_name == *ours)
        && entry.file_type().is_ok_and(|kind| kind.is_file())
}

/// What the line says to one who asks for a slot.
#[derive(Debug)]
pub enum Answer {
    /// A slot of its own. The place in line may be left.
    Yours(Place),
    /// Wait until one of these is open: the one before, or at the head of the line those who have a slot.
    Wait { until_open: Vec<PathBuf>, at: Position },
}

/// Where in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The next slot is its own; whether there is one depends on the limit.
    Head,
    Behind,
}

impl Queue {
    pub fn of(root: &RunRoot) -> Self {
        Self { dir: root.path().join("queue") }
    }

    /// Takes a place in line.
    pub fn join(&self, ticket: Ticket, task: &TaskId) -> Result<Place> {
        create_private_dir(&self.dir)?;
        Place::take(&self.waiting(), ticket, task)
    }

    /// Asks for a slot for whoever has this place. Nobody gets one while somebody with a lower ticket waits. `agents` is
    /// how many slots are not for commands now.
    pub fn ask(&self, place: &Place, limit: SlotLimit, agents: usize) -> Result<Answer> {
        if let Some(before) = self.before(place)? {
            return Ok(Answer::Wait { until_open: vec![before], at: Position::Behind });
        }
        // Two may both be the first: one that came late with a lower ticket, and one that saw the line before.
        let turn = Lock::acquire(&self.dir.join("turn"), TURN_WAIT)?;
        if let Some(before) = self.before(place)? {
            return Ok(Answer::Wait { until_open: vec![before], at: Position::Behind });
        }
        let held = held(&self.running())?;
        let is_free = match limit {
            SlotLimit::Unlimited => true,
            SlotLimit::AtMost(slots) => held.len() + agents < slots.get(),
        };
        if !is_free {
            return Ok(Answer::Wait { until_open: held, at: Position::Head });
        }
        let slot = Place::take(&self.running(), place.ticket, &place.task)?;
        drop(turn);
        Ok(Answer::Yours(slot))
    }

    fn waiting(&self) -> PathBuf {
        self.dir.join("waiting")
    }

    fn running(&self) -> PathBuf {
        self.dir.join("running")
    }

    /// The nearest of those with lower tickets who still wait.
    fn before(&self, place: &Place) -> Result<Option<PathBuf>> {
        let mut lower = names(&self.waiting())?;
        lower.retain(|path| path.file_name() < place.path.file_name());
        lower.sort();
        while let Some(path) = lower.pop() {
            if is_held_or_gone(&path)? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }
}

/// Those files of a folder that are held; what a dead process left is removed.
fn held(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut held = Vec::new();
    for path in names(dir)? {
        if is_held_or_gone(&path)? {
            held.push(path);
        }
    }
    Ok(held)
}

/// Whether somebody holds this file. One that nobody holds was left by a process that died, and is removed.
fn is_held_or_gone(path: &Path) -> Result<bool> {
    let held = is_held(path).with_context(|| format!("could not look at `{}`", path.display()))?;
    if !held {
        let _ = fs::remove_file(path);
    }
    Ok(held)
}

fn names(dir: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("could not list `{}`", dir.display());
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(context),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.with_context(context)?;
        // Sandboxed commands can write here: what is none of ours holds nobody up, and stays.
        if is_place(&entry) {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use sisyphus_testing::TempDir;
    use std::num::NonZeroUsize;

    const TWO: SlotLimit = SlotLimit::AtMost(NonZeroUsize::new(2).unwrap());
    const THREE: SlotLimit = SlotLimit::AtMost(NonZeroUsize::new(3).unwrap());

    fn queue(dir: &TempDir) -> Queue {
        let environment =
            Environment { claude_tmpdir: Some(dir.path().to_owned()), ..Environment::default() };
        Queue::of(&RunRoot::create(&environment).unwrap())
    }

    fn join(queue: &Queue, number: u64) -> Place {
        queue.join(Ticket(number), &TaskId::new(format!("t{number}")).unwrap()).unwrap()
    }

    fn slot(answer: Answer) -> Place {
        match answer {
            Answer::Yours(slot) => slot,
            Answer::Wait { until_open, at } => panic!("{at:?} {until_open:?}"),
        }
    }

    /// Where it waits, and the tickets that it waits for.
    fn waits(answer: Answer) -> (Position, Vec<u64>) {
        let Answer::Wait { until_open, at } = answer else { panic!("it has a slot") };
        let number = |path: PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            name.split('-').next().unwrap().parse().unwrap()
        };
        let mut numbers: Vec<u64> = until_open.into_iter().map(number).collect();
        numbers.sort_unstable();
        (at, numbers)
    }

    #[test]
    fn nobody_gets_a_slot_before_a_lower_ticket_or_above_the_limit() {
        let dir = TempDir::new();
        let queue = queue(&dir);
        let [one, two, three, four] = [1, 2, 3, 4].map(|number| join(&queue, number));
        assert_eq!(waits(queue.ask(&two, TWO, 0).unwrap()), (Position::Behind, vec![1]));
        let first = slot(queue.ask(&one, TWO, 0).unwrap());
        drop(one);
        let second = slot(queue.ask(&two, TWO, 0).unwrap());
        drop(two);
        assert_eq!(waits(queue.ask(&three, TWO, 0).unwrap()), (Position::Head, vec![1, 2]));
        assert_eq!(waits(queue.ask(&four, TWO, 0).unwrap()), (Position::Behind, vec![3]));
        // The limit counts as it is now.
        let third = slot(queue.ask(&three, THREE, 0).unwrap());
        drop(three);
        drop(first);
        assert_eq!(waits(queue.ask(&four, TWO, 0).unwrap()), (Position::Head, vec![2, 3]));
        drop(second);
        drop(slot(queue.ask(&four, TWO, 0).unwrap()));
        drop(third);
        drop(slot(queue.ask(&four, SlotLimit::Unlimited, 0).unwrap()));
    }

    #[test]
    fn what_agents_have_commands_have_not() {
        let dir = TempDir::new();
        let queue = queue(&dir);
        let [one, two] = [1, 2].map(|number| join(&queue, number));
        assert_eq!(waits(queue.ask(&one, TWO, 2).unwrap()), (Position::Head, vec![]));
        let first = slot(queue.ask(&one, TWO, 1).unwrap());
        drop(one);
        assert_eq!(waits(queue.ask(&two, TWO, 1).unwrap()), (Position::Head, vec![1]));
        drop(slot(queue.ask(&two, SlotLimit::Unlimited, 9).unwrap()));
        drop(slot(queue.ask(&two, TWO, 0).unwrap()));
        drop(first);
    }

    #[test]
    fn a_gap_closes() {
        let dir = TempDir::new();
        let queue = queue(&dir);
        let [one, two, three] = [1, 2, 3].map(|number| join(&queue, number));
        drop(two);
        assert_eq!(waits(queue.ask(&three, TWO, 0).unwrap()), (Position::Behind, vec![1]));
        drop(one);
        drop(slot(queue.ask(&three, TWO, 0).unwrap()));
    }

    #[test]
    fn what_the_dead_left_counts_for_nothing_and_is_removed() {
        let dir = TempDir::new();
        let queue = queue(&dir);
        let two = join(&queue, 2);
        // A killed process closes its files and leaves their names.
        let names = [queue.waiting(), queue.running()].map(|dir| {
            create_private_dir(&dir).unwrap();
            dir.join("000000000001-t1")
        });
        for path in &names {
            fs::write(path, "").unwrap();
        }
        drop(slot(queue.ask(&two, SlotLimit::AtMost(NonZeroUsize::MIN), 0).unwrap()));
        assert!(!names.iter().any(|path| path.exists()));
    }
}
