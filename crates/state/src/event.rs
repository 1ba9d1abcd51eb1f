//! What happens to tasks, as one process reports it to the next. Every change to the state is an event.
//!
//! An event contains everything needed to apply it, because another process may apply it later. It may arrive late or
//! twice: applying it again changes nothing.

#[cfg(test)]
mod tests;
mod text;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use sisyphus_base::clock::Now;
use sisyphus_base::id::{AgentId, ClientTaskId, SessionId, TaskId, ToolUseId};
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_tasks::agent_call::Activity;
use sisyphus_tasks::call::Join;
use sisyphus_tasks::classify_exit::unseen_end;
use sisyphus_tasks::delivery::{Channel, DeliveryEvent, Revision};
use sisyphus_tasks::outcome::{Canceller, LostReason, Outcome};
use sisyphus_tasks::session::PermissionMode;
use sisyphus_tasks::status::Ending;
use sisyphus_tasks::task::{Event as TaskEvent, Kind, StopProgress, StopRequest, Task};

use crate::active::Active;
use crate::agents::{self, AgentEnd, Launch, Limits};
use crate::completion::Completion;
use crate::sessions;

/// How long before SessionEnd Claude Code may stop what runs. It stops commands first and calls the hook afterwards,
/// and sends KILL 2 s after TERM.
const STOPPED_BEFORE: Duration = Duration::seconds(5);

/// Something that happened. [`Event::encode`] writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Claude Code started a run for a call.
    Joined(Box<Join>),
    /// A runner took a delegated session, or a person's command. Older versions know the event by this name.
    #[serde(rename = "delegated")]
    Taken(Box<Task>),
    /// A conversation that asked for sessions has this permission mode now. Those that have not started get no more.
    ModeSeen { session: SessionId, mode: PermissionMode },
    /// A delegated session is about to end at a rate limit of the API. `model` is the one that it had.
    SessionRateLimited { task: TaskId, model: Option<String>, limits: Limits, at: DateTime<Utc> },
    /// The conversations that asked for these sessions are gone, and this one of the same project reads their results.
    Adopted {
        tasks: Vec<TaskId>,
        /// The conversations that are gone.
        from: Vec<SessionId>,
        by: SessionId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<ProcessRef>,
    },
    /// Claude Code reported the end of a command.
    Completed(Box<Completion>),
    /// The Claude Code that started this run is gone, and nothing else reports how it finishes.
    ClientGone { session: SessionId, client_id: ClientTaskId },
    /// A turn of the main conversation ended. `listed` is Claude Code's list of background tasks, if it gave one.
    TurnEnded { session: SessionId, listed: Option<Vec<ClientTaskId>>, client: Option<ProcessRef> },
    /// The model asked Claude Code to stop a task.
    StopRequested { session: SessionId, client_id: ClientTaskId, at: DateTime<Utc> },
    /// Claude Code has stopped it.
    StopConfirmed { session: SessionId, client_id: ClientTaskId, at: DateTime<Utc> },
    /// The user or the model asked us to stop a task.
    CancelRequested { task: TaskId, by: Canceller, at: DateTime<Utc> },
    /// A subagent stopped: the results of its commands go to the main conversation.
    SubagentStopped { session: SessionId, agent: AgentId },
    /// Another Claude Code resumed the session: the subagents of the previous one are gone.
    SessionResumed {
        session: SessionId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<ProcessRef>,
    },
    /// Claude Code exits.
    SessionEnded { session: SessionId, at: DateTime<Utc> },
    /// Claude Code switched to another conversation, which takes over what runs.
    SessionTransferred { from: SessionId, to: SessionId },
    /// A resumed session needs the results that it had not read when it ended.
    Unparked { tasks: Vec<Task> },
    /// Results were printed, with the lines that the same process had leased.
    Printed {
        by: ProcessRef,
        results: Vec<(TaskId, Revision)>,
        channel: Channel,
        at: DateTime<Utc>,
        /// The Claude Code that reads what was printed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<ProcessRef>,
    },
    /// The reader read a result without a reminder.
    Read { task: TaskId, revision: Revision },
    /// Claude Code started an agent for a call.
    AgentLaunched { launch: Box<Launch>, id: ClientTaskId, at: DateTime<Utc> },
    /// A call for an agent started nothing in the background. `client` is the Claude Code that answered it.
    AgentNotLaunched {
        session: SessionId,
        call: ToolUseId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<ProcessRef>,
    },
    /// The hook that held an agent let it go, although it has no slot.
    AgentLetGo { id: ClientTaskId, at: DateTime<Utc> },
    /// An agent ended.
    AgentEnded { id: ClientTaskId, end: AgentEnd, limits: Limits, at: DateTime<Utc> },
    /// A running agent stopped until its own work has finished, or goes on.
    AgentActivity { id: ClientTaskId, activity: Activity },
    /// A finished agent runs again.
    AgentRevived { before: Box<Task>, at: DateTime<Utc> },
}

