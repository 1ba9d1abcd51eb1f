//! The queue among several entries of one process: `flock` belongs to an open file, so two of them are like two
//! processes.

use std::fs;
use std::num::NonZeroUsize;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use sisyphus_base::id::{ClientTaskId, TaskId, Ticket};
use sisyphus_base::paths::client_config_dir;
use sisyphus_settings::SlotLimit;
use sisyphus_testing::TempDir;
use sisyphus_testing::files::mode;

use super::*;

fn capacity(slots: usize) -> Capacity {
    let limit = NonZeroUsize::new(slots).map_or(SlotLimit::Unlimited, SlotLimit::AtMost);
    Capacity { limit, agents: 0 }
}

fn line(dir: &TempDir) -> Line {
    Line::at(&dir.path().join("line"), None).unwrap()
}

fn ticket(number: u64) -> LineTicket {
    LineTicket::new(Ticket(number), &ClientTaskId::new("b1").unwrap())
}

fn join(line: &Line, number: u64) -> QueueEntry {
    line.join(ticket(number)).unwrap()
}

fn slot(attempt: Attempt) -> SlotGuard {
    match attempt {
        Attempt::Acquired(slot) => slot,
        Attempt::Queued { position, until_open } => panic!("{position:?} {until_open:?}"),
    }
}

fn ask(line: &Line, entry: &QueueEntry, capacity: Capacity) -> Attempt {
    line.try_acquire(entry, capacity).unwrap()
}

/// How many are before it, and the numbers of the tickets or slots that it waits for.
fn waits(attempt: Attempt) -> (usize, Vec<u64>) {
    let Attempt::Queued { position, until_open } = attempt else { panic!("it has a slot") };
    let number = |watched: Watched| {
        let name = watched.path().file_name().unwrap().to_str().unwrap().to_owned();
        let digits = name.strip_prefix("slot-").unwrap_or_else(|| &name[..20]);
        digits.parse().unwrap()
    };
    let mut numbers: Vec<u64> = until_open.into_iter().map(number).collect();
    numbers.sort_unstable();
    (position.0, numbers)
}

fn files(dir: &Path) -> Vec<String> {
    let mut files: Vec<String> = names(dir).unwrap().into_iter().map(|(name, _)| name).collect();
    files.sort();
    files
}

#[test]
fn slots_go_in_the_order_of_the_line_within_the_limit() {
    let dir = TempDir::new();
    let line = line(&dir);
    let [one, two, three, four] = [1, 2, 3, 4].map(|number| join(&line, number));
    assert_eq!(waits(ask(&line, &two, capacity(2))), (1, vec![1]));
    let first = slot(ask(&line, &one, capacity(2)));
    drop(one);
    let second = slot(ask(&line, &two, capacity(2)));
    drop(two);
    assert_eq!(waits(ask(&line, &three, capacity(2))), (0, vec![1, 2]));
    assert_eq!(waits(ask(&line, &four, capacity(2))), (1, vec![3]));
    // The limit counts as it is now.
    let third = slot(ask(&line, &three, capacity(3)));
    drop(three);
    drop(first);
    assert_eq!(waits(ask(&line, &four, capacity(2))), (0, vec![2, 3]));
    drop(second);
    drop(slot(ask(&line, &four, capacity(2))));
    drop(third);
    drop(slot(ask(&line, &four, capacity(0))));
    drop(four);
    assert_eq!(files(&line.waiting), files(&slots_of(&dir.path().join("line"))));
}

/// The moved entry is next, and the one that was next waits for it.
#[test]
fn an_entry_moves_to_the_front() {
    let dir = TempDir::new();
    let line = line(&dir);
    let [one, two, three] = [1, 2, 3].map(|number| join(&line, number));
    assert!(line.join_first(&one).unwrap().is_none(), "it is the next one already");
    let moved = line.join_first(&three).unwrap().unwrap();
    drop(three);
    assert_eq!(waits(ask(&line, &one, capacity(1))), (1, vec![0]));
    assert_eq!(waits(ask(&line, &two, capacity(1))), (2, vec![1]));
    let slot = slot(ask(&line, &moved, capacity(1)));
    drop(moved);
    assert_eq!(waits(ask(&line, &one, capacity(1))), (0, vec![1]));
    drop(slot);
}

