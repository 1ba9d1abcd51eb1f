//! Hooks that run at the same time.

use std::collections::BTreeSet;
use std::thread;

use sisyphus_testing::TestEnv;

use crate::session::Session;
use crate::start::{is_swallowed, log, told};

/// On a machine that is busy enough some may wait for the lock in vain; those say so, and nothing else is missing.
#[test]
fn of_forty_calls_at_once_each_is_recorded_and_announced_or_says_that_the_lock_was_held() {
    let env = TestEnv::new();
    let sessions = [Session::new(&env), Session::other(&env)];
    thread::scope(|scope| {
        for number in 0..20_u32 {
            let sessions = &sessions;
            scope.spawn(move || {
                for session in sessions {
                    session.tell(&session.call(number).before());
                }
            });
        }
    });
    let log = log(&env);
    let failed_open = log.lines().filter(|line| line.contains("could not lock")).count();
    assert_eq!(failed_open, log.lines().count(), "{log}");
    let mut tickets = BTreeSet::new();
    for session in &sessions {
        let active = session.active();
        tickets.extend(active.iter().map(|task| task["ticket"].as_u64().unwrap()));
        let announced = env.runs().join("announced").join(&session.id);
        assert_eq!(std::fs::read_dir(announced).unwrap().count(), active.len());
    }
    let recorded = u64::try_from(40 - failed_open).unwrap();
    assert!(recorded > 0, "{log}");
    assert_eq!(tickets, (0..recorded).collect());
}

#[test]
fn one_result_and_eight_prompts_at_once_are_one_reminder() {
    for _ in 0..5 {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.owe(1, None, 1);
        assert_eq!(at_once(|| told(&session.types()).contains("exit code 3")), 1);
    }
}

#[test]
fn one_notice_that_comes_eight_times_at_once_is_told_once_and_swallowed_seven_times() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    call.starts();
    let notice = call.notice();
    let swallowed = std::sync::atomic::AtomicUsize::new(0);
    let count = at_once(|| {
        let output = session.submits(&notice);
        if is_swallowed(&output) {
            swallowed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        !told(&output).is_empty()
    });
    assert_eq!((count, swallowed.into_inner()), (1, 7), "{}", log(&env));
}

/// Does it eight times at once, and says how often it was true.
fn at_once(act: impl Fn() -> bool + Sync) -> usize {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(&act)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).filter(|it| *it).count()
    })
}
