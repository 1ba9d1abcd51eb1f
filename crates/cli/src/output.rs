//! `sisyphus output`, and `sisyphus tail`, which follows.

mod shown;
mod stream;

use anyhow::{Result, ensure};
use clap::Args as ClapArgs;
use sisyphus_base::environment::Environment;
use sisyphus_base::id::TaskId;
use sisyphus_base::paths::client_tmp_dir;
use sisyphus_control::{HistoryDepth, Naming, TICK, TaskState, TaskWaiter, Tasks};
use sisyphus_tasks::task::Task;

use crate::print::{self, Reader};
use crate::spinner::Spinner;
use crate::wait::what_they_do;
use shown::{Prefix, width_of_ids};
use stream::Stream;

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  sisyphus output t7k2m9qa4 | less
  sisyphus output --tail 50 tests
  sisyphus output --follow build tests")]
pub(crate) struct Output {
    /// The tasks, each by its id or the beginning of it, Claude Code's id for it, or a part of its description or
    /// command.
    #[arg(required = true)]
    pub(crate) tasks: Vec<String>,
    /// Keep printing until the tasks have ended.
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Begin with the last N lines of each.
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) tail: Option<u64>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Tail {
    /// The tasks, each by its id or the beginning of it, Claude Code's id for it, or a part of its description or
    /// command.
    #[arg(required = true)]
    tasks: Vec<String>,
    /// Begin with the last N lines of each.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    lines: u64,
}

/// Prints the last lines of tasks, and what they add until they have ended.
pub(crate) fn tail(options: Tail) -> Result<()> {
    output(&Output { tasks: options.tasks, follow: true, tail: Some(options.lines) })
}

/// Prints the output of tasks, to its current end or until the tasks have ended. If there are several, each line begins
/// with the id of its task.
pub(crate) fn output(options: &Output) -> Result<()> {
    let tasks = Tasks::read(HistoryDepth::Archive, print::warn)?;
    let found = tasks.find_all(&options.tasks, Naming::Part)?;
    let until = if options.follow { Until::Ended } else { Until::Now };
    let mut task_waiter = TaskWaiter::new(tasks.store.clone(), print::warn);
    let complaints = print_of(&found, until, options.tail, &mut task_waiter)?;
    ensure!(complaints.is_empty(), "{}", complaints.join("; "));
    Ok(())
}

/// How long to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    Now,
    Ended,
}

/// Prints the output of these tasks, each from its last `tail` lines on. Returns what is wrong with those that have none.
pub(crate) fn print_of(
    tasks: &[&Task],
    until: Until,
    tail: Option<u64>,
    task_waiter: &mut TaskWaiter,
) -> Result<Vec<String>> {
    let prefix = |id: &TaskId| match tasks {
        [_] => Prefix::None,
        several => Prefix::of(id, width_of_ids(several)),
    };
    let stream = |task: &&Task| Stream::new((*task).clone(), tail, prefix(&task.id));
    let mut streams: Vec<Stream> = tasks.iter().map(stream).collect();
    let client_tmp = client_tmp_dir(&Environment::read());
    let mut spinner = Spinner::new();
    loop {
        for stream in &mut streams {
            if stream.go_on(task_waiter.store().dir(), &client_tmp)? == Reader::Gone {
                return Ok(Vec::new());
            }
        }
        if until == Until::Now || !wait_for_more(&mut streams, task_waiter)? {
            break;
        }
        match waiting(&streams)[..] {
            [] => spinner.clear(),
            ref waiting => spinner.turn(&what_they_do(waiting)),
        }
    }
    Ok(streams.into_iter().filter_map(Stream::finish).collect())
}

/// The tasks that are waited for while all of them are queued: until one starts, nothing is printed.
fn waiting(streams: &[Stream]) -> Vec<&Task> {
    let live = || streams.iter().filter(|it| it.may_grow()).map(Stream::task);
    if live().all(Task::is_queued) { live().collect() } else { Vec::new() }
}

/// Waits a moment and looks at the tasks that have not ended; `false` if there are none.
fn wait_for_more(streams: &mut [Stream], task_waiter: &mut TaskWaiter) -> Result<bool> {
    let mut live: Vec<&mut Stream> = streams.iter_mut().filter(|it| it.may_grow()).collect();
    if live.is_empty() {
        return Ok(false);
    }
    task_waiter.pause(TICK);
    let tasks: Vec<Task> = live.iter().map(|it| it.task().clone()).collect();
    for (stream, state) in live.iter_mut().zip(task_waiter.look_at(&tasks)?) {
        match state {
            TaskState::Live(task) | TaskState::Ended(task) => stream.update(task),
            TaskState::Forgotten => stream.forget(),
        }
    }
    Ok(true)
}
