//! What a commit applies, writes and removes, with real files.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use sisyphus_base::clock::Tick;
use sisyphus_base::id::{ClientTaskId, TaskId};
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_tasks::outcome::Outcome;
use sisyphus_tasks::status::Ending;
use sisyphus_tasks::task::Event as TaskEvent;
use sisyphus_tasks::task::samples::{confirmed, finished, pending};
use sisyphus_testing::TempDir;

use super::*;
use crate::reconcile::Scope;

const WAIT: Duration = Duration::from_secs(20);

struct Stage {
    dir: TempDir,
    store: Store,
}

impl Stage {
    fn new() -> Self {
        let dir = TempDir::new();
        Self { store: Store::new(StateDir::at(dir.path().join("state"))), dir }
    }

    fn world(&self) -> World<'_> {
        World { is_gone: |_| false, client_tmp: self.dir.path(), scope: Scope::All }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Active, Now) -> T) -> T {
        self.store.update(&self.world(), WAIT, change).unwrap()
    }

    fn insert(&self, task: Task) {
        self.change(|active, _| active.insert(task));
    }

    fn has_news(&self) -> bool {
        self.store.peek(&self.world()).unwrap().has_news()
    }

    fn ids(&self) -> Vec<String> {
        let active = self.store.read_active().unwrap();
        active.tasks.iter().map(|task| task.id.to_string()).collect()
    }

    fn is_inbox_empty(&self) -> bool {
        inbox::names(self.store.dir()).is_empty()
    }
}

fn id(id: &str) -> TaskId {
    TaskId::new(id).unwrap()
}

/// An event that adds this task.
fn adds(task: &str) -> Event {
    Event::Unparked { tasks: vec![pending(task, 1)] }
}

/// A task that no commit keeps: the model and Claude Code have read how it ended.
fn settled(name: &str, outcome: Outcome) -> Task {
    let mut task = finished(name, outcome);
    task.last_word = Some(Tick(1));
    let revision = task.revision();
    task.deliver(sisyphus_tasks::delivery::DeliveryEvent::Read { revision }, Tick::now());
    task
}

/// A posted event, a run that its record does not show and a broken file are news, each by itself.
#[test]
fn a_peek_sees_all_that_a_commit_would_change() {
    let stage = Stage::new();
    assert!(!stage.has_news());
    stage.store.post(&adds("t1")).unwrap();
    assert!(stage.has_news());
    stage.change(|_, _| ());
    assert!(!stage.has_news());

    // Claude Code started it a while ago, and no runner came.
    stage.insert(confirmed("t2", 1));
    assert!(stage.has_news());
    stage.change(|_, _| ());
    assert!(!stage.has_news());

    fs::write(stage.store.dir().active(), "{").unwrap();
    assert!(stage.has_news());
    assert_eq!(stage.ids().len(), 0);
    stage.change(|_, _| ());
    assert!(!stage.has_news());
}

/// A file of a newer version is no damage: nothing reads it, and nothing replaces it.
#[test]
fn a_newer_state_is_refused_and_kept() {
    let stage = Stage::new();
    stage.store.dir().create().unwrap();
    let newer = "{\"version\": 1000}";
    fs::write(stage.store.dir().active(), newer).unwrap();
    assert!(stage.store.read_active().is_err());
    assert!(stage.store.peek(&stage.world()).is_err());
    assert!(stage.store.update(&stage.world(), WAIT, |_, _| ()).is_err());
    assert_eq!(fs::read_to_string(stage.store.dir().active()).unwrap(), newer);
}

/// A commit applies its own events and those of other processes, each of them once and before the handler decides.
#[test]
fn a_commit_applies_own_and_posted_events() {
    let stage = Stage::new();
    stage.store.post(&adds("t1")).unwrap();
    let own = [adds("t2"), adds("t3")];
    let mut seen = stage
        .store
        .commit(None, &own, &stage.world(), WAIT, |active, _| {
            active.tasks.iter().map(|task| task.id.to_string()).collect::<Vec<_>>()
        })
        .unwrap();
    seen.sort();
    assert_eq!(seen, ["t1", "t2", "t3"]);
    assert!(stage.is_inbox_empty());
    stage.store.apply(&adds("t4"), &stage.world(), WAIT).unwrap();
    assert_eq!(stage.ids().len(), 4);
}

