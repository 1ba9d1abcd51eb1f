//! Waits until a task has ended, or has printed a line that the caller waits for.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use sisyphus_base::environment::Environment;
use sisyphus_base::id::TaskId;
use sisyphus_base::paths::client_tmp_dir;
use sisyphus_base::text::clean_line;
use sisyphus_control::{NoSuchTask, TaskState, task_states, up_to_date, world};
use sisyphus_process::start_notifier;
use sisyphus_state::store::{LOCK_WAIT_IN_RUNNER, Store};
use sisyphus_tasks::task::Task;

use crate::completion::Completions;
use crate::request::{blocking, report_progress};
use crate::warn::warn;
use crate::watch::{Follower, Pattern, Step, Visit};

/// How often the output is checked for the line.
const LINE_LOOK: Duration = Duration::from_millis(250);
/// Shortest time between two reports of progress.
const PROGRESS: Duration = Duration::from_secs(1);
/// Longest line that is shown, in characters.
const LINE_MAX: usize = 500;

/// A call that waits.
pub(super) struct Call<'a> {
    pub(super) store: &'a Store,
    pub(super) completions: &'a Completions,
    pub(super) context: &'a RequestContext<RoleServer>,
    pub(super) at_most: Duration,
}

/// A line that a call waits for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) pattern: Pattern,
    /// Where in the output to begin.
    pub(super) from: u64,
}

/// The line that came.
#[derive(Debug)]
pub(super) struct Matched {
    /// Cleaned.
    pub(super) line: String,
    /// Where it begins, in bytes.
    pub(super) from: u64,
}

/// What a call waited for.
#[derive(Debug)]
pub(super) struct Awaited {
    pub(super) task: Task,
    pub(super) matched: Option<Matched>,
}

/// Waits until the task has ended, the line is there, the timeout has passed, or Claude Code is gone. The future may be
/// dropped at any time.
pub(super) async fn wait(call: &Call<'_>, id: &TaskId, wanted: Option<Wanted>) -> Result<Awaited> {
    let Call { store, completions, context, at_most } = call;
    let begin = Instant::now();
    let end = Some(*at_most).filter(|it| *it != Duration::MAX);
    let mut search = wanted.map(|it| (Follower::at(it.from), it.pattern));
    let mut reported: Option<Instant> = None;
    loop {
        let opened = completions.listen();
        let (wanted, looked_at) = (id.clone(), (*store).clone());
        let (task, matched, is_behind);
        (task, search, matched, is_behind) = blocking(move || {
            let task = look(&looked_at, wanted)?;
            let Some((mut follower, pattern)) = search else {
                return Ok((task, None, None, Step::AtEnd));
            };
            let (matched, step) = find(&mut follower, &pattern, &task, &looked_at)?;
            Ok((task, Some((follower, pattern)), matched, step))
        })
        .await?;
        let is_behind = is_behind == Step::More;
        if matched.is_some() || (task.status().is_final() && !is_behind) {
            return Ok(Awaited { task, matched });
        }
        let passed = begin.elapsed().min(*at_most);
        if reported.is_none_or(|at| at.elapsed() >= PROGRESS) {
            reported = Some(Instant::now());
            let said = format!("{id} is {}", task.word());
            report_progress(context, passed, end, said).await;
        }
        if passed == *at_most || completions.has_closed() {
            return Ok(Awaited { task, matched: None });
        }
        if !is_behind {
            let left = at_most.saturating_sub(passed);
            let left = if search.is_some() { left.min(LINE_LOOK) } else { left };
            completions.sleep(opened, &task, store.dir(), left).await;
        }
    }
}

fn look(store: &Store, id: TaskId) -> Result<Task> {
    let tmp = client_tmp_dir(&Environment::read());
    up_to_date(store, &world(&tmp), LOCK_WAIT_IN_RUNNER, warn)?;
    start_notifier(store.dir());
    let name = id.to_string();
    match task_states(store, &[id], warn)?.pop().context("nothing was looked at")? {
        TaskState::Live(task) | TaskState::Ended(task) => Ok(task),
        TaskState::Forgotten => Err(NoSuchTask::Unknown(name).into()),
    }
}

/// Searches what is new for the line.
fn find(
    follower: &mut Follower,
    pattern: &Pattern,
    task: &Task,
    store: &Store,
) -> Result<(Option<Matched>, Step)> {
    let client_tmp = client_tmp_dir(&Environment::read());
    let mut matched = None;
    let step = follower.step(task, store.dir(), &client_tmp, |line| {
        if !pattern.matches(line.text) {
            return Visit::Pass;
        }
        matched = Some(Matched { line: clean_line(line.text, LINE_MAX), from: line.from });
        Visit::Stop
    });
    let step = step.with_context(|| format!("could not read the output of {}", task.id))?;
    Ok((matched, step))
}
