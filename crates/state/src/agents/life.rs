//! An agent from its launch to its end, as Claude Code reports it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sisyphus_base::clock::Now;
use sisyphus_base::id::{AgentId, ClientTaskId, SessionId, TaskId, Ticket, ToolUseId};
use sisyphus_base::machine::{Machine, Reach};
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_tasks::agent_call::{Activity, AgentCall};
use sisyphus_tasks::classify_exit::unseen_end;
use sisyphus_tasks::outcome::{AgentFailure, Canceller, LostReason, Outcome};
use sisyphus_tasks::status::{Ending, Status};
use sisyphus_tasks::task::{Client, Event, Kind, Task};

use super::occupancy::{activity_of, allowed, live_agents};
use crate::active::Active;
use crate::agent_limits::{Limits, RateLimitHit, Scope, throttle};

/// A call of Claude Code's tool for agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    pub session: SessionId,
    pub tool_use_id: ToolUseId,
    /// The subagent that called.
    pub agent: Option<AgentId>,
    pub cwd: std::path::PathBuf,
    pub description: String,
    pub call: AgentCall,
    /// The machine that Claude Code runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
}

/// How an agent ended, as Claude Code reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentEnd {
    Finished,
    Failed(AgentFailure),
    /// Claude Code names what stopped it.
    Stopped(Canceller),
}

impl Launch {
    /// Turns the call into a task whose ticket is the current time.
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

/// Records that Claude Code launched the agent `id` for this call. The agent is queued: its SubagentStart hook holds it
/// until it has a slot. If no hook announced the call, none holds the agent, and it runs. So does the agent of a
/// subagent: a subagent that waited for it might hold the slot that it needs.
pub fn launched(active: &mut Active, launch: Launch, id: &ClientTaskId, now: Now) {
    let has_id = |task: &Task| task.kind == Kind::Agent && task.client_id() == Some(id);
    if active.tasks.iter().any(has_id) {
        return;
    }
    let resolved = launch.call.resolved_model.clone();
    let announced = take_announced(active, &launch.session, &launch.tool_use_id);
    let event = match &announced {
        Some(task) if task.agent.is_none() => Event::Claimed { at: now.at },
        Some(_) | None => Event::Observed { at: now.at },
    };
    let mut task =
        announced.unwrap_or_else(|| launch.into_task(Status::Pending { announced_at: now.at }));
    if let Some((call, model)) = task.launched.as_mut().zip(resolved) {
        call.resolve(&model);
    }
    task.client = Some(Client { id: id.clone(), process: None });
    task.apply(event, now.tick);
    active.insert(task);
}

/// Records a call of the main conversation for an agent, which Claude Code has not answered yet.
pub fn called(active: &mut Active, launch: Launch, now: DateTime<Utc>) {
    let is_it = |task: &Task| {
        task.session == launch.session && task.tool_use_id.as_ref() == Some(&launch.tool_use_id)
    };
    if !active.tasks.iter().any(is_it) {
        active.insert(launch.into_task(Status::Pending { announced_at: now }));
    }
}

/// Drops the announcement of a call that started nothing in the background. `client` then runs such agents in the
/// foreground.
pub fn came_to_nothing(
    active: &mut Active,
    session: &SessionId,
    call: &ToolUseId,
    client: Option<ProcessRef>,
) {
    if take_announced(active, session, call).is_some() {
        active.agents.foreground = client.or(active.agents.foreground.take());
    }
}

/// Records that an agent works although it has no slot.
pub fn let_go(active: &mut Active, id: &ClientTaskId, now: Now) {
    let is_it = |task: &&mut Task| {
        let waits = matches!(task.status(), Status::Queued { .. });
        task.kind == Kind::Agent && waits && task.client_id() == Some(id)
    };
    if let Some(task) = active.tasks.iter_mut().find(is_it) {
        task.apply(Event::Observed { at: now.at }, now.tick);
    }
}

/// Whether this is an unanswered call for an agent, made by the main conversation of this session.
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

/// Records that a finished agent runs again: the model sent it a message, or the work that it waited for finished.
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
    if let Some(call) = &mut task.launched {
        call.activity = Activity::Works;
    }
    task.description = before.description;
    task.apply(Event::Observed { at: now.at }, now.tick);
    active.insert(task);
}

