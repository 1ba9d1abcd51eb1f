//! An agent from its launch to its end, as the client tells it.

use anyhow::Result;
use chrono::{DateTime, Utc};

use super::call::AgentCall;
use super::limit::Limits;
use super::occupancy::allowed;
use super::rate_limit::{Hit, Scope, brake};
use crate::fold::advance;
use crate::id::{AgentId, ClientTaskId, SessionId, TaskId, ToolUseId};
use crate::judge::unseen_end;
use crate::notice::heading;
use crate::orphans::is_orphan;
use crate::outcome::{AgentFailure, Canceller, LostReason, Outcome};
use crate::status::{Ending, Status};
use crate::store::{Active, Claimer, Transaction};
use crate::sys;
use crate::task::{Client, Kind, Task, Witness};
use crate::transition::Event;

/// A call of the client's tool for agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    pub session: SessionId,
    pub tool_use_id: ToolUseId,
    /// The subagent that called.
    pub agent: Option<AgentId>,
    pub cwd: std::path::PathBuf,
    pub description: String,
    pub call: AgentCall,
}

/// How the client says that an agent ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentEnd {
    Finished,
    Failed(AgentFailure),
    /// Stopped, by whom the client says.
    Stopped(Canceller),
}

impl Launch {
    /// Makes a task of the call, with the next ticket.
    pub fn into_task(self, active: &mut Active, status: Status) -> Task {
        let ticket = active.draw_ticket();
        Task {
            tool_use_id: Some(self.tool_use_id),
            agent: self.agent,
            host: sys::host(),
            kind: Kind::Agent,
            launched: Some(self.call),
            description: self.description,
            ..Task::new(TaskId::random(), ticket, self.session, self.cwd, status)
        }
    }
}

/// The client launched the agent `id` for this call. A call that nobody announced, or that took too long to be answered,
/// is recorded now.
pub fn launched(
    transaction: &mut Transaction<'_>,
    launch: Launch,
    id: &ClientTaskId,
    now: DateTime<Utc>,
) -> Result<()> {
    let has_id = |task: &Task| task.kind == Kind::Agent && task.client_id() == Some(id);
    let active = &transaction.active;
    if active.tasks.iter().any(has_id)
        || transaction.outbox(&launch.session)?.has_told(id, |_| true)
    {
        return Ok(());
    }
    let resolved = launch.call.resolved_model.clone();
    transaction.active.agents.learn(&launch.session, &launch.call);
    let announced = take_announced(&mut transaction.active, &launch.session, &launch.tool_use_id);
    let mut task = match announced {
        Some(task) => task,
        None => launch.into_task(&mut transaction.active, Status::Pending { announced_at: now }),
    };
    if let Some((call, model)) = task.launched.as_mut().zip(resolved) {
        call.resolve(&model);
    }
    task.client = Some(Client::new(id.clone(), Witness::Client));
    advance(transaction, task, Event::Observed { at: now })
}

/// The call came to nothing that runs in the background.
pub fn came_to_nothing(active: &mut Active, session: &SessionId, call: &ToolUseId) {
    drop(take_announced(active, session, call));
}

fn take_announced(active: &mut Active, session: &SessionId, call: &ToolUseId) -> Option<Task> {
    let position = active.tasks.iter().position(|task| {
        task.kind == Kind::Agent
            && &task.session == session
            && task.tool_use_id.as_ref() == Some(call)
            && matches!(task.status, Status::Pending { .. })
    })?;
    Some(active.tasks.remove(position))
}

/// A known agent that ended before runs again: somebody sent it a message, or the work came to an end that it waited for.
pub fn revive(transaction: &mut Transaction<'_>, before: Task, now: DateTime<Utc>) -> Result<()> {
    let is_live =
        |task: &Task| task.client_id().is_some() && task.client_id() == before.client_id();
    if transaction.active.tasks.iter().any(is_live) {
        return Ok(());
    }
    let task = Task {
        id: TaskId::random(),
        ticket: transaction.active.draw_ticket(),
        status: Status::Pending { announced_at: now },
        stop_asked: None,
        unlisted: 0,
        ignored_events: 0,
        ..before
    };
    advance(transaction, task, Event::Observed { at: now })
}