#[test]
fn agents_take_of_the_limit() {
    let dir = TempDir::new();
    let line = line(&dir);
    let [one, two] = [1, 2].map(|number| join(&line, number));
    let with = |agents| Capacity { agents, ..capacity(2) };
    assert_eq!(waits(ask(&line, &one, with(2))), (0, vec![]));
    let first = slot(ask(&line, &one, with(1)));
    drop(one);
    assert_eq!(waits(ask(&line, &two, with(1))), (0, vec![1]));
    drop(slot(ask(&line, &two, Capacity { agents: 9, ..capacity(0) })));
    drop(slot(ask(&line, &two, with(0))));
    drop(first);
}

#[test]
fn a_gap_in_the_line_closes() {
    let dir = TempDir::new();
    let line = line(&dir);
    let [one, two, three] = [1, 2, 3].map(|number| join(&line, number));
    assert_eq!(waits(ask(&line, &three, capacity(2))), (2, vec![2]));
    drop(two);
    assert_eq!(waits(ask(&line, &three, capacity(2))), (1, vec![1]));
    drop(one);
    drop(slot(ask(&line, &three, capacity(2))));
}

/// S9, S10: the kernel opens the locks of a container that is killed, whatever host name it had.
#[test]
fn a_dead_runner_holds_nothing_and_is_cleaned_up() {
    let dir = TempDir::new();
    let line = line(&dir);
    let second = join(&line, 2);
    // A killed process closes its files and leaves their names.
    let slots = slots_of(&dir.path().join("line"));
    let left = [line.waiting.join(ticket(1).as_str()), slots.join("slot-1")];
    for path in &left {
        fs::write(path, "").unwrap();
        fs::write(lock_file::description_of(path), "{}").unwrap();
    }
    drop(slot(ask(&line, &second, capacity(1))));
    for path in &left {
        assert!(!path.exists(), "{}", path.display());
        assert!(!lock_file::description_of(path).exists(), "{}", path.display());
    }
}

/// S3: of many that ask at once no more get a slot than the limit allows, without a lock for taking turns.
#[test]
fn the_limit_is_exact_among_many() {
    // Limits of two configuration folders, slots beyond the limit, and how many get one at most.
    let cases = [([1, 1], 0, 1), ([2, 2], 0, 2), ([2, 3], 0, 3), ([3, 3], 1, 2), ([2, 2], 2, 0)];
    for (limits, beyond, most) in cases {
        let dir = TempDir::new();
        let ours = line(&dir);
        let first = join(&ours, 0);
        let over = (0..beyond).map(|_| ours.overflow(&first, capacity(limits[1])).unwrap());
        let over: Vec<SlotGuard> = over.collect();
        let (asked, got) = (Barrier::new(16), AtomicUsize::new(0));
        let seen = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for number in 0..16_usize {
                let (asked, got, seen) = (&asked, &got, &seen);
                let line = line(&dir);
                let entry = join(&line, 1 + number as u64);
                let capacity = capacity(limits[number % 2]);
                scope.spawn(move || {
                    for _ in 0..30 {
                        asked.wait();
                        let slot = line.pass(&entry, capacity).unwrap();
                        got.fetch_add(usize::from(slot.is_some()), Ordering::SeqCst);
                        // All have asked, and have what they got.
                        asked.wait();
                        seen.fetch_max(got.load(Ordering::SeqCst), Ordering::SeqCst);
                        asked.wait();
                        got.fetch_sub(usize::from(slot.is_some()), Ordering::SeqCst);
                        drop(slot);
                    }
                });
            }
        });
        drop(over);
        assert!(seen.into_inner() <= most, "{limits:?} {beyond}");
        assert_eq!(files(&slots_of(&dir.path().join("line"))), Vec::<String>::new());
    }
}