/// Records that Claude Code reported the end of an agent. An agent without a live record changes nothing.
pub fn ended(active: &mut Active, id: &ClientTaskId, end: AgentEnd, limits: &Limits, now: Now) {
    let is_it = |task: &&Task| task.kind == Kind::Agent && task.client_id() == Some(id);
    let Some(task) = active.live().find(is_it) else { return };
    let task_id = task.id.clone();
    if end == AgentEnd::Failed(AgentFailure::RateLimit) {
        let (pool, before) = allowed(active, task, limits);
        let model = task.launched.as_ref().and_then(AgentCall::model);
        let hit = Some(RateLimitHit { session: task.session.clone(), agent: task.heading() });
        if let Some(scope) = Scope::of(&pool, model) {
            throttle(&mut active.agents.throttles, scope, before, hit, now.at);
        }
    }
    let Some(task) = active.task(&task_id) else { return };
    let outcome = match (end, task.stop_requested_by(now.at)) {
        (AgentEnd::Stopped(_), Some(by)) | (AgentEnd::Stopped(by), None) => {
            Outcome::Cancelled { by }
        }
        (AgentEnd::Finished, _) => Outcome::Completed,
        (AgentEnd::Failed(why), _) => Outcome::AgentFailed { why },
    };
    let ending = Ending::noticed(task.status(), outcome, now.at);
    end_observed(active, &task_id, ending, now);
}

/// Ends a task that only Claude Code sees. An agent that is over reads nothing more, so the main conversation gets what
/// was owed to it: SubagentStop does not announce every end.
pub(crate) fn end_observed(active: &mut Active, id: &TaskId, ending: Ending, now: Now) {
    let Some(task) = active.task_mut(id) else { return };
    task.apply(Event::Ended(ending), now.tick);
    let Some(id) = task.client_id().filter(|_| task.kind == Kind::Agent).cloned() else { return };
    let is_its =
        |task: &&mut Task| task.agent.as_ref().is_some_and(|agent| agent.as_str() == id.as_str());
    active.tasks.iter_mut().filter(is_its).for_each(Task::release);
}

/// Records whether a running agent rests.
pub fn set_activity(active: &mut Active, id: &ClientTaskId, activity: Activity) {
    let is_it = |task: &&mut Task| {
        task.kind == Kind::Agent && !task.status().is_final() && task.client_id() == Some(id)
    };
    let agent = active.tasks.iter_mut().find(is_it);
    if let Some(call) = agent.and_then(|task| task.launched.as_mut()) {
        call.activity = activity;
    }
}

/// Whether a running agent rests.
pub fn rests(active: &Active, id: &ClientTaskId) -> bool {
    let mut agents = live_agents(active).filter(|task| task.client_id() == Some(id));
    agents.any(|task| activity_of(task) == Some(Activity::Rests))
}

/// Whether the agent has background work of its own that will finish. Such an agent is not over when it stops, and
/// Claude Code does not list it until then (CC-62). A server that it leaves running never finishes.
pub fn has_own_work(active: &Active, id: &ClientTaskId) -> bool {
    active.live().any(|task| {
        let is_its = task.agent.as_ref().is_some_and(|agent| agent.as_str() == id.as_str());
        is_its && task.kind != Kind::Service && task.is_confirmed()
    })
}

/// Whether the list of background tasks that `client` gives at Stop covers this task. Claude Code lists what it runs
/// for the conversation. An agent lives in one process of Claude Code, whatever the session's id is. An agent that
/// waits for its own work is not listed, and is not over.
pub fn is_listed_for(
    task: &Task,
    session: &SessionId,
    client: Option<&ProcessRef>,
    active: &Active,
) -> bool {
    match task.kind {
        // Tasks of a subagent are left out: no measurement shows whether the list contains them.
        Kind::Command | Kind::Service => &task.session == session && task.agent.is_none(),
        Kind::Session => false,
        Kind::Agent => {
            let process = task.launched.as_ref().and_then(|call| call.process.as_ref());
            let waits = task.client_id().is_some_and(|id| has_own_work(active, id));
            !waits && (&task.session == session || (process.is_some() && process == client))
        }
    }
}

/// Whether the Claude Code that made this call is known to be gone. Nothing is known about one on another machine.
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

fn is_orphaned(task: &Task, is_gone: &impl Fn(&ProcessRef) -> bool) -> bool {
    let call = task.launched.as_ref().filter(|_| !task.status().is_final());
    call.is_some_and(|call| is_orphan(call, task.machine.as_ref(), is_gone))
}

/// Whether a Claude Code that is gone left an agent.
pub fn has_orphans(active: &Active, is_gone: impl Fn(&ProcessRef) -> bool) -> bool {
    active.live().any(|task| is_orphaned(task, &is_gone))
}

/// Ends the agents of every Claude Code that is gone.
pub fn end_orphans(active: &mut Active, is_gone: impl Fn(&ProcessRef) -> bool, now: Now) {
    active.agents.former.retain(|it| !is_orphan(&it.call, it.machine.as_ref(), &is_gone));
    // An unanswered call leaves no record.
    active.tasks.retain(|task| task.is_confirmed() || !is_orphaned(task, &is_gone));
    let orphans = active.tasks.iter().filter(|task| is_orphaned(task, &is_gone));
    let unseen = |task: &Task| unseen_end(task, LostReason::SessionEnded, now.at);
    let ends: Vec<_> = orphans.map(|task| (task.id.clone(), unseen(task))).collect();
    for (id, ending) in ends {
        end_observed(active, &id, ending, now);
    }
}
