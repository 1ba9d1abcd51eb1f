//! Runs a program of the user's, with a limit.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sisyphus_base::text::for_people;
use sisyphus_tasks::run::Exit;

use crate::orphan::forget_session;
use crate::sys;
use crate::tree::SIGKILL;

/// How often to check whether the program has exited.
const TICK: Duration = Duration::from_millis(20);
/// How long to wait for its last words after it exited. What it started may hold the pipe open.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How much of its last words is kept, in bytes.
const WORDS_MAX: usize = 2_000;
/// Longest line of them that is reported, in characters.
const LINE_MAX: usize = 200;

/// A program to run. No shell reads any of it.
#[derive(Debug)]
pub struct Program {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The folder that it runs in.
    pub folder: PathBuf,
    /// Variables to add to those of this process.
    pub environment: Vec<(&'static str, OsString)>,
    /// What is on its standard input.
    pub input: Vec<u8>,
    /// How long it may run. After that it is killed with its process group.
    pub limit: Duration,
}

impl Program {
    /// Runs it to its end. An exit code other than 0 is an error, with the last line that it printed to standard error.
    pub fn run(self) -> Result<()> {
        let (program, args) = self.command.split_first().context("no program is named")?;
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.folder);
        forget_session(&mut command);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child =
            sys::apart(&mut command).with_context(|| format!("could not start `{program}`"))?;
        feed(&mut child, self.input);
        let words = child.stderr.take().map(last_words);
        let status = wait(&mut child, self.limit)?;
        let words = words.and_then(|it| it.recv_timeout(LAST_WORDS).ok()).unwrap_or_default();
        let said = last_line(&words).map(|line| format!(": {line}")).unwrap_or_default();
        let status = status.with_context(|| {
            format!("`{program}` was killed after {} s{said}", self.limit.as_secs())
        })?;
        let how = match sys::exit_of(status) {
            Exit::Code(0) => return Ok(()),
            Exit::Code(code) => format!("exit code {code}"),
            Exit::Signal(signal) => format!("signal {signal}"),
            Exit::Unseen | Exit::NotStarted => "an unknown exit code".to_owned(),
        };
        anyhow::bail!("`{program}` ended with {how}{said}")
    }
}

/// A program need not read its input. If it does, it may be slow.
fn feed(child: &mut Child, input: Vec<u8>) {
    let Some(mut stdin) = child.stdin.take() else { return };
    let write = move || drop(stdin.write_all(&input));
    // Without a thread the program reads an empty input.
    let _ = thread::Builder::new().spawn(write);
}

/// Reads standard error to its end, so that the program never blocks on it.
fn last_words(mut stderr: ChildStderr) -> Receiver<Vec<u8>> {
    let (sender, receiver) = sync_channel(1);
    let read = move || {
        let (mut words, mut piece) = (Vec::new(), [0; 4_096]);
        while let Ok(count @ 1..) = stderr.read(&mut piece) {
            words.extend_from_slice(&piece[..count]);
            words.drain(..words.len().saturating_sub(WORDS_MAX));
        }
        let _ = sender.send(words);
    };
    let _ = thread::Builder::new().spawn(read);
    receiver
}

fn last_line(words: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(words);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    Some(for_people(line, LINE_MAX))
}

/// The exit status; `None` if it was killed at its limit.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("could not wait for the program")? {
            return Ok(Some(status));
        }
        if begin.elapsed() >= limit {
            // It leads its group, and it was not waited for: the number is still its own.
            sys::signal_group(child.id().cast_signed(), SIGKILL);
            let _ = child.kill();
            child.wait().context("could not wait for the program")?;
            return Ok(None);
        }
        #[expect(clippy::disallowed_methods, reason = "a wait with a limit has no portable form")]
        thread::sleep(TICK);
    }
}
