//! Moves a waiting task to the front of its queue.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use sisyphus_base::atomic;
use sisyphus_base::environment::Environment;
use sisyphus_process::{holder, is_alive, is_runner, wake_runner};
use sisyphus_state::line::{LineTicket, Snapshot, Standing};
use sisyphus_state::run::Run;
use sisyphus_state::store::Store;
use sisyphus_state::task_states::TaskState;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Kind, Task};

use crate::task_waiter::TaskWaiter;
use crate::tasks::WarningSink;

/// How long a runner has to move. It needs milliseconds; a suspended runner never moves.
const PATIENCE: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(50);

/// What became of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It is the next one in its queue.
    Next,
    /// It was moved, and then others were moved before it: it is at this position.
    Passed(usize),
    /// It has a slot by now, or has ended.
    Started,
    /// Its runner did not answer: it is suspended, or of a version that can't do this.
    Unanswered,
}

/// Asks the runner of a waiting task to go to the front, and waits for that.
///
/// # Errors
/// One sentence about why the task can't be moved.
pub fn make_next(store: &Store, task: &Task, warn: WarningSink) -> Result<Moved> {
    let id = &task.id;
    match (task.status(), task.kind) {
        (Status::Finished(ending), _) => {
            bail!("{id} {}; only a queued command can be moved", ending.sentence(task.kind))
        }
        (Status::Running { .. }, _) => bail!("{id} runs already"),
        (_, Kind::Agent) => bail!("{id} is an agent; agents keep their order"),
        (_, Kind::Session) => bail!("{id} is a delegated session; sessions keep their order"),
        (_, Kind::Service) => bail!("{id} is a service, which waits for no slot"),
        (Status::Pending { .. }, _) => bail!("{id} is in no queue yet"),
        (Status::Queued { .. }, Kind::Command) => {}
    }
    let run = Run::of(task, store.dir()).context("Claude Code has not named the task yet")?;
    let before = standing(task)?;
    atomic::write(&run.next(), b"{}")?;
    if let Some(holder) = holder(&run.lock())?
        && is_runner(&holder.program)
    {
        wake_runner(holder.process);
    }
    // Its runner need not move.
    if matches!(before, Some(Seen::Waits(Place { position: 1, .. }))) {
        return Ok(Moved::Next);
    }
    let until = Instant::now() + PATIENCE;
    let mut waiter = TaskWaiter::new(store.clone(), warn);
    loop {
        let states = waiter.look(std::slice::from_ref(id))?;
        let is_waiting = matches!(states.first(), Some(TaskState::Live(task)) if matches!(task.status(), Status::Queued { .. }));
        if !is_waiting {
            return Ok(Moved::Started);
        }
        match standing(task)? {
            Some(Seen::Waits(Place { position: 1, .. })) => return Ok(Moved::Next),
            Some(Seen::HasSlot) => return Ok(Moved::Started),
            Some(Seen::Waits(now))
                if before.as_ref().is_some_and(|before| now.is_after(before)) =>
            {
                return Ok(Moved::Passed(now.position));
            }
            Some(Seen::Waits(_)) | None => {}
        }
        if Instant::now() >= until {
            return Ok(Moved::Unanswered);
        }
        waiter.pause(LOOK);
    }
}

/// What the queue says about a task.
#[derive(Debug)]
enum Seen {
    HasSlot,
    Waits(Place),
}

/// Where a task waits.
#[derive(Debug)]
struct Place {
    /// 1 is the next.
    position: usize,
    /// A runner that moves takes an earlier one.
    ticket: LineTicket,
}

impl Place {
    /// Whether its runner moved it after it was seen at `before`.
    fn is_after(&self, before: &Seen) -> bool {
        matches!(before, Seen::Waits(before) if self.ticket < before.ticket)
    }
}

/// Its place in the queue where it waits now: that of its group, or that of all. While its runner moves, it may be in none;
/// that it has a slot of its group says nothing then.
fn standing(task: &Task) -> Result<Option<Seen>> {
    let line = Snapshot::read(&Environment::read(), is_alive)?;
    let Some(name) = task.name_in_queue() else { return Ok(None) };
    let of_group = task.group.as_deref().and_then(|group| {
        Some((line.standing_in(group, name)?, line.groups.get(group)?.waiters.as_slice()))
    });
    let waits = |(standing, _): &(Standing, _)| matches!(standing, Standing::Waits(_));
    let of_all = || Some((line.standing(name)?, line.waiters.as_slice()));
    let seen = of_group.filter(waits).or_else(of_all);
    Ok(seen.and_then(|(standing, waiters)| match standing {
        Standing::HasSlot => Some(Seen::HasSlot),
        Standing::Waits(position) => {
            let ticket = waiters.get(position - 1)?.place.clone();
            Some(Seen::Waits(Place { position, ticket }))
        }
    }))
}
