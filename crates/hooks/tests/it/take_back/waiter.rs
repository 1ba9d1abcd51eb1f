//! The waiter asks the transcript while other hooks of the prompt may still run.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use sisyphus_testing::{TestEnv, wait_for, wait_until};

use super::subagent::{REPEATED, is_over, sent as sent_to_agent};
use super::{REPORT, added, blocked, event, types};
use crate::session::Session;
use crate::start::told;

/// Longer than the waiter pauses.
const LOOKS: Duration = Duration::from_millis(1_300);

struct Waiter(Child);

impl Waiter {
    /// Starts the waiter of a conversation with this transcript.
    fn of(session: &Session<'_>, transcript: &str) -> Self {
        let event = event(session, "stop.idle", transcript);
        let input = session.env.path().join("stop.json");
        std::fs::write(&input, event.to_string()).unwrap();
        let mut command = session.env.command("sisyphus-wake");
        command.env("CLAUDE_CODE_SESSION_ATTENDED", "1").stdin(File::open(input).unwrap());
        Self(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Its exit code.
    fn end(mut self) -> Option<i32> {
        let status = wait_for("the waiter to end", || self.0.try_wait().unwrap());
        let mut said = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(said.is_empty(), status.code() == Some(0), "{said}");
        status.code()
    }

    fn looks(&mut self) {
        let since = Instant::now();
        wait_until("the waiter to look", || since.elapsed() > LOOKS);
        assert_eq!(self.0.try_wait().unwrap(), None);
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn append(session: &Session<'_>, entry: &serde_json::Value) {
    let path = session.env.path().join("transcript.jsonl");
    writeln!(File::options().append(true).open(path).unwrap(), "{entry}").unwrap();
}

/// A conversation whose result went out with a prompt so many seconds ago.
fn sent(env: &TestEnv, seconds: i64) -> Session<'_> {
    let session = Session::new(env);
    session.owe(1, None, 60);
    assert!(types(&session, "").contains(REPORT));
    session.seconds_go_by(seconds);
    session
}

/// Another hook of the prompt takes long, and then blocks it. The waiter wakes the session for the result.
#[test]
fn a_late_block_is_seen() {
    let env = TestEnv::new();
    let session = sent(&env, 5);
    let mut waiter = Waiter::of(&session, "");
    waiter.looks();
    let block = blocked("no", 0);
    append(&session, &block);
    assert_eq!(waiter.end(), Some(2));
    let said = types(&session, &format!("{block}\n"));
    assert!(said.starts_with(REPORT), "{said}");
}

/// The other hooks of the prompt take long, and let it pass. The waiter ends with nothing to wake the session for.
#[test]
fn a_late_pass_is_seen() {
    let env = TestEnv::new();
    let session = sent(&env, 5);
    let mut waiter = Waiter::of(&session, "");
    waiter.looks();
    let report = added(REPORT);
    append(&session, &report);
    assert_eq!(waiter.end(), Some(0));
    assert_eq!(types(&session, &format!("{report}\n")), "");
}

/// After a minute without a word, the result counts as unread.
#[test]
fn a_lost_prompt_is_given_up() {
    let env = TestEnv::new();
    let session = sent(&env, 61);
    assert_eq!(Waiter::of(&session, "").end(), Some(2));
    let said = types(&session, "");
    assert!(said.starts_with(&format!("(possibly repeated) {REPORT}")), "{said}");
}

/// What an event carried, the next end of a turn decides, or a resumed session. The waiter has nothing to wait for.
#[test]
fn an_event_is_not_waited_for() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, None, 60);
    assert!(told(&session.send(&event(&session, "stop.idle", ""))).contains(REPORT));
    session.seconds_go_by(5);
    assert_eq!(Waiter::of(&session, "").end(), Some(0));
}

/// A subagent that is over has not read what it got. The waiter wakes the session for the result.
#[test]
fn a_stopped_subagents_result_is_waited_for() {
    let env = TestEnv::new();
    let session = sent_to_agent(&env);
    is_over(&session);
    session.seconds_go_by(0);
    let transcript = session.env.path().join("transcript/subagents/agent-a1.jsonl");
    std::fs::create_dir_all(transcript.parent().unwrap()).unwrap();
    std::fs::write(transcript, "").unwrap();
    assert_eq!(Waiter::of(&session, "").end(), Some(2));
    let said = types(&session, "");
    assert!(said.starts_with(REPEATED), "{said}");
}
