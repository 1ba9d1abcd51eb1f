//! Every interleaving of two hooks that deliver one result at once, killed after any of their steps, with real files.
//!
//! Whatever happens, the result is reported once; or more than once, and each time but the first says so.

use std::cell::RefCell;
use std::collections::HashSet;
use std::time::Duration;

use chrono::Utc;
use sisyphus_base::clock::Now;
use sisyphus_base::id::{ClientTaskId, SessionId, TaskId};
use sisyphus_base::paths::StateDir;
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_tasks::delivery::{Attempt, Channel, Revision};
use sisyphus_tasks::recipient::Recipient;
use sisyphus_testing::TempDir;

use super::commit::Store;
use super::inbox;
use crate::completion::{ClientEnd, Completion, Known, Notice};
use crate::event::Event;
use crate::reconcile::{Scope, World};

const WAIT: Duration = Duration::from_secs(20);
/// Judge the holders of leases, lease, print, post the acknowledgement.
const STEPS: usize = 4;
/// The step that takes the lock.
const LEASE: usize = 1;

/// What one hook has done so far.
#[derive(Default)]
struct Hook {
    pid: i32,
    done: usize,
    /// The holders of leases that were dead when it looked.
    dead: Vec<ProcessRef>,
    leased: Vec<(TaskId, Revision, Attempt)>,
}

struct Stage {
    dir: TempDir,
    store: Store,
    session: SessionId,
    killed: RefCell<HashSet<i32>>,
    told: RefCell<Vec<(Revision, Attempt)>>,
}

impl Stage {
    fn new() -> Self {
        let dir = TempDir::new();
        Self {
            store: Store::new(StateDir::at(dir.path().join("state"))),
            dir,
            session: SessionId::new("s1").unwrap(),
            killed: RefCell::default(),
            told: RefCell::default(),
        }
    }

    fn world(&self) -> World<'_> {
        World { is_gone: |_| false, client_tmp: self.dir.path(), scope: Scope::Ended }
    }

    /// The client's notice of the only command.
    fn notice(&self, end: ClientEnd) -> Event {
        let notice = Notice {
            session: self.session.clone(),
            client_id: ClientTaskId::new("b1").unwrap(),
            tool_use_id: None,
            description: "tests".to_owned(),
            output_file: None,
            cwd: "/".into(),
            end,
        };
        // As the hook does: what has no live record may be retired.
        let retired = self.store.find_retired(&notice.session, &notice.client_id);
        let new = || Known::New(TaskId::new("t1").unwrap());
        let known = retired.map_or_else(new, |task| Known::Retired(Box::new(task)));
        Event::Completed(Box::new(Completion { notice, known, output: None }))
    }

    fn step(&self, hook: &mut Hook) {
        self.step_while(hook, || ());
    }

    /// Takes one step. `other` happens during it: in a commit, after the commit read the inbox.
    fn step_while(&self, hook: &mut Hook, other: impl FnOnce()) {
        let by = ProcessRef { pid: hook.pid, start: Some(1), namespace: None };
        match hook.done {
            0 => {
                let peek = self.store.peek(&self.world()).unwrap();
                let killed = self.killed.borrow();
                let holders = peek.active.lease_holders();
                hook.dead = holders.filter(|it| killed.contains(&it.pid)).cloned().collect();
            }
            LEASE => {
                let lease = |active: &mut super::Active, now: Now| {
                    other();
                    let may_print = |process: &ProcessRef| !hook.dead.contains(process);
                    let to = Recipient::MainConversation;
                    active.lease(&self.session, &to, &by, 9, may_print, now.tick)
                };
                let leased = self.store.update(&self.world(), WAIT, lease).unwrap();
                hook.leased = leased
                    .into_iter()
                    .map(|it| (it.task.id.clone(), it.task.revision(), it.attempt))
                    .collect();
            }
            2 => {
                let printed =
                    hook.leased.iter().map(|(_, revision, attempt)| (*revision, *attempt));
                self.told.borrow_mut().extend(printed);
            }
            _ => {
                let results = hook.leased.iter().map(|(id, revision, _)| (id.clone(), *revision));
                let (results, channel) = (results.collect(), Channel::Event);
                self.store
                    .post(&Event::Printed { by, results, channel, at: Utc::now(), client: None })
                    .unwrap();
            }
        }
        hook.done += 1;
    }

    /// A hook that nothing kills.
    fn recover(&self, pid: i32) {
        let mut hook = Hook { pid, ..Hook::default() };
        (0..STEPS).for_each(|_| self.step(&mut hook));
    }
}

/// Every order in which two hooks take their steps; `true` is a step of the second one.
fn orders() -> Vec<Vec<bool>> {
    let all = 0_u32..1 << (2 * STEPS);
    let halves = all.filter(|bits| bits.count_ones() as usize == STEPS);
    halves.map(|bits| (0..2 * STEPS).map(|step| bits >> step & 1 == 1).collect()).collect()
}

/// When a step of one hook that needs no lock happens, if it follows a commit of the other.
#[derive(Debug, Clone, Copy)]
enum Follows {
    After,
    During,
}

