//! Standard input that is never closed.

use std::time::{Duration, Instant};

use sisyphus_testing::TestEnv;

use crate::session::Session;
use crate::start::{HOOKS, Started, binary_of, log, told};

/// Every hook acts on a whole event without waiting for the end of the input.
#[test]
fn a_whole_event_needs_no_end_of_input() {
    for (event, payload) in HOOKS {
        let env = TestEnv::new();
        let session = Session::new(&env);
        let mut started = Started::new(env.command(&binary_of(event)));
        started.give(session.event(payload).to_string().as_bytes());
        let _ = started.end();
        // Had it waited for more, it would have given up, and noted that.
        assert_eq!(log(&env), "", "{event}");
    }
}

#[test]
fn an_answer_comes_while_the_input_is_still_open() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, None, 1);
    let event = session.event("user-prompt-submit.typed").to_string();
    let (first, second) = event.split_at(event.len() / 2);
    let mut started = Started::new(env.command("sisyphus-user-prompt-submit"));
    started.give(first.as_bytes());
    started.give(second.as_bytes());
    assert!(told(&started.end()).contains("failed with exit code 3"));
}

#[test]
fn what_follows_the_event_is_not_read() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let event = session.call(1).before().to_string();
    let mut started = Started::new(env.command("sisyphus-pre-tool-use"));
    started.give(format!("\n  {event}{event} and so on").as_bytes());
    let _ = started.end();
    assert_eq!(session.announced().len(), 1);
}

/// Every hook gives up, within a second, on an input that says nothing or stops half way.
#[test]
fn a_stalled_input_is_given_up() {
    let input: [&[u8]; 2] = [b"", b"{\"session_id\": \"a"];
    let begun = Instant::now();
    let waiting: Vec<_> = HOOKS
        .iter()
        .flat_map(|(event, _)| input.map(|input| (event, input)))
        .map(|(event, input)| {
            let env = TestEnv::new();
            let mut started = Started::new(env.command(&binary_of(event)));
            started.give(input);
            (env, event, started)
        })
        .collect();
    for (env, event, started) in waiting {
        assert_eq!(started.end().stdout, "", "{event}");
        assert!(log(&env).contains("no whole event came within 1s"), "{event}: {}", log(&env));
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

/// All hooks read their input with the same code; one of them is enough for five seconds.
#[test]
fn a_hook_gives_up_on_an_input_that_drips_for_ever() {
    let env = TestEnv::new();
    let begun = Instant::now();
    let mut started = Started::new(env.command("sisyphus-pre-tool-use"));
    started.give(b"{\"session_id\": \"");
    assert_eq!(started.end_while_given(b'a').stdout, "");
    assert!(log(&env).contains("no whole event came within 5s"), "{}", log(&env));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
