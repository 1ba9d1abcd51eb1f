//! `sisyphus output`.

use anyhow::{Context as _, Result};
use clap::Args as ClapArgs;
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::client_tmp_dir;
use sisyphus_control::{HistoryDepth, TICK, TaskState, TaskWaiter, Tasks};
use sisyphus_state::output::{Messages, Source};
use sisyphus_tasks::task::{Kind, Task};

use crate::format::predicate;
use crate::print::{self, Reader};
use crate::terminal::Filter;

/// How much is read at once, in bytes.
const PIECE: usize = 64 * 1024;

#[derive(Debug, ClapArgs)]
pub(crate) struct Output {
    /// The task: its id or the beginning of it, Claude Code's id for it, its description, or the
    /// word before a colon in that.
    pub(crate) task: String,
    /// Keep printing until the task has ended.
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Begin with the last N lines.
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) tail: Option<u64>,
}

/// Prints the output of a task, to its current end or until the task has ended.
pub(crate) fn output(options: &Output) -> Result<()> {
    let tasks = Tasks::read(HistoryDepth::Archive, print::warn)?;
    let mut task = tasks.find(&options.task)?.clone();
    let mut task_waiter = TaskWaiter::new(tasks.store, print::warn);
    let client_tmp = client_tmp_dir(&Environment::read());
    if task.kind == Kind::Session && !task.status().is_final() {
        return so_far(options, task, task_waiter);
    }
    let mut printing: Option<Printing> = None;
    loop {
        if printing.is_none()
            && let Some(source) = Source::open(&task, task_waiter.store().dir(), &client_tmp)
        {
            printing = Some(Printing::begin(source, &task, options.tail)?);
        }
        if let Some(printing) = &mut printing
            && printing.go_on(&task)? == Reader::Gone
        {
            return Ok(());
        }
        if task.status().is_final() || !options.follow {
            break;
        }
        let Some(found) = next_look(&mut task_waiter, &task)? else { break };
        task = found;
    }
    let (name, predicate) = (task.heading(), predicate(&task));
    printing.with_context(|| format!("{name} {predicate}; it has no output"))?.finish()
}

/// The task a moment later; `None` if its record is gone.
fn next_look(task_waiter: &mut TaskWaiter, task: &Task) -> Result<Option<Task>> {
    task_waiter.pause(TICK);
    Ok(match task_waiter.look(std::slice::from_ref(&task.id))?.pop() {
        Some(TaskState::Live(found) | TaskState::Ended(found)) => Some(found),
        Some(TaskState::Forgotten) | None => None,
    })
}

/// Prints what a running session and its tools have said, to the end or until the session has ended.
fn so_far(options: &Output, mut task: Task, mut task_waiter: TaskWaiter) -> Result<()> {
    let mut messages = Messages::default();
    let mut has_said = false;
    let mut tail = options.tail.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    loop {
        let new = messages.more(&task, task_waiter.store().dir());
        has_said |= !new.is_empty();
        let from = tail.take().map_or(0, |tail| new.len().saturating_sub(tail));
        let text: String = new[from..].iter().map(|line| format!("{line}\n")).collect();
        if print::bytes(text.as_bytes())? == Reader::Gone {
            return Ok(());
        }
        if task.status().is_final() || !options.follow {
            break;
        }
        let Some(found) = next_look(&mut task_waiter, &task)? else { break };
        task = found;
    }
    let (name, predicate) = (task.heading(), predicate(&task));
    anyhow::ensure!(has_said, "{name} {predicate}; it has said nothing yet");
    Ok(())
}

/// An output that is being printed.
struct Printing {
    source: Source,
    /// The end of what was printed.
    position: u64,
    /// Only harmless text goes to a terminal. A pipe or a file gets every byte.
    filter: Option<Filter>,
}

impl Printing {
    /// Begins with the last `tail` lines of the current output, or at its beginning.
    fn begin(mut source: Source, task: &Task, tail: Option<u64>) -> Result<Self> {
        let position = match tail {
            Some(count) => {
                let end = source.end(task).with_context(|| unreadable(task))?;
                source.start_of_last(count, end).with_context(|| unreadable(task))?
            }
            None => 0,
        };
        Ok(Self { source, position, filter: print::is_to_terminal().then(Filter::default) })
    }

    /// Prints what was added since.
    fn go_on(&mut self, task: &Task) -> Result<Reader> {
        let end = self.source.end(task).with_context(|| unreadable(task))?;
        let mut piece = vec![0; PIECE];
        while self.position < end {
            let wanted = usize::try_from(end - self.position).unwrap_or(PIECE).min(PIECE);
            let read = self.source.read_at(self.position, &mut piece[..wanted]);
            let read = read.with_context(|| unreadable(task))?;
            if read == 0 {
                break;
            }
            self.position += read as u64;
            let reader = match &mut self.filter {
                Some(filter) => print::bytes(filter.pass(&piece[..read]).as_bytes())?,
                None => print::bytes(&piece[..read])?,
            };
            if reader == Reader::Gone {
                return Ok(Reader::Gone);
            }
        }
        Ok(Reader::Reads)
    }

    fn finish(self) -> Result<()> {
        print::out(&self.filter.map(Filter::finish).unwrap_or_default())
    }
}

fn unreadable(task: &Task) -> String {
    format!("could not read the output of {}", task.id)
}