/// What another process posts while this one holds the lock is applied before `commit` returns.
#[test]
fn a_commit_catches_up_when_it_unlocks() {
    let stage = Stage::new();
    stage.change(|_, _| stage.store.post(&adds("t1")).unwrap());
    assert_eq!(stage.ids(), ["t1"]);
    assert!(stage.is_inbox_empty());
}

/// One commit applies a batch. The rest follows when it unlocks.
#[test]
fn a_full_inbox_is_applied_in_batches() {
    let stage = Stage::new();
    for number in 0..inbox::BATCH + 10 {
        stage.store.post(&adds(&format!("t{number}"))).unwrap();
    }
    let count = stage.change(|active, _| {
        // Two more batches come while the lock is held.
        for number in 0..inbox::BATCH {
            stage.store.post(&adds(&format!("u{number}"))).unwrap();
        }
        active.tasks.len()
    });
    assert_eq!(count, inbox::BATCH);
    assert_eq!(stage.ids().len(), 2 * inbox::BATCH + 10);
    assert!(stage.is_inbox_empty());
}

/// An applied event whose file can't be removed is not applied again, and does not keep the process busy.
#[test]
fn a_file_that_stays_costs_one_round() {
    static ROUNDS_SEEN: AtomicUsize = AtomicUsize::new(0);
    let stage = Stage::new();
    let process = ProcessRef { pid: 1, start: Some(1), namespace: None };
    let mut watched = confirmed("t1", 1);
    watched.client.as_mut().unwrap().process = Some(process);
    watched.apply(TaskEvent::Observed { at: chrono::Utc::now() }, Tick(1));
    stage.insert(watched);
    let is_gone = |_: &ProcessRef| {
        ROUNDS_SEEN.fetch_add(1, Ordering::Relaxed);
        false
    };
    let world = World { is_gone, ..stage.world() };
    let stay = || {
        for name in inbox::names(stage.store.dir()) {
            let name = serde_json::to_value(name).unwrap();
            let file = stage.store.dir().inbox_dir().join(name.as_str().unwrap());
            fs::remove_file(&file).unwrap();
            fs::create_dir(&file).unwrap();
        }
    };
    stage.store.commit(None, &[adds("t2")], &world, WAIT, |_, _| stay()).unwrap();
    assert_eq!(ROUNDS_SEEN.load(Ordering::Relaxed), 2);
    stage.change(|_, _| ());
    assert_eq!(stage.ids().len(), 2);
    assert!(!stage.is_inbox_empty());
}

/// An event as large as a call may be is applied. A larger one and a broken one are set aside and block nothing.
#[test]
fn a_bad_event_blocks_nothing() {
    let stage = Stage::new();
    let mut large = pending("t1", 1);
    large.command = "x".repeat(2 * 1024 * 1024 - 4096);
    let mut too_large = pending("t2", 1);
    too_large.command = "x".repeat(2 * 1024 * 1024);
    for task in [large, too_large] {
        stage.store.post(&Event::Unparked { tasks: vec![task] }).unwrap();
    }
    let inbox_dir = stage.store.dir().inbox_dir();
    fs::write(inbox_dir.join("0-broken.json"), "{\"event\": \"from_the_future\"}").unwrap();
    // A process was killed before it renamed this one.
    fs::write(inbox_dir.join("1-unfinished.json.tmp"), "{").unwrap();
    stage.store.post(&adds("t3")).unwrap();
    stage.change(|_, _| ());
    assert_eq!(stage.ids(), ["t1", "t3"]);
    assert!(stage.is_inbox_empty());
    let names = fs::read_dir(&inbox_dir).unwrap().map(|entry| entry.unwrap().file_name());
    let aside = names.filter(|name| name.to_str().unwrap().starts_with("0-broken.json.corrupt-"));
    assert_eq!(aside.count(), 2, "the event and the reason");
    let log = fs::read_to_string(stage.store.dir().log()).unwrap();
    assert_eq!(log.lines().filter(|line| line.contains(" inbox: ")).count(), 2, "{log}");
}

