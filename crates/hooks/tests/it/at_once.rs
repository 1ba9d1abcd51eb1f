//! Hooks that run at the same time.

use std::collections::BTreeSet;
use std::thread;

use sisyphus_testing::TestEnv;

use crate::session::Session;
use crate::start::{is_swallowed, log, told};

/// Announcing takes no lock, so that no call is left out however many come at once.
#[test]
fn of_forty_calls_at_once_each_is_announced() {
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
    assert_eq!(log(&env), "");
    let calls = sessions.iter().flat_map(Session::announced);
    let tickets: BTreeSet<u64> = calls.map(|call| call["ticket"].as_u64().unwrap()).collect();
    assert_eq!(tickets.len(), 40, "each has a queue entry of its own");
}

/// Of eight UserPromptSubmit hooks at once, exactly one prints a result.
#[test]
fn eight_prompts_at_once_get_one_reminder() {
    for _ in 0..5 {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.owe(1, None, 1);
        assert_eq!(at_once(|| told(&session.types()).contains("exit code 3")), 1);
    }
}

/// Of eight UserPromptSubmit hooks with one notice, one prints the result and seven block the notice.
#[test]
fn eight_equal_notices_get_one_reminder() {
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