impl Event {
    /// Applies the event to the state.
    pub fn apply(self, active: &mut Active, now: Now) {
        match self {
            Self::Joined(join) => joined(active, *join),
            Self::Taken(task) => {
                if active.task(&task.id).is_none() {
                    active.insert(*task);
                }
            }
            Self::ModeSeen { session, mode } => sessions::narrow(active, &session, mode),
            Self::SessionRateLimited { task, model, limits, at } => {
                sessions::rate_limited(active, &task, model.as_deref(), &limits, at);
            }
            Self::Adopted { tasks, from, by, client } => {
                active.adopt(&tasks, &from, &by, client, now.tick);
            }
            Self::Completed(completion) => completion.apply(active, now),
            Self::ClientGone { session, client_id } => {
                let task = named(active, &session, &client_id);
                if let Some(task) = task.filter(|it| it.is_observed()) {
                    let ending = unseen_end(task, LostReason::SessionEnded, now.at);
                    task.apply(TaskEvent::Ended(ending), now.tick);
                }
            }
            Self::TurnEnded { session, listed, client } => {
                // A turn waits for the answer to such a call. So the call started nothing, and no hook saw that.
                active.tasks.retain(|task| !agents::is_unanswered_in(task, &session));
                if let Some(listed) = listed {
                    end_unlisted(active, &session, &listed, client.as_ref(), now);
                }
            }
            Self::StopRequested { session, client_id, at } => {
                if let Some(task) = named(active, &session, &client_id) {
                    task.stop_request = Some(StopRequest::new(Canceller::Model, at));
                }
            }
            Self::StopConfirmed { session, client_id, at } => {
                stop_confirmed(active, &session, &client_id, at, now);
            }
            Self::CancelRequested { task, by, at } => {
                if let Some(task) = active.task_mut(&task).filter(|it| !it.status().is_final()) {
                    task.stop_request = Some(StopRequest::new(by, at));
                }
            }
            Self::SubagentStopped { session, agent } => {
                release(active, &session, |task| task.agent.as_ref() == Some(&agent));
            }
            Self::SessionResumed { session, client } => {
                active.resume_session(&session, client, now);
                release(active, &session, |_| true);
                // The end of the session did not stop these: a later stop has another cause.
                for task in active.tasks.iter_mut().filter(|task| task.session == session) {
                    task.stop_request.take_if(|asked| asked.by == Canceller::SessionEnd);
                    task.left_at = None;
                }
            }
            Self::SessionEnded { session, at } => session_ended(active, &session, at, now),
            Self::SessionTransferred { from, to } => active.transfer(&from, &to),
            Self::Unparked { tasks } => {
                for task in tasks {
                    if active.task(&task.id).is_none() {
                        active.insert(task);
                    }
                }
            }
            Self::Printed { by, results, channel, at, client } => {
                // A process prints once, so what it has leased is what it has printed.
                for matches in active.tasks.iter_mut().filter_map(|task| task.matches.as_mut()) {
                    matches.printed(&by, channel, at, client.as_ref());
                }
                for (id, revision) in results {
                    let Some(task) = active.task_mut(&id) else { continue };
                    let (by, client) = (by.clone(), client.clone());
                    let event = DeliveryEvent::Printed { by, revision, channel, at, client };
                    task.deliver(event, now.tick);
                }
            }
            Self::Read { task, revision } => {
                let Some(task) = active.task_mut(&task) else { return };
                let is_first = task.delivery().is_open();
                task.deliver(DeliveryEvent::Read { revision }, now.tick);
                if is_first && task.delivery().is_settled() {
                    let (session, word) = (task.session.clone(), task.status().word());
                    let kind = task.kind;
                    active.count_reported(&session, word, kind);
                }
            }
            Self::AgentLaunched { launch, id, at } => {
                agents::launched(active, *launch, &id, Now { at, ..now });
            }
            Self::AgentNotLaunched { session, call, client } => {
                agents::came_to_nothing(active, &session, &call, client);
            }
            Self::AgentLetGo { id, at } => agents::let_go(active, &id, Now { at, ..now }),
            Self::AgentEnded { id, end, limits, at } => {
                agents::ended(active, &id, end, &limits, Now { at, ..now });
            }
            Self::AgentActivity { id, activity } => agents::set_activity(active, &id, activity),
            Self::AgentRevived { before, at } => agents::revive(active, *before, Now { at, ..now }),
        }
    }
}

fn named<'a>(
    active: &'a mut Active,
    session: &SessionId,
    id: &ClientTaskId,
) -> Option<&'a mut Task> {
    let found = active.named(session, id, None)?.id.clone();
    active.task_mut(&found)
}

