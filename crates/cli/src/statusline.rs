//! `sisyphus statusline`: one short line for Claude Code's status line. Claude Code starts it again and again, so it
//! costs one process start, one read and a look at the run folders of running tasks. It uses no argument parser and
//! waits for no lock.
//!
//! The line counts the tasks of the session that Claude Code names on standard input, or all tasks if it names none:
//! `▶` runs, `⏳` waits for a slot, `✖` failed within the last ten minutes. If nothing runs or waits, there is no
//! line. Errors print nothing either.
//!
//! With `--json`, [`band`] prints what the module inside Claude Code draws.

mod band;
mod row;

use std::io::{self, BufReader, IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args as ClapArgs;
use serde::Deserialize;
use sisyphus_base::environment::Environment;
use sisyphus_base::id::SessionId;
use sisyphus_base::paths::{StateDir, client_tmp_dir};
use sisyphus_control::{up_to_date, world};
use sisyphus_process::start_notifier;
use sisyphus_state::reach::is_in_reach;
use sisyphus_state::store::Store;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;

use crate::format::sign;
use crate::print;
use crate::style::{Hue, hue};

/// How long Claude Code may take to write its input.
const PATIENCE: Duration = Duration::from_millis(500);
/// How much of the input is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;
/// How long a failure is shown.
const NEWS: TimeDelta = TimeDelta::minutes(10);

#[derive(Debug, ClapArgs)]
pub(crate) struct Statusline {
    /// Print JSON: the counts, and the rows that Claude Code shows above its prompt.
    #[arg(long)]
    pub(crate) json: bool,
    /// With the end of this task's output.
    #[arg(long, value_name = "ID", requires = "json")]
    pub(crate) task: Option<String>,
}

/// Prints the JSON.
pub(crate) fn json(options: &Statusline) -> Result<()> {
    band::print(options.task.as_deref())
}

/// Prints the line.
pub(crate) fn statusline() -> ExitCode {
    let _ = print::out(&line().unwrap_or_default());
    ExitCode::SUCCESS
}

fn line() -> Option<String> {
    let environment = Environment::read();
    let state = StateDir::locate(&environment).ok()?;
    // There are no records, so the input is not even read.
    if !state.active().exists() {
        return None;
    }
    let (store, now) = (Store::new(state), Utc::now());
    let session = Session::of_input();
    // If the lock is held, its holder records what is new.
    let tmp = client_tmp_dir(&environment);
    let active = up_to_date(&store, &world(&tmp), Duration::ZERO, |_| {}).ok()?;
    let active = &active.tasks;
    start_notifier(store.dir());
    let is_meant = |task: &Task| session.as_ref().is_none_or(|session| &task.session == session);
    let (mut running, mut waiting) = (0, 0);
    for task in active.iter().filter(|task| is_meant(task) && is_in_reach(task)) {
        match task.status() {
            Status::Running { .. } => running += 1,
            _ if task.is_queued() => waiting += 1,
            Status::Pending { .. } | Status::Queued { .. } | Status::Finished(_) => {}
        }
    }
    if running + waiting == 0 {
        return None;
    }
    let failed = active.iter().filter(|task| is_meant(task) && has_failed(task, now)).count()
        + failures(&store, active, is_meant, now);
    let parts = [(sign::RUNS, running), (sign::WAITS, waiting), (sign::BAD, failed)];
    let shown = parts.iter().filter(|(_, count)| *count > 0);
    let words: Vec<String> = shown.map(|(sign, count)| format!("{sign}{count}")).collect();
    Some(words.join(" ") + "\n")
}

/// How many tasks failed recently.
fn failures(
    store: &Store,
    active: &[Task],
    is_meant: impl Fn(&Task) -> bool,
    now: DateTime<Utc>,
) -> usize {
    let path = store.dir().failed();
    let written = path.metadata().and_then(|metadata| metadata.modified());
    // The history is long, and usually holds nothing new.
    if !written.is_ok_and(|at| now - DateTime::<Utc>::from(at) < NEWS) {
        return 0;
    }
    let Ok(history) = store.read_failed() else { return 0 };
    let news = history.newest().take_while(|task| is_news(task, now));
    let is_counted = |task: &Task| active.iter().any(|it| it.id == task.id);
    news.filter(|task| is_meant(task) && has_failed(task, now) && !is_counted(task)).count()
}

/// Whether the task ended recently.
fn is_news(task: &Task, now: DateTime<Utc>) -> bool {
    task.status().ending().is_some_and(|ending| now - ending.ended_at < NEWS)
}

/// Whether the task failed recently. A cancelled task ended as requested.
fn has_failed(task: &Task, now: DateTime<Utc>) -> bool {
    is_news(task, now) && hue(task.status()) == Hue::Bad
}

/// The fields that are read of Claude Code's input.
#[derive(Deserialize)]
struct Session {
    session_id: Option<String>,
    /// Named after the session. All that Claude Code says to a module.
    transcript_path: Option<PathBuf>,
}

impl Session {
    /// The session that Claude Code names. At a prompt there is none.
    fn of_input() -> Option<SessionId> {
        if io::stdin().is_terminal() {
            return None;
        }
        let (sender, asked) = sync_channel(1);
        // A read can't be given up, but the thread that reads can. It ends with the process.
        let read = move || {
            let stdin = BufReader::new(io::stdin().take(MAX_BYTES));
            // Reads one object, without waiting for the end of the input.
            let mut values = serde_json::Deserializer::from_reader(stdin).into_iter::<Self>();
            let _ = sender.send(values.next().and_then(Result::ok));
        };
        thread::Builder::new().name("stdin".to_owned()).spawn(read).ok()?;
        asked.recv_timeout(PATIENCE).ok()??.id()
    }

    fn id(self) -> Option<SessionId> {
        let stem = || Some(self.transcript_path?.file_stem()?.to_str()?.to_owned());
        SessionId::new(self.session_id.or_else(stem)?).ok()
    }
}
