//! An agent from its launch to its end, as the client tells it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sisyphus_base::clock::Now;
use sisyphus_base::id::{AgentId, ClientTaskId, SessionId, TaskId, Ticket, ToolUseId};
use sisyphus_base::machine::{Machine, Reach};
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_tasks::agent_call::AgentCall;
use sisyphus_tasks::classify_exit::unseen_end;
use sisyphus_tasks::outcome::{AgentFailure, Canceller, LostReason, Outcome};
use sisyphus_tasks::status::{Ending, Status};
use sisyphus_tasks::task::{Client, Event, Kind, Task};

use super::limit::Limits;
use super::occupancy::allowed;
use super::rate_limit::{RateLimitHit, Scope, throttle};
use crate::store::Active;

/// A call of the client's tool for agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    pub session: SessionId,
    pub tool_use_id: ToolUseId,
    /// The subagent that called.
    pub agent: Option<AgentId>,
    pub cwd: std::path::PathBuf,
    pub description: String,
    pub call: AgentCall,
    /// The machine that the client runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
}

/// How the client says that an agent ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentEnd {
    Finished,
    Failed(AgentFailure),
    /// Stopped, by whom the client says.
    Stopped(Canceller),
}

impl Launch {
    /// Makes a task of the call, with a ticket of this moment.
    pub fn into_task(self, status: Status) -> Task {
        let mut task = Task::new(TaskId::random(), Ticket::now(), self.session, self.cwd, status);
        task.tool_use_id = Some(self.tool_use_id);
        task.agent = self.agent;
        task.machine = self.machine;
        task.kind = Kind::Agent;
        task.launched = Some(self.call);
        task.description = self.description;
        task
    }
}

/// The client launched the agent `id` for this call. A call that was not announced, or that took too long to be answered,
/// is recorded now.
pub fn launched(active: &mut Active, launch: Launch, id: &ClientTaskId, now: Now) {
    let has_id = |task: &Task| task.kind == Kind::Agent && task.client_id() == Some(id);
    if active.tasks.iter().any(has_id) {
        return;
    }
    let resolved = launch.call.resolved_model.clone();
    active.agents.learn(&launch.session, &launch.call);
    let announced = take_announced(active, &launch.session, &launch.tool_use_id);
    let mut task =
        announced.unwrap_or_else(|| launch.into_task(Status::Pending { announced_at: now.at }));
    if let Some((call, model)) = task.launched.as_mut().zip(resolved) {
        call.resolve(&model);
    }
    task.client = Some(Client { id: id.clone(), process: None });
    task.apply(Event::Observed { at: now.at }, now.tick);
    active.insert(task);
}

/// The call came to nothing that runs in the background.
pub fn came_to_nothing(active: &mut Active, session: &SessionId, call: &ToolUseId) {
    drop(take_announced(active, session, call));
}

/// Whether this is a call for an agent, made by the main conversation of this session, that is not answered.
pub fn is_unanswered_in(task: &Task, session: &SessionId) -> bool {
    task.kind == Kind::Agent
        && &task.session == session
        && task.agent.is_none()
        && matches!(task.status(), Status::Pending { .. })
}

fn take_announced(active: &mut Active, session: &SessionId, call: &ToolUseId) -> Option<Task> {
    let position = active.tasks.iter().position(|task| {
        task.kind == Kind::Agent
            && &task.session == session
            && task.tool_use_id.as_ref() == Some(call)
            && matches!(task.status(), Status::Pending { .. })
    })?;
    Some(active.tasks.remove(position))
}

/// A known agent that ended before runs again: it was sent a message, or the work came to an end that it waited for.
pub fn revive(active: &mut Active, before: Task, now: Now) {
    let is_live = |task: &Task| {
        !task.status().is_final()
            && task.client_id().is_some()
            && task.client_id() == before.client_id()
    };
    if active.tasks.iter().any(is_live) {
        return;
    }
    let status = Status::Pending { announced_at: now.at };
    let mut task = Task::new(TaskId::random(), Ticket::now(), before.session, before.cwd, status);
    task.started_in = before.started_in;
    task.tool_use_id = before.tool_use_id;
    task.agent = before.agent;
    task.client = before.client;
    task.machine = before.machine;
    task.kind = Kind::Agent;
    task.launched = before.launched;
    task.description = before.description;
    task.apply(Event::Observed { at: now.at }, now.tick);
    active.insert(task);
}