fn joined(active: &mut Active, join: Join) {
    let call = &join.announcement.call;
    let known = active.named(&call.session, &join.client.id, call.tool_use_id.as_ref());
    match known.map(|task| task.id.clone()) {
        // Another process recorded it, and it has retired: this event is late.
        None if active.has_retired(&call.session, &join.client.id) => {}
        None => active.insert(join.into_task()),
        // Its notice created the record, and the notice says less.
        Some(id) => {
            let Some(task) = active.task_mut(&id) else { return };
            if let Some(client) = &mut task.client {
                client.process = client.process.take().or(join.client.process.clone());
            }
            let known = join.into_task();
            if task.command.is_empty() && task.kind != Kind::Agent {
                task.command = known.command;
                task.cwd = known.cwd;
                task.kind = known.kind;
                task.group = known.group;
                task.survival = known.survival;
                task.limit_ms = known.limit_ms;
                task.client_limit_ms = known.client_limit_ms;
                task.machine = known.machine;
                task.confinement = known.confinement;
                task.client_tmp = known.client_tmp;
                task.tool_use_id = known.tool_use_id.or(task.tool_use_id.take());
            }
        }
    }
}

/// Ends tasks that only Claude Code sees, once two lists in a row leave them out: the notice was missed, or will never
/// come. A task that is missing once may be between its end and its notice.
fn end_unlisted(
    active: &mut Active,
    session: &SessionId,
    listed: &[ClientTaskId],
    client: Option<&ProcessRef>,
    now: Now,
) {
    let is_meant = |task: &Task, active: &Active| {
        task.is_observed() && agents::is_listed_for(task, session, client, active)
    };
    let meant: Vec<TaskId> =
        active.tasks.iter().filter(|it| is_meant(it, active)).map(|it| it.id.clone()).collect();
    for id in meant {
        let Some(task) = active.task_mut(&id) else { continue };
        if task.client_id().is_none_or(|id| listed.contains(id)) {
            task.unlisted = 0;
        } else if task.unlisted == 0 {
            task.unlisted = 1;
        } else {
            let ending = Ending::unseen(Outcome::Unknown, now.at);
            agents::end_observed(active, &id, ending, now);
        }
    }
    release_unlisted(active, session, listed);
}

/// Hands over the results owed to subagents that have no record and that two lists in a row leave out.
fn release_unlisted(active: &mut Active, session: &SessionId, listed: &[ClientTaskId]) {
    let recorded = agent_ids(active.live());
    for task in active.tasks.iter_mut().filter(|task| &task.session == session) {
        let Some(agent) = task.agent.as_ref().map(AgentId::as_str) else { continue };
        let is_known = recorded.iter().any(|id| id == agent);
        let is_listed = listed.iter().any(|id| id.as_str() == agent);
        if !task.is_held_back() || is_known || is_listed {
            continue;
        }
        if task.unlisted == 0 {
            task.unlisted = 1;
        } else {
            task.release();
        }
    }
}

fn stop_confirmed(
    active: &mut Active,
    session: &SessionId,
    id: &ClientTaskId,
    at: DateTime<Utc>,
    now: Now,
) {
    let Some(task) = named(active, session, id) else { return };
    if task.is_observed() {
        let outcome = Outcome::Cancelled { by: Canceller::Model };
        let stopped = task.id.clone();
        agents::end_observed(active, &stopped, Ending::unseen(outcome, at), now);
    } else if !task.status().is_final() {
        // The runner reports how it ended; Claude Code reports that it was stopped.
        let asked = task.stop_request.get_or_insert(StopRequest::new(Canceller::Model, at));
        asked.progress = StopProgress::Done;
    }
}

/// Hands the results of these subagents' commands to the main conversation.
fn release(active: &mut Active, session: &SessionId, meant: impl Fn(&Task) -> bool) {
    let theirs = active.tasks.iter_mut().filter(|task| &task.session == session && meant(task));
    theirs.for_each(Task::release);
}

/// Claude Code's ids of the agents among these tasks.
fn agent_ids<'a>(tasks: impl Iterator<Item = &'a Task>) -> Vec<String> {
    let agents = tasks.filter(|task| task.kind == Kind::Agent);
    agents.filter_map(|task| Some(task.client_id()?.as_str().to_owned())).collect()
}

/// Marks what runs, because Claude Code is about to stop it, and ends what nothing will report.
fn session_ended(active: &mut Active, session: &SessionId, at: DateTime<Utc>, now: Now) {
    active.end_session(session, now.tick);
    for task in active.tasks.iter_mut().filter(|task| &task.session == session) {
        task.release();
        // It has a Claude Code of its own, which goes on.
        if task.kind == Kind::Session {
            continue;
        }
        if task.outlives_session() {
            task.left_at = Some(at);
            continue;
        }
        if task.is_observed() {
            let ending = unseen_end(task, LostReason::SessionEnded, at);
            task.apply(TaskEvent::Ended(ending), now.tick);
        } else if let Some(ending) = task.status().ending() {
            // It ended shortly before, by a signal that looks foreign: Claude Code sent it because the session ends.
            let by_end = Outcome::Cancelled { by: Canceller::SessionEnd };
            if task.delivery().is_open()
                && ending.outcome.is_explained_by(&by_end)
                && at - ending.ended_at <= STOPPED_BEFORE
            {
                let ending = Ending::unseen(by_end, ending.ended_at);
                task.apply(TaskEvent::Ended(ending), now.tick);
            }
        } else if task.stop_requested_by(at).is_none() {
            task.stop_request = Some(StopRequest::new(Canceller::SessionEnd, at));
        }
    }
}