/// The client says that an agent ended. One that is not known, or not any more, changes nothing.
pub fn ended(
    transaction: &mut Transaction<'_>,
    id: &ClientTaskId,
    end: AgentEnd,
    limits: &Limits,
    now: DateTime<Utc>,
) -> Result<()> {
    let is_it = |task: &&Task| task.kind == Kind::Agent && task.client_id() == Some(id);
    let Some(task) = transaction.active.tasks.iter().find(is_it) else { return Ok(()) };
    if end == AgentEnd::Failed(AgentFailure::RateLimit) {
        let (pool, before) = allowed(&transaction.active, task, limits);
        let model = task.launched.as_ref().and_then(AgentCall::model);
        let hit = Hit { session: task.session.clone(), agent: heading(task) };
        if let Some(scope) = Scope::of(&pool, model) {
            brake(&mut transaction.active.agents.brakes, scope, before, hit, now);
        }
    }
    let task_id = task.id.clone();
    let Some(task) = transaction.take(&task_id) else { return Ok(()) };
    let outcome = match (end, task.stopper(now)) {
        (AgentEnd::Stopped(_), Some(by)) | (AgentEnd::Stopped(by), None) => {
            Outcome::Cancelled { by }
        }
        (AgentEnd::Finished, _) => Outcome::Completed,
        (AgentEnd::Failed(why), _) => Outcome::AgentFailed { why },
    };
    let ending = Ending { started_at: started_at(&task), ..Ending::unseen(outcome, now) };
    advance(transaction, task, Event::Ended(ending))
}

fn started_at(task: &Task) -> Option<DateTime<Utc>> {
    match &task.status {
        Status::Running { started_at, .. } => Some(*started_at),
        Status::Pending { .. } | Status::Queued { .. } | Status::Finished(_) => None,
    }
}

/// Whether the agent has background work of its own that will end: then it is not over when it stops, and it is not
/// listed meanwhile (measured on 2.1.329). A server that it leaves running has no end to wait for.
pub fn has_own_work(active: &Active, id: &ClientTaskId) -> bool {
    active.tasks.iter().any(|task| {
        let is_its = task.agent.as_ref().is_some_and(|agent| agent.as_str() == id.as_str());
        is_its && task.kind != Kind::Service && task.is_bound()
    })
}

/// Whether there is anything of a client that is gone.
pub fn has_orphans(active: &Active, is_gone: impl Fn(&Claimer) -> bool) -> bool {
    let of_task = |task: &Task| {
        task.launched
            .as_ref()
            .is_some_and(|call| is_orphan(call.process.as_ref(), task.host.as_ref(), &is_gone))
    };
    active.tasks.iter().any(of_task)
        || active
            .agents
            .waiting
            .iter()
            .any(|it| is_orphan(it.call.process.as_ref(), it.host.as_ref(), &is_gone))
}

/// Ends the agents of clients that are gone, and forgets what stands in line for them.
pub fn bury_orphans(
    transaction: &mut Transaction<'_>,
    is_gone: impl Fn(&Claimer) -> bool,
    now: DateTime<Utc>,
) -> Result<()> {
    let orphan = |call: Option<&AgentCall>, host: Option<&String>| {
        call.is_some_and(|call| is_orphan(call.process.as_ref(), host, &is_gone))
    };
    let active = &mut transaction.active;
    active.agents.waiting.retain(|it| !orphan(Some(&it.call), it.host.as_ref()));
    let gone: Vec<(TaskId, SessionId)> = active
        .tasks
        .iter()
        .filter(|task| orphan(task.launched.as_ref(), task.host.as_ref()))
        .map(|task| (task.id.clone(), task.session.clone()))
        .collect();
    for (id, session) in gone {
        // What is wrong with the files of one session must not keep the others from their agents.
        let can_be_noted = transaction.outbox(&session).is_ok();
        let Some(task) = transaction.take(&id) else { continue };
        // A call that was never answered leaves no trace.
        if task.client.is_some() && can_be_noted {
            let ending = unseen_end(&task, LostReason::SessionEnded, now);
            advance(transaction, task, Event::Ended(ending))?;
        }
    }
    Ok(())
}