/// The client says that an agent ended. One that is not known, or not any more, changes nothing.
pub fn ended(active: &mut Active, id: &ClientTaskId, end: AgentEnd, limits: &Limits, now: Now) {
    let is_it = |task: &&Task| task.kind == Kind::Agent && task.client_id() == Some(id);
    let Some(task) = active.live().find(is_it) else { return };
    let task_id = task.id.clone();
    if end == AgentEnd::Failed(AgentFailure::RateLimit) {
        let (pool, before) = allowed(active, task, limits);
        let model = task.launched.as_ref().and_then(AgentCall::model);
        let hit = RateLimitHit { session: task.session.clone(), agent: task.heading() };
        if let Some(scope) = Scope::of(&pool, model) {
            throttle(&mut active.agents.throttles, scope, before, hit, now.at);
        }
    }
    let Some(task) = active.task_mut(&task_id) else { return };
    let outcome = match (end, task.stop_requested_by(now.at)) {
        (AgentEnd::Stopped(_), Some(by)) | (AgentEnd::Stopped(by), None) => {
            Outcome::Cancelled { by }
        }
        (AgentEnd::Finished, _) => Outcome::Completed,
        (AgentEnd::Failed(why), _) => Outcome::AgentFailed { why },
    };
    let ending = Ending { started_at: started_at(task), ..Ending::unseen(outcome, now.at) };
    task.apply(Event::Ended(ending), now.tick);
}

fn started_at(task: &Task) -> Option<DateTime<Utc>> {
    match task.status() {
        Status::Running { started_at, .. } => Some(*started_at),
        Status::Pending { .. } | Status::Queued { .. } | Status::Finished(_) => None,
    }
}

/// Whether the agent has background work of its own that will end: then it is not over when it stops, and it is not
/// listed meanwhile (measured on 2.1.329). A server that it leaves running has no end to wait for.
pub fn has_own_work(active: &Active, id: &ClientTaskId) -> bool {
    active.live().any(|task| {
        let is_its = task.agent.as_ref().is_some_and(|agent| agent.as_str() == id.as_str());
        is_its && task.kind != Kind::Service && task.is_confirmed()
    })
}

/// Whether the list of background tasks that `client` gives at Stop is about this task: it lists what it runs for the
/// conversation, and an agent lives in one client, whatever its conversation is called. An agent that waits for work of
/// its own is not listed, and is not over.
pub fn is_listed_for(
    task: &Task,
    session: &SessionId,
    client: Option<&ProcessRef>,
    active: &Active,
) -> bool {
    match task.kind {
        // A subagent's are left out: whether the list holds them was never seen.
        Kind::Command | Kind::Service => &task.session == session && task.agent.is_none(),
        Kind::Agent => {
            let process = task.launched.as_ref().and_then(|call| call.process.as_ref());
            let waits = task.client_id().is_some_and(|id| has_own_work(active, id));
            !waits && (&task.session == session || (process.is_some() && process == client))
        }
    }
}

/// Whether a client is known to be gone. Of one on another machine nothing is.
fn is_orphan(
    call: &AgentCall,
    machine: Option<&Machine>,
    is_gone: &impl Fn(&ProcessRef) -> bool,
) -> bool {
    let Some(process) = &call.process else { return false };
    let here = Machine::here();
    match machine.map_or(Reach::Here, |machine| machine.reach(here.as_ref())) {
        Reach::Here => is_gone(process),
        Reach::Restarted => true,
        Reach::Elsewhere => false,
    }
}

/// Whether there is anything of a client that is gone.
pub fn has_orphans(active: &Active, is_gone: impl Fn(&ProcessRef) -> bool) -> bool {
    let of_task = |task: &Task| {
        let call = task.launched.as_ref();
        call.is_some_and(|call| is_orphan(call, task.machine.as_ref(), &is_gone))
    };
    active.live().any(of_task)
        || active.agents.waiting.iter().any(|it| is_orphan(&it.call, it.machine.as_ref(), &is_gone))
}

/// Ends the agents of clients that are gone, and forgets what stands in line for them.
pub fn end_orphans(active: &mut Active, is_gone: impl Fn(&ProcessRef) -> bool, now: Now) {
    active.agents.waiting.retain(|it| !is_orphan(&it.call, it.machine.as_ref(), &is_gone));
    let is_gone = |task: &Task| {
        let call = task.launched.as_ref().filter(|_| !task.status().is_final());
        call.is_some_and(|call| is_orphan(call, task.machine.as_ref(), &is_gone))
    };
    // A call that was never answered leaves no trace.
    active.tasks.retain(|task| task.is_confirmed() || !is_gone(task));
    for task in active.tasks.iter_mut().filter(|task| is_gone(task)) {
        let ending = unseen_end(task, LostReason::SessionEnded, now.at);
        task.apply(Event::Ended(ending), now.tick);
    }
}
