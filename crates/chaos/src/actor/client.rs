//! The harness's side of one client: starts processes as its children, and kills it.

use std::collections::HashMap;
use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::{Context as _, Result};
use sisyphus_harness::sys::{kill_process, own_group};

use super::broker::{Exit, Report, Request};
use crate::lock;

/// The verb that makes this program a client.
pub(crate) const VERB: &str = "chaos-client";

/// The receivers of the reports; `None` once the fake client is dead.
type Waiting = Mutex<Option<HashMap<u64, (Sender<u32>, Sender<Exit>)>>>;

/// A client that runs, or was killed.
pub(crate) struct Client {
    child: Mutex<Child>,
    stdin: Mutex<Option<ChildStdin>>,
    waiting: Arc<Waiting>,
    next: AtomicU64,
    is_dead: AtomicBool,
}

/// A process that a client has started.
pub(crate) struct Process {
    pub(crate) id: u32,
    exit: Receiver<Exit>,
}

impl Process {
    /// How it ended; `None` if its client was killed before.
    pub(crate) fn wait(&self) -> Option<Exit> {
        self.exit.recv().ok()
    }
}

impl Client {
    /// Starts a client. `wrapper` is a program with arguments that starts it in a changed environment.
    pub(crate) fn start(wrapper: &[String], environment: &[(String, String)]) -> Result<Self> {
        let own = env::current_exe().context("could not find this program")?;
        let mut command = match wrapper.split_first() {
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(own);
                command
            }
            None => Command::new(own),
        };
        command.arg(VERB).env_clear().envs(environment.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        own_group(&mut command);
        let mut child = command.spawn().with_context(|| format!("could not start {command:?}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("a pipe is missing")?;
        let waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        let served = Arc::clone(&waiting);
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Ok(report) = serde_json::from_str(&line) {
                    hand_on(&served, report);
                }
            }
            // The fake client was killed, so no report follows.
            lock(&served).take();
        });
        let (next, is_dead) = (AtomicU64::new(0), AtomicBool::new(false));
        Ok(Self { child: Mutex::new(child), stdin: Mutex::new(stdin), waiting, next, is_dead })
    }

    /// Starts a process; `None` if the fake client is dead.
    pub(crate) fn spawn(&self, mut request: Request) -> Option<Process> {
        request.id = self.next.fetch_add(1, Ordering::Relaxed);
        let (started, id) = channel();
        let (exited, exit) = channel();
        lock(&self.waiting).as_mut()?.insert(request.id, (started, exited));
        let line = serde_json::to_string(&request).ok()? + "\n";
        let written = lock(&self.stdin).as_mut()?.write_all(line.as_bytes());
        written.ok()?;
        Some(Process { id: id.recv().ok()?, exit })
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::SeqCst)
    }

    /// Kills it, as `kill -9` or a crash would. Its processes go on.
    pub(crate) fn kill(&self) {
        self.is_dead.store(true, Ordering::SeqCst);
        lock(&self.stdin).take();
        let mut child = lock(&self.child);
        kill_process(child.id());
        // The wait only makes sure that it is gone.
        let _ = child.wait();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.kill();
    }
}

fn hand_on(waiting: &Waiting, report: Report) {
    let mut waiting = lock(waiting);
    let Some(waiting) = waiting.as_mut() else { return };
    match report {
        Report::Running { id, process } => {
            if let Some((started, _)) = waiting.get(&id) {
                let _ = started.send(process);
            }
        }
        Report::Exited { id, exit } => {
            if let Some((_, exited)) = waiting.remove(&id) {
                let _ = exited.send(exit);
            }
        }
    }
}