/// A file that was removed while it was held is no slot: what comes next must not count on it.
#[test]
#[cfg_attr(windows, ignore = "Windows keeps the name of a removed file until all have closed it")]
fn a_lock_on_a_removed_file_is_taken_again() {
    let dir = TempDir::new();
    let line = line(&dir);
    let path = slots_of(&dir.path().join("line")).join("slot-1");
    let entry = join(&line, 1);
    let held = slot(ask(&line, &entry, capacity(1)));
    fs::remove_file(&path).unwrap();
    let again = slot(ask(&line, &entry, capacity(1)));
    assert!(sys::is_at(&sys::open_lock_to_probe(&path).unwrap(), &path).unwrap());
    assert_eq!(waits(ask(&line, &entry, capacity(1))), (0, vec![1]));
    // The first one does not remove the name of the second.
    drop(held);
    assert_eq!(waits(ask(&line, &entry, capacity(1))), (0, vec![1]));
    drop(again);
}

#[test]
fn an_overflow_slot_counts() {
    let dir = TempDir::new();
    let line = line(&dir);
    let [one, two, three] = [1, 2, 3].map(|number| join(&line, number));
    let over = line.overflow(&one, capacity(2)).unwrap();
    drop(one);
    let second = slot(ask(&line, &two, capacity(2)));
    drop(two);
    assert_eq!(waits(ask(&line, &three, capacity(2))).0, 0);
    assert!(!line.has_room(capacity(2)).unwrap());
    drop(over);
    assert!(line.has_room(capacity(2)).unwrap());
    drop(slot(ask(&line, &three, capacity(2))));
    drop(second);
}

/// What the sandbox sees of outside: the descriptions. The other way nothing is looked at.
#[test]
#[cfg_attr(windows, ignore = "there is no sandbox on Windows")]
fn a_sandboxed_runner_takes_what_is_left_outside() {
    let dir = TempDir::new();
    let outside = line(&dir);
    let slots = slots_of(&dir.path().join("line"));
    let inside = Line::at(&dir.path().join("inside"), Some(slots)).unwrap();
    let [one, two] = [1, 2].map(|number| join(&outside, number));
    let within = join(&inside, 3);
    let mut first = slot(ask(&outside, &one, capacity(2)));
    let occupant =
        Occupant { task: TaskId::new("t1").unwrap(), folder: None, configuration: None, pid: 1 };
    first.describe(&occupant);
    let inner = slot(ask(&inside, &within, capacity(2)));
    assert_eq!(waits_for(ask(&inside, &within, capacity(2))), ["slot-1", "slot-1.json"]);
    // Outside the whole limit is there.
    drop(one);
    let second = slot(ask(&outside, &two, capacity(2)));
    drop((inner, first, second));
    drop(slot(ask(&inside, &within, capacity(2))));
}

fn waits_for(attempt: Attempt) -> Vec<String> {
    let Attempt::Queued { until_open, .. } = attempt else { panic!("it has a slot") };
    let name = |it: &Watched| it.path().file_name().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<String> = until_open.iter().map(name).collect();
    names.sort();
    names
}

/// S11: holders and waiters can be shown, whatever configuration folder it belongs to.
#[test]
fn a_snapshot_names_holders_and_waiters() {
    let dir = TempDir::new();
    let runtime = dir.path().join("runtime");
    let environment = Environment {
        sisyphus_runtime_dir: Some(runtime),
        home: Some("/home/two".into()),
        ..Environment::default()
    };
    let runtime = RuntimeDir::create(&environment).unwrap();
    let line = Line::at(&runtime.line(), None).unwrap();
    let occupant = |task: &str| Occupant {
        task: TaskId::new(task).unwrap(),
        folder: Some("/work".to_owned()),
        configuration: Some("/home/one".to_owned()),
        pid: 7,
    };
    let mut first = join(&line, 1);
    let mut held = slot(ask(&line, &first, capacity(1)));
    held.describe(&occupant("t7"));
    first.describe(&occupant("t8"));
    let second = join(&line, 2);
    fs::write(line.waiting.join(ticket(3).as_str()), "").unwrap();
    let seen = Snapshot::read(&environment, |_| true).unwrap();
    let holder = Listed { place: 1, occupant: Some(occupant("t7")) };
    assert_eq!(seen.holders, [holder]);
    let waiters = [
        Listed { place: ticket(1), occupant: Some(occupant("t8")) },
        Listed { place: ticket(2), occupant: None },
    ];
    assert_eq!(seen.waiters, waiters);
    let standing = |id: &str| seen.standing(id);
    assert_eq!(standing("t7"), None, "it is another configuration folder's");
    assert_eq!(seen.elsewhere(), [("/home/one", 1)].into());
    let of_one = Some("/home/one".into());
    let seen = Snapshot::read(&Environment { claude_config_dir: of_one, ..environment }, |_| true)
        .unwrap();
    let standing = |id: &str| seen.standing(id);
    assert_eq!(standing("t7"), Some(Standing::HasSlot));
    assert_eq!(standing("t8"), Some(Standing::Waits(1)));
    assert_eq!(standing("t9"), None);
    assert_eq!(seen.elsewhere(), [].into());
    let all = folders(Some(&runtime), &[]).into_iter().flat_map(|dir| names(&dir).unwrap());
    let left: Vec<PathBuf> = all.map(|(_, path)| path).filter(|it| is_left_behind(it)).collect();
    assert_eq!(left, [line.waiting.join(ticket(3).as_str())]);
    drop((first, second, held));
}

