//! `sisyphus run` among signals: those that mean something to the command, those that are blocked, and a command that is
//! suspended.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{SigSet, Signal};
use sisyphus_testing::{Process, TestEnv};

use super::run::only_task;

/// Runs a script that says `ready`, sends its runner the signal then, and returns what it printed after that, and its exit.
fn after(env: &TestEnv, script: &str, signal: Signal) -> (String, ExitStatus) {
    let mut runner = env.command("sisyphus");
    runner.args(["run", "--", "sh", "-c", script]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut runner = runner.spawn().unwrap();
    let mut output = BufReader::new(runner.stdout.take().unwrap());
    let mut said = String::new();
    output.read_line(&mut said).unwrap();
    assert_eq!(said, "ready\n");
    said.clear();
    Process::of(runner.id().cast_signed()).unwrap().signal(signal);
    output.read_to_string(&mut said).unwrap();
    (said, runner.wait().unwrap())
}

/// `dd` prints its progress at USR1, and a server reads its settings again.
#[test]
fn a_message_reaches_the_command() {
    for signal in [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGALRM] {
        let env = TestEnv::new();
        let name = &signal.as_str()[3..];
        let script = format!(
            "trap 'echo got it; go=1' {name}; echo ready; until [ \"$go\" ]; do sleep 0.02; done; exit 3"
        );
        let (said, exit) = after(&env, &script, signal);
        assert_eq!((said.as_str(), exit.code()), ("got it\n", Some(3)), "{name}");
        assert_eq!(only_task(&env)["status"], "failed", "{name}");
    }
}

/// Without a trap it ends the command, and nothing is left of it.
#[test]
fn a_message_that_the_command_does_not_expect_ends_it() {
    let env = TestEnv::new();
    let (said, exit) = after(&env, "echo ready; exec sleep 3600", Signal::SIGUSR1);
    assert_eq!((said.as_str(), exit.signal()), ("", Some(Signal::SIGUSR1 as i32)));
    let task = only_task(&env);
    assert_eq!(task["status"], "killed", "{task:#}");
    assert_eq!(task["signal"], Signal::SIGUSR1 as i32);
}

/// A starter may have blocked signals that the runner waits for. The command has them blocked as without the runner.
#[test]
fn blocked_signals_hold_nothing_up() {
    let env = TestEnv::new();
    let block = || {
        let mut blocked = SigSet::empty();
        blocked.add(Signal::SIGCHLD);
        blocked.add(Signal::SIGTERM);
        blocked.thread_block().map_err(std::io::Error::from)
    };
    let run = |words: &[&str]| {
        let mut runner = env.command("sisyphus");
        runner.args(["run", "--timeout", "20", "--"]).args(words);
        // SAFETY: between fork and exec only a system call is made.
        unsafe { runner.pre_exec(block) };
        let output = runner.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["sleep", "0.3"]);
    let said = run(&["grep", "SigBlk", "/proc/self/status"]);
    assert_eq!(said.split_whitespace().last(), Some("0000000000014000"));
}

/// A suspended command gets the TERM of its time limit at once, and can clean up.
#[test]
fn a_suspended_command_can_clean_up_at_its_limit() {
    let env = TestEnv::new();
    let script = "trap 'echo cleaned; exit 0' TERM; kill -STOP $$; sleep 3600";
    let output = env.run("sisyphus", &["run", "--timeout", "3", "--", "sh", "-c", script]);
    assert_eq!((output.stdout.as_str(), output.code), ("cleaned\n", Some(124)), "{output:?}");
}
