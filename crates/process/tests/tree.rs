//! Finding and signalling process trees, with real processes.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that can't go on should fail loudly")]

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};

use sisyphus_process::{ProcessId, alive, descendants, signal_all, signal_group};
use sisyphus_testing::{TestEnv, processes, wait_for};

const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

/// An environment whose processes end with the test, however it ends.
struct Stage {
    env: TestEnv,
}

impl Drop for Stage {
    fn drop(&mut self) {
        processes::kill_all_of_home(&self.env.home());
    }
}

impl Stage {
    fn new() -> Self {
        Self { env: TestEnv::new() }
    }

    fn command(&self, fixture: &str) -> Command {
        let mut command = self.env.command(&format!("fixture-{fixture}"));
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    /// A `fork-child` around `fixture`, and what it prints.
    fn fork(&self, fixture: &str) -> (Child, BufReader<ChildStdout>) {
        let inner = self.command(fixture);
        let mut command = self.command("fork-child");
        let mut child = command.arg(inner.get_program()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        (child, stdout)
    }
}

fn number(stdout: &mut BufReader<ChildStdout>) -> i32 {
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    line.trim().parse().unwrap()
}

fn pid(child: &Child) -> i32 {
    child.id().cast_signed()
}

fn end(mut child: Child) -> Option<i32> {
    wait_for("the end of a child", || child.try_wait().unwrap()).signal()
}

/// `descendants` finds a grandchild in a session of its own, and no sibling.
#[test]
fn a_grandchild_in_its_own_session_is_found() {
    let stage = Stage::new();
    let (fork, mut stdout) = stage.fork("sleep");
    let (other, _other_stdout) = stage.fork("sleep");
    let grandchild = number(&mut stdout);
    let found: Vec<i32> = descendants(&[pid(&fork)]).iter().map(|process| process.pid).collect();
    assert_eq!(found, [grandchild]);
    assert!(descendants(&[grandchild]).is_empty());

    let own = std::process::id().cast_signed();
    let all: Vec<i32> = descendants(&[own]).iter().map(|process| process.pid).collect();
    for pid in [pid(&fork), grandchild, pid(&other)] {
        assert!(all.contains(&pid), "{pid} is not among {all:?}");
    }
    assert!(!all.contains(&own));
}

/// `signal_all` sends nothing to a process that only has the number of the one that is meant.
#[test]
fn a_reused_number_is_not_signalled() {
    let stage = Stage::new();
    let sleep = stage.command("sleep").spawn().unwrap();
    let now = ProcessId::now(pid(&sleep)).unwrap();
    let predecessor = ProcessId { start: now.start.map(|start| start - 1), ..now };
    assert_eq!(alive(&[now, predecessor]), [now]);
    // Had it been sent, it would come before the next one.
    signal_all(&[predecessor], SIGKILL);
    signal_all(&[now], SIGTERM);
    assert_eq!(end(sleep), Some(SIGTERM));
    assert_eq!(alive(&[now]), []);
    // Gone already: no error, and nothing else is meant.
    signal_all(&[now], SIGKILL);
}

#[test]
fn remains_that_nobody_has_waited_for_are_not_alive() {
    let stage = Stage::new();
    let mut ended = stage.command("exit-with").arg("0").spawn().unwrap();
    wait_for("its end", || ProcessId::now(pid(&ended)).is_none().then_some(()));
    assert!(ended.wait().unwrap().success());
}

/// `signal_group` never signals our own group, or numbers that mean every process.
#[test]
fn shared_groups_are_never_signalled() {
    for group in [0, 1, -1, i32::MIN] {
        signal_group(group, SIGTERM);
    }
    // This test lives; so does a child in the same group.
    let stage = Stage::new();
    let mut sleep = stage.command("sleep").spawn().unwrap();
    signal_group(0, SIGTERM);
    assert!(sleep.try_wait().unwrap().is_none());
}

#[test]
fn what_ignores_a_term_is_killed() {
    let stage = Stage::new();
    let (fork, mut stdout) = stage.fork("ignore-term");
    let (grandchild, again) = (number(&mut stdout), number(&mut stdout));
    assert_eq!(grandchild, again, "`ignore-term` says its own number too");
    let grandchild = ProcessId::now(grandchild).unwrap();
    signal_all(&[grandchild], SIGTERM);
    assert_eq!(alive(&[grandchild]), [grandchild]);
    signal_all(&descendants(&[pid(&fork)]), SIGKILL);
    wait_for("its end", || alive(&[grandchild]).is_empty().then_some(()));
    // The parent of it was not meant, and ends by itself.
    assert_eq!(end(fork), None);
}