/// Readers see what changed, whichever process changed it, and a commit without a change writes nothing.
#[test]
fn only_a_change_replaces_the_file() {
    let stage = Stage::new();
    stage.change(|_, _| ());
    assert!(!stage.store.dir().active().exists());
    stage.insert(pending("t1", 1));
    let other = Store::new(stage.store.dir().clone());
    let insert = |active: &mut Active, _: Now| active.insert(pending("t2", 2));
    other.update(&stage.world(), WAIT, insert).unwrap();
    assert_eq!(stage.ids(), ["t1", "t2"]);
    let written_at = || stage.store.dir().active().metadata().unwrap().modified().unwrap();
    let before = written_at();
    stage.change(|_, _| ());
    assert_eq!(written_at(), before);
}

/// A settled task moves to the history, and its run is removed unless a runner still holds it.
#[test]
fn a_settled_task_leaves_with_its_run() {
    let stage = Stage::new();
    let tasks = [
        settled("t1", Outcome::Completed),
        settled("t2", Outcome::Completed),
        settled("t3", Outcome::Failed { exit_code: 3 }),
    ];
    let runs = tasks.each_ref().map(|task| {
        let run = Run::outside(stage.store.dir(), &task.session, task.client_id().unwrap());
        run.create().unwrap();
        run
    });
    let held = Lock::take_free(&runs[1].lock()).unwrap();
    let session = tasks[0].session.clone();
    stage.change(|active, _| active.tasks.extend(tasks));
    assert_eq!(runs.each_ref().map(|run| run.dir().exists()), [false, true, false]);
    drop(held);

    assert_eq!(stage.ids().len(), 0);
    let ids = |tasks: Vec<Task>| tasks.into_iter().map(|task| task.id).collect::<Vec<_>>();
    assert_eq!(ids(stage.store.read_completed().unwrap().tasks()), [id("t1"), id("t2")]);
    assert_eq!(ids(stage.store.read_failed().unwrap().tasks()), [id("t3")]);
    let warn = |error: &anyhow::Error| panic!("{error:#}");
    assert_eq!(ids(stage.store.read_recent(warn)), [id("t1"), id("t2"), id("t3")]);
    let client_id = ClientTaskId::new("bt3").unwrap();
    let found = stage.store.find_retired(&session, &client_id);
    assert_eq!(found.map(|task| task.id), Some(id("t3")));
    // The model has read all of them.
    assert_eq!(stage.store.find_parked(&session), []);
}

/// A result that nothing read in a week waits in the history, and a full history goes to the archive.
#[test]
fn what_was_not_read_is_found_in_the_history() {
    let stage = Stage::new();
    let mut parked = confirmed("t0", 1);
    let a_week_ago = chrono::Utc::now() - chrono::Duration::days(8);
    let outcome = Outcome::Completed;
    parked.apply(TaskEvent::Ended(Ending::unseen(outcome, a_week_ago)), Tick(1));
    let session = parked.session.clone();
    let read = (1..=200).map(|number| settled(&format!("t{number}"), Outcome::Completed));
    let tasks: Vec<Task> = read.chain([parked]).collect();
    stage.change(|active, _| active.tasks.extend(tasks));
    let ids = |tasks: Vec<Task>| tasks.into_iter().map(|task| task.id).collect::<Vec<_>>();
    assert_eq!(ids(stage.store.find_parked(&session)), [id("t0")]);
    let warn = |error: &anyhow::Error| panic!("{error:#}");
    assert_eq!(ids(stage.store.read_archive(warn)), [id("t1")]);
}

/// Other hooks, once detected, stay noted, and what can't be read counts as other hooks.
#[test]
fn a_session_keeps_that_it_has_other_hooks() {
    let stage = Stage::new();
    let session = |name: &str| SessionId::new(name).unwrap();
    let read = |name: &str| stage.store.read_session(&session(name)).unwrap().rewriting;
    let noted = |name: &str, found| {
        stage.store.write_session(&session(name), found).unwrap();
        read(name)
    };
    let (only_ours, others) = (Rewriting::Exclusive, Rewriting::MaybeShared);
    assert_eq!(read("s1"), others);
    assert_eq!(
        [only_ours, only_ours, others, only_ours].map(|it| noted("s1", it)),
        [only_ours, only_ours, others, others]
    );
    assert_eq!([others, only_ours].map(|it| noted("s2", it)), [others, others]);
    fs::write(stage.store.dir().session(&session("s1")), "{").unwrap();
    assert_eq!([only_ours, only_ours].map(|it| noted("s1", it)), [others, others]);
}
