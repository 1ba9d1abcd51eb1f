//! Reads what a session's Claude Code prints, on a thread of its own: a full pipe would stop Claude Code.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, BufReader, Read};
use std::process::ChildStdout;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sisyphus_base::hook_log;
use sisyphus_base::id::{ClientTaskId, SessionId};
use sisyphus_base::paths::StateDir;
use sisyphus_state::run::Run;
use sisyphus_state::store::Store;
use sisyphus_tasks::session::SessionEnd;
use sisyphus_tasks::task::Kind;

use super::ledger::{Ledger, keep_answer, write_report};
use super::recording::Recording;
use super::report::{Change, Heard};
use crate::supervise::end_tree;
use crate::turn::Waiter as _;

/// Longest line that is understood, in bytes. A result holds the whole answer. Of a longer line the rest is dropped.
const LINE_MAX: u64 = 16 * 1024 * 1024;
/// How often the progress is written at most.
const APART: Duration = Duration::from_secs(1);
/// How long after a result a session may stay alive with nothing but servers.
const LINGER: Duration = Duration::from_secs(3);
/// How long after a result it may stay alive with nothing at all. Claude Code exits by itself within a second, unless it
/// hangs.
const HANGS: Duration = Duration::from_secs(30);

/// The thread, and what it has read so far.
pub(super) struct Follower {
    heard: Arc<Mutex<Heard>>,
    finished: Receiver<()>,
    /// The thread that ends a session which has answered.
    ender: JoinHandle<()>,
    ending: Arc<AtomicBool>,
}

impl Follower {
    /// Begins to read. `group` is the process group of the session's Claude Code.
    pub(super) fn start(stdout: ChildStdout, ledger: &Ledger, group: i32) -> Self {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let (done, finished) = channel();
        let shared = Arc::clone(&heard);
        let run = ledger.run().clone();
        let state = ledger.state().clone();
        let before = ledger.cost_before();
        let conversation = ledger.delegated().conversation.clone();
        let (results, news) = channel();
        let ending = Arc::new(AtomicBool::new(false));
        let begins = Arc::clone(&ending);
        let ender = thread::spawn(move || {
            if is_over(&news, &state, &conversation) {
                begins.store(true, Ordering::SeqCst);
                end_tree(group);
            }
        });
        let state = ledger.state().clone();
        let (progress, changes) = channel();
        let (reported, to) = (Arc::clone(&heard), run.clone());
        let reporter = thread::spawn(move || report_changes(&changes, &reported, &to));
        thread::spawn(move || {
            let log = |error: &str| hook_log::append(&state, "sisyphus-run session", error);
            let mut recording = Recording::create(&run.stream());
            // Whether it has answered and begun no other turn since.
            let mut is_idle = false;
            let followed = each_line(stdout, |line| {
                // On a full disk the session goes on without its recording.
                if let Ok(Err(error)) = recording.as_mut().map(|it| it.take(line)) {
                    recording = Err(error.into());
                }
                let mut heard = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let change = heard.take(line, before);
                if change != Change::Nothing {
                    let _ = progress.send(());
                }
                is_idle = match change {
                    Change::Result => true,
                    Change::Progress => false,
                    Change::Nothing => is_idle,
                };
                let _ = results.send(is_idle.then(|| heard.background.clone()));
                // If this runner is killed, the answer is there.
                if change == Change::Result
                    && let Some(answer) = &heard.answer
                {
                    let _ = keep_answer(&run, answer);
                }
            });
            if let Err(error) = followed {
                log(&error.to_string());
            }
            if let Err(error) = recording.and_then(|it| it.finish().map_err(Into::into)) {
                log(&format!("{error:#}"));
            }
            // The last report is the ledger's.
            drop(progress);
            let _ = reporter.join();
            let _ = done.send(());
        });
        Self { heard, finished, ender, ending }
    }

    /// What was read until the end of the pipe, or for so long. A tree that is being ended is gone then.
    pub(super) fn finish(self, at_most: Duration) -> Heard {
        let _ = self.finished.recv_timeout(at_most);
        if self.ending.load(Ordering::SeqCst) {
            let _ = self.ender.join();
        }
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // It answered that it waits for something, and that has not finished: this was not its last word.
        if !self.ending.load(Ordering::SeqCst) && !heard.background.is_empty() {
            heard.report.end = heard.report.end.filter(|end| *end != SessionEnd::Answered);
        }
        heard
    }
}

/// Writes the progress at once after a change, and what changes soon after that a moment later: a call of a tool follows
/// the text before it at once, and may then run for long.
fn report_changes(changes: &Receiver<()>, heard: &Mutex<Heard>, run: &Run) {
    let mut is_changed = changes.recv().is_ok();
    while is_changed {
        let report = heard.lock().unwrap_or_else(PoisonError::into_inner).report.clone();
        let _ = write_report(run, &report);
        let written = Instant::now();
        is_changed = false;
        while let Some(left) = APART.checked_sub(written.elapsed()) {
            match changes.recv_timeout(left) {
                Ok(()) => is_changed = true,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        is_changed = is_changed || changes.recv().is_ok();
    }
}

/// Gives each line to `take`, with its end, and cut off at [`LINE_MAX`].
fn each_line(from: impl Read, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader).take(LINE_MAX).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') {
            // The rest of a line that is too long, or the end of the pipe.
            reader.skip_until(b'\n')?;
            line.push(b'\n');
        }
        if line != b"\n" {
            take(&line);
        }
    }
}

/// Waits until the session has answered and its Claude Code stays alive for nothing: for servers, or because it hangs. False
/// if it ends by itself. Each message has what an idle session runs in the background.
fn is_over(
    news: &Receiver<Option<Vec<String>>>,
    state: &StateDir,
    conversation: &SessionId,
) -> bool {
    let mut idle: Option<(Instant, Vec<String>)> = None;
    loop {
        match news.recv_timeout(LINGER) {
            Ok(now) => {
                let since = idle.map_or_else(Instant::now, |(since, _)| since);
                idle = now.map(|background| (since, background));
            }
            Err(RecvTimeoutError::Timeout) => {
                let Some((since, background)) = &idle else { continue };
                let hangs = background.is_empty() && since.elapsed() >= HANGS;
                if hangs || runs_only_servers(state, conversation, background) {
                    return true;
                }
            }
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

/// Whether everything that it runs is a server by our own records. Without a list it runs nothing, and exits by itself.
fn runs_only_servers(state: &StateDir, conversation: &SessionId, background: &[String]) -> bool {
    let Ok(active) = Store::new(state.clone()).read_active() else { return false };
    let its = active.live().filter(|task| &task.session == conversation);
    let servers = its.filter(|task| task.kind == Kind::Service);
    let servers: BTreeSet<&str> =
        servers.filter_map(|task| task.client_id().map(ClientTaskId::as_str)).collect();
    !background.is_empty() && background.iter().all(|id| servers.contains(id.as_str()))
}