/// A hook reads no more of a long queue than it needs, and what a killed runner left counts in no view.
#[test]
fn a_view_leaves_out_what_decides_nothing() {
    let dir = TempDir::new();
    let runtime = Some(dir.path().join("runtime"));
    let environment = Environment { sisyphus_runtime_dir: runtime, ..Environment::default() };
    let environment = Environment { home: Some("/home/one".into()), ..environment };
    let line = Line::at(&RuntimeDir::create(&environment).unwrap().line(), None).unwrap();
    let configuration = client_config_dir(&environment).ok();
    let configuration = configuration.map(|dir| dir.to_string_lossy().into_owned());
    let enter = |number: u64, name: &str| {
        let shell = ClientTaskId::new(name).unwrap();
        line.join(LineTicket::new(Ticket(number), &shell)).unwrap()
    };
    let occupant = |name: &str| {
        let (task, configuration) = (TaskId::new(name).unwrap(), configuration.clone());
        Occupant { task, folder: None, configuration, pid: 1 }
    };
    let holder = enter(1, "b1");
    let mut held = slot(ask(&line, &holder, capacity(1)));
    held.describe(&occupant("b1"));
    drop(holder);
    let mut waiting = [2, 3].map(|number| enter(number, &format!("b{number}")));
    for (entry, name) in waiting.iter_mut().zip(["b2", "b3"]) {
        entry.describe(&occupant(name));
    }
    // It came before both, and was killed.
    fs::write(line.waiting.join(ticket(1).as_str()), "").unwrap();
    let seen = |view| Snapshot::read_as(view, &environment, |_| true).unwrap();

    let whole = seen(View::Whole);
    let position = seen(View::PositionOf("b3"));
    assert_eq!(position.standing("b3"), Some(Standing::Waits(2)));
    assert_eq!(position.standing("b1"), Some(Standing::HasSlot));
    let described = |seen: &Snapshot| -> Vec<bool> {
        seen.waiters.iter().map(|it| it.occupant.is_some()).collect()
    };
    assert_eq!((described(&whole), described(&position)), (vec![true; 2], vec![false, true]));
    for name in ["b1", "b2", "b3", "b4"] {
        assert_eq!(position.names(name), whole.names(name), "{name}");
    }
    let full = seen(View::Room { slots: 1 });
    assert_eq!((&full.holders, &full.waiters), (&whole.holders, &Vec::new()));
    assert_eq!(seen(View::Room { slots: 2 }).holders, []);
    // A slot whose holder was killed is free, so what waits decides.
    fs::write(line.slots.dir.join("slot-2"), "").unwrap();
    assert_eq!(seen(View::Room { slots: 2 }), whole);
    drop((held, waiting));
}

/// Even `flock` with a descriptor for reading is kept off, for all but root.
#[test]
#[cfg_attr(windows, ignore = "Windows has no permission bits")]
fn lock_files_can_only_be_written() {
    let dir = TempDir::new();
    let line = line(&dir);
    let entry = join(&line, 1);
    let held = slot(ask(&line, &entry, capacity(1)));
    for path in [entry.held.path(), held.held.path()] {
        assert_eq!(mode(path), 0o200);
    }
}
