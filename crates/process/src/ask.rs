//! Asks a program something, for a limited time.

use std::io::Read as _;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::identity::{ProcessId, pid_of};
use crate::tree::{SIGKILL, signal_all};

/// Runs a program to its end. Returns how it ended, and at most `max` bytes of what it printed; `None` if it can't be
/// started, or takes longer than `at_most`. Then it is killed.
pub fn ask(command: &mut Command, at_most: Duration, max: u64) -> Option<(ExitStatus, Vec<u8>)> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let process = ProcessId::now(pid_of(&child));
    let stdout = child.stdout.take()?;
    let (sender, answer) = channel();
    // A read can't be given up, but the thread that reads can.
    thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stdout.take(max).read_to_end(&mut text);
        let _ = sender.send(child.wait().ok().map(|status| (status, text)));
    });
    let found = answer.recv_timeout(at_most).ok().flatten();
    if found.is_none() {
        signal_all(&process, SIGKILL);
    }
    found
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Option<(ExitStatus, Vec<u8>)> {
        let at_most = Duration::from_secs(1);
        ask(Command::new("sh").args(["-c", script]), at_most, 4)
    }

    #[test]
    fn an_answer_is_bounded_in_length_and_time() {
        let (status, text) = shell("echo abcdef; exit 3").unwrap();
        assert_eq!((status.code(), text.as_slice()), (Some(3), b"abcd".as_slice()));
        // Neither a program that prints nothing nor one that has closed its output is waited for.
        assert!(shell("exec sleep 60").is_none());
        assert!(shell("echo a; exec sleep 60 >&-").is_none());
    }
}
