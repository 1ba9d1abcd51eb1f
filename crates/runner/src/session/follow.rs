//! Reads what a session's Claude Code prints, on a thread of its own: a full pipe would stop Claude Code.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, BufReader, Read};
use std::process::ChildStdout;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sisyphus_base::hook_log;
use sisyphus_base::id::{ClientTaskId, SessionId};
use sisyphus_base::paths::StateDir;
use sisyphus_process::{SIGTERM, signal_group};
use sisyphus_state::store::Store;
use sisyphus_tasks::task::Kind;

use super::ledger::{Ledger, write_report};
use super::recording::Recording;
use super::report::{Change, Heard};

/// Longest line that is understood, in bytes. A result holds the whole answer. Of a longer line the rest is dropped.
const LINE_MAX: u64 = 16 * 1024 * 1024;
/// How often the progress is written at most.
const APART: Duration = Duration::from_secs(1);
/// How long after a result a session may stay alive with nothing but servers.
const LINGER: Duration = Duration::from_secs(3);

/// The thread, and what it has read so far.
pub(super) struct Follower {
    heard: Arc<Mutex<Heard>>,
    finished: Receiver<()>,
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
        thread::spawn(move || end_after_answer(&news, &state, &conversation, group));
        let state = ledger.state().clone();
        thread::spawn(move || {
            let followed = Recording::create(&run.stream()).and_then(|mut recording| {
                let mut written: Option<Instant> = None;
                each_line(stdout, |line| {
                    recording.take(line)?;
                    let mut heard = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    let change = heard.take(line, before);
                    let is_due = written.is_none_or(|at| at.elapsed() >= APART);
                    if change == Change::Result || (change == Change::Progress && is_due) {
                        let _ = write_report(&run, &heard.report);
                        written = Some(Instant::now());
                    }
                    let answered = heard.report.end.is_some();
                    let _ = results.send(answered.then(|| heard.background.clone()));
                    Ok(())
                })?;
                recording.finish()
            });
            if let Err(error) = followed {
                hook_log::append(&state, "sisyphus-run session", &error.to_string());
            }
            let _ = done.send(());
        });
        Self { heard, finished }
    }

    /// What was read until the end of the pipe, or for so long.
    pub(super) fn finish(self, at_most: Duration) -> Heard {
        let _ = self.finished.recv_timeout(at_most);
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Gives each line to `take`, with its end, and cut off at [`LINE_MAX`].
fn each_line(from: impl Read, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
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
        take(&line)?;
    }
}

/// Ends a session that has answered and runs nothing but servers: its Claude Code would wait for them until the time
/// limit. Each message has what it runs in the background, once it has answered.
fn end_after_answer(
    news: &Receiver<Option<Vec<String>>>,
    state: &StateDir,
    conversation: &SessionId,
    group: i32,
) {
    let mut last = None;
    loop {
        match news.recv_timeout(LINGER) {
            Ok(now) => last = now,
            Err(RecvTimeoutError::Timeout) => {
                if let Some(background) = &last
                    && runs_only_servers(state, conversation, background)
                {
                    signal_group(group, SIGTERM);
                    return;
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
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
