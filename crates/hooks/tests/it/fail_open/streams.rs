//! A standard stream that is closed, or that has no reader.

use std::io;
use std::process::{Command, Stdio};

use sisyphus_testing::{TestEnv, env};

use crate::session::Session;
use crate::start::{Started, binary_of, told};

/// The hook, behind a redirection of the shell.
fn redirected(env: &TestEnv, redirection: &str) -> Command {
    let mut command = env.plain("sh");
    command.arg("-c").arg(format!("exec \"$0\" {redirection}"));
    command.arg(env.command(&binary_of("UserPromptSubmit")).get_program());
    command
}

fn reports(session: &Session, times: usize) -> usize {
    let said = (0..times).map(|_| told(&session.types()));
    said.filter(|said| said.contains("Background task t1")).count()
}

/// No file takes the place of a closed stream, and the next hook reports what this one could not.
#[test]
fn a_result_waits_for_a_hook_that_can_print() {
    for closed in ["<&-", ">&-", "<&- >&-", ">&- 2>&-"] {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.owe(1, None, 60);
        let event = session.submission("hello").to_string();
        let output = env::run(redirected(&env, closed), event.as_bytes());
        assert_eq!((output.code, output.stdout.as_str()), (Some(0), ""), "{closed}");
        assert_eq!(reports(&session, 3), 1, "{closed}");
    }
}

#[test]
fn without_standard_error_a_hook_works() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, None, 60);
    let event = session.submission("hello").to_string();
    let output = env::run(redirected(&env, "2>&-"), event.as_bytes());
    assert!(output.stdout.contains("Background task t1"), "{output:?}");
    assert_eq!(reports(&session, 3), 0);
}

#[test]
fn a_hook_survives_that_its_reader_is_gone() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, None, 60);
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let command = env.command(&binary_of("UserPromptSubmit"));
    let mut hook = Started::printing_to(Stdio::from(writer), command);
    hook.give(session.submission("hello").to_string().as_bytes());
    assert_eq!(hook.end().code, Some(0));
    assert_eq!(reports(&session, 3), 1);
}
