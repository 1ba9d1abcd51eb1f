//! Stops several tasks at once, and reports the result for each.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use chrono::Utc;
use sisyphus_base::atomic;
use sisyphus_base::environment::Environment;
use sisyphus_base::id::TaskId;
use sisyphus_base::paths::client_tmp_dir;
use sisyphus_state::event::Event;
use sisyphus_state::reach::is_in_reach;
use sisyphus_state::run::Run;
use sisyphus_state::store::{LOCK_WAIT_IN_RUNNER, Store};
use sisyphus_state::task_states::TaskState;
use sisyphus_tasks::outcome::Canceller;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;

use crate::stop::Stop;
use crate::task_waiter::TaskWaiter;
use crate::tasks::{WarningSink, world};

/// How long the runners have after they get the signal: 5 seconds of grace, then the time to copy the output and to
/// record the result. A result counts as requested only for a limited time, and all of this must fit into it.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long a killed process may take to disappear.
const KILL_PATIENCE: Duration = Duration::from_secs(1);
/// How often to check whether all processes are gone. They are not our children, so no event reports their exit.
const LOOK: Duration = Duration::from_millis(50);

/// The result of a request to stop a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// No process of the task runs any more, and its result is recorded.
    Ended,
    HadEnded,
    /// No runner has the task: only Claude Code can stop it.
    LeftToClient,
    /// Why the task still runs.
    NotStopped(String),
}

/// A task, and the result of the request to stop it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The task at the time of the request.
    pub before: Task,
    pub task: Task,
    pub ending: Ending,
}

/// Stops these tasks, all at once, with everything that they have started. Takes at most ten seconds.
pub fn cancel(
    store: &Store,
    tasks: Vec<Task>,
    by: Canceller,
    warn: WarningSink,
) -> Result<Vec<Answer>> {
    let (ours, others): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(is_ours);
    let mut answers: Vec<Answer> = others.into_iter().map(leave).collect();
    if !ours.is_empty() {
        answers.extend(stop(store, ours, by, warn)?);
    }
    Ok(answers)
}

/// Whether we can stop the task: it is a background command of Claude Code that a runner has, or is about to have. A
/// foreground command that took an announcement with the same text is not one. A command on another machine is out of
/// reach.
pub fn is_ours(task: &Task) -> bool {
    let may_have_runner = task.has_runner() || matches!(task.status(), Status::Pending { .. });
    may_have_runner && task.is_confirmed() && is_in_reach(task)
}

fn leave(task: Task) -> Answer {
    let ending = if task.status().is_final() { Ending::HadEnded } else { Ending::LeftToClient };
    Answer { before: task.clone(), task, ending }
}

/// Stops all of them at once.
fn stop(
    store: &Store,
    mut tasks: Vec<Task>,
    by: Canceller,
    warn: WarningSink,
) -> Result<Vec<Answer>> {
    // Queued tasks go first, from the end of the queue: a slot that becomes free must not start a task that is to be
    // stopped.
    tasks.sort_by_key(|task| {
        (matches!(task.status(), Status::Running { .. }), std::cmp::Reverse(task.ticket))
    });
    store.dir().ensure_writable()?;
    // The runners read this when they get the signal. On a full disk it can't be written: then what fills the disk is
    // stopped all the same, and its record names no person.
    if let Err(error) = ask(store, &tasks, by) {
        warn(&error.context("could not record the request to stop"));
    }
    let mut stops: Vec<(Task, Result<Stop>)> =
        tasks.into_iter().map(|task| (task.clone(), Stop::of(&task, store.dir()))).collect();
    let mut task_waiter = TaskWaiter::new(store.clone(), warn);
    let begin = Instant::now();
    let (kill_tree_at, kill_all_at) = (begin + PATIENCE, begin + PATIENCE + KILL_PATIENCE);
    settle(&mut stops, &mut task_waiter, kill_tree_at, Stop::advance)?;
    settle(&mut stops, &mut task_waiter, kill_all_at, Stop::kill_tree)?;
    settle(&mut stops, &mut task_waiter, kill_all_at + KILL_PATIENCE, Stop::kill_all)?;

    let ids: Vec<TaskId> = stops.iter().map(|(task, _)| task.id.clone()).collect();
    let task_states = task_waiter.look(&ids)?;
    Ok(stops
        .into_iter()
        .zip(task_states)
        .map(|((task, stop), course)| answer(task, stop, course))
        .collect())
}

/// Records the request, so that the runners know what the signal means and the records say why the tasks finished. The
/// runners read it from a separate file, because they must not wait for the lock of the state.
fn ask(store: &Store, tasks: &[Task], by: Canceller) -> Result<()> {
    let at = Utc::now();
    for task in tasks {
        let of_command = || Some(Run::outside(store.dir(), task.started_in(), task.client_id()?));
        let run = if task.is_started_by_us() { Run::of(task, store.dir()) } else { of_command() };
        if let Some(run) = run {
            run.create().with_context(|| format!("could not create `{}`", run.dir().display()))?;
            let asked = serde_json::to_vec(&by).context("could not encode a request")?;
            atomic::write(&run.stop(), &asked)?;
        }
        store.post(&Event::CancelRequested { task: task.id.clone(), by, at })?;
    }
    // The requests are in the inbox. If the lock is busy, the next commit applies them, before any result.
    let tmp = client_tmp_dir(&Environment::read());
    let _ = store.update(&world(&tmp), LOCK_WAIT_IN_RUNNER, |_, _| ());
    Ok(())
}

/// Applies `push` to the tasks that still run, repeatedly until all are finished, or until the time limit. It is
/// applied at least once.
fn settle(
    stops: &mut [(Task, Result<Stop>)],
    task_waiter: &mut TaskWaiter,
    until: Instant,
    push: fn(&mut Stop),
) -> Result<()> {
    loop {
        let ids: Vec<TaskId> = stops.iter().map(|(task, _)| task.id.clone()).collect();
        let task_states = task_waiter.look(&ids)?;
        let mut is_settled = true;
        for ((_, stop), course) in stops.iter_mut().zip(task_states) {
            let Ok(stop) = stop else { continue };
            let is_live = matches!(course, TaskState::Live(task) if is_ours(&task));
            if stop.is_hopeless() || (!is_live && stop.is_over()) {
                continue;
            }
            push(stop);
            is_settled = stop.is_hopeless() && is_settled;
        }
        if is_settled || Instant::now() >= until {
            return Ok(());
        }
        task_waiter.pause(LOOK);
    }
}

fn answer(before: Task, stop: Result<Stop>, course: TaskState) -> Answer {
    let ending = match (&course, &stop) {
        (_, Err(error)) => Ending::NotStopped(format!("{error:#}")),
        (TaskState::Live(task), Ok(stop)) if is_ours(task) => Ending::NotStopped(stop.problem()),
        // No runner took the task.
        (TaskState::Live(_), Ok(_)) => Ending::LeftToClient,
        (TaskState::Ended(_) | TaskState::Forgotten, Ok(stop)) if stop.is_over() => Ending::Ended,
        (TaskState::Ended(_) | TaskState::Forgotten, Ok(stop)) => {
            Ending::NotStopped(stop.problem())
        }
    };
    let task = match course {
        TaskState::Live(task) | TaskState::Ended(task) => task,
        TaskState::Forgotten => before.clone(),
    };
    Answer { before, task, ending }
}