/// Takes the steps in this order. `lives` says how many steps each hook takes before it exits or is killed.
fn play(stage: &Stage, order: &[bool], lives: [usize; 2], follows: Follows) {
    let mut hooks = [1, 2].map(|pid| Hook { pid, ..Hook::default() });
    let mut steps = order.iter().copied().peekable();
    while let Some(second) = steps.next() {
        let [one, two] = &mut hooks;
        let (hook, other) = if second { (two, one) } else { (one, two) };
        let (own, others) = if second { (lives[1], lives[0]) } else { (lives[0], lives[1]) };
        let step = |hook: &mut Hook, lives: usize| {
            if hook.done < lives {
                stage.step(hook);
            }
            if hook.done == lives {
                stage.killed.borrow_mut().insert(hook.pid);
            }
        };
        if matches!(follows, Follows::During) && hook.done == LEASE && own > LEASE {
            stage.step_while(hook, || {
                while other.done != LEASE && steps.next_if_eq(&!second).is_some() {
                    step(other, others);
                }
            });
        } else {
            step(hook, own);
        }
        if hook.done == own {
            stage.killed.borrow_mut().insert(hook.pid);
        }
    }
    stage.killed.borrow_mut().extend([1, 2]);
}

/// I1, I2: two hooks, each killed after any number of steps, in every order.
#[test]
fn a_result_is_told_once_or_marked() {
    let mut told_twice = 0;
    let cases = orders().into_iter().flat_map(|order| {
        let kills = 0..(STEPS + 1) * (STEPS + 1);
        kills.map(move |kills| (order.clone(), [kills / (STEPS + 1), kills % (STEPS + 1)]))
    });
    for (order, lives) in cases {
        for follows in [Follows::After, Follows::During] {
            let stage = Stage::new();
            stage.store.post(&stage.notice(ClientEnd::ExitCode(3))).unwrap();
            play(&stage, &order, lives, follows);
            stage.recover(3);
            let told = stage.told.borrow();
            let name = format!("{order:?} {lives:?} {follows:?} {told:?}");
            assert!(!told.is_empty(), "never reported: {name}");
            let unmarked = told.iter().filter(|(_, attempt)| *attempt == Attempt::First).count();
            assert!(unmarked <= 1, "reported twice unmarked: {name}");
            if lives == [STEPS, STEPS] {
                assert_eq!(told.len(), 1, "reported twice without a kill: {name}");
            }
            told_twice += usize::from(told.len() > 1);
        }
    }
    // Killed between print and acknowledgement: the one case in which it can't be known.
    assert!(told_twice > 0);
}

/// I3: a better source that comes at any moment is reported too, once, as a correction.
#[test]
fn a_correction_at_any_moment_is_told() {
    for moment in 0..=STEPS {
        let stage = Stage::new();
        stage.store.post(&stage.notice(ClientEnd::Unclear)).unwrap();
        let mut hook = Hook { pid: 1, ..Hook::default() };
        for step in 0..=STEPS {
            if step == moment {
                stage.store.post(&stage.notice(ClientEnd::ExitCode(9))).unwrap();
            }
            if step < STEPS {
                stage.step(&mut hook);
            }
        }
        stage.recover(3);
        stage.recover(4);
        let told: Vec<_> = stage.told.borrow().iter().map(|(_, attempt)| *attempt).collect();
        // Before the lease nothing was reported that could be corrected.
        let expected: &[Attempt] = match moment {
            0 | LEASE => &[Attempt::First],
            _ => &[Attempt::First, Attempt::Correction],
        };
        assert_eq!(told, expected, "at step {moment}");
    }
}

/// I1: a process that dies between the commit and the removal of an event's file does not have it applied twice.
#[test]
fn an_event_is_applied_once() {
    let stage = Stage::new();
    stage.store.post(&stage.notice(ClientEnd::ExitCode(3))).unwrap();
    let name = inbox::names(stage.store.dir()).remove(0);
    let file =
        stage.store.dir().inbox_dir().join(serde_json::to_value(&name).unwrap().as_str().unwrap());
    let bytes = std::fs::read(&file).unwrap();
    for _ in 0..3 {
        stage.store.update(&stage.world(), WAIT, |_, _| ()).unwrap();
        // As if it had not been removed.
        std::fs::write(&file, &bytes).unwrap();
    }
    stage.recover(1);
    stage.recover(2);
    assert_eq!(stage.told.borrow().len(), 1);
}

/// Events commute: the calls, ends and stops of one command lead to the same record in every order.
#[test]
fn events_come_in_any_order() {
    let stage = || Stage::new();
    let events = |stage: &Stage| {
        let session = stage.session.clone();
        let client_id = ClientTaskId::new("b1").unwrap();
        let call = serde_json::json!({
            "client": { "id": "b1" }, "task": "t1", "ticket": 1, "at": "2026-11-21T02:30:00Z",
            "session": "s1", "tool_use_id": "toolu_1", "cwd": "/x", "command": "make",
        });
        [
            Event::Joined(Box::new(serde_json::from_value(call).unwrap())),
            stage.notice(ClientEnd::ExitCode(3)),
            Event::StopConfirmed { session, client_id, at: Utc::now() },
        ]
    };
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for order in orders {
        let stage = stage();
        let events = events(&stage);
        for number in order {
            stage.store.post(&events[number]).unwrap();
        }
        stage.recover(1);
        stage.store.update(&stage.world(), WAIT, |_, _| ()).unwrap();
        let active = stage.store.read_active().unwrap();
        let [task] = active.tasks.as_slice() else { panic!("{order:?}: {:?}", active.tasks) };
        assert_eq!(task.status().word(), "failed", "{order:?}");
        assert_eq!((task.command.as_str(), task.cwd.to_str()), ("make", Some("/x")), "{order:?}");
        assert_eq!(stage.told.borrow().len(), 1, "{order:?}");
    }
}
