//! The calls that were denied because no slot was free, in order of arrival. Pure: the time is a parameter, `now`.

use chrono::{DateTime, Duration, Utc};
use sisyphus_base::id::{SessionId, Ticket};
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::agent_call::AgentCall;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Kind, Task};

use super::occupancy::has_room;
use crate::active::Active;
use crate::agent_queue::{Limits, Notified, Turn, Waiting};

/// How long an unanswered call counts. Claude Code answers within milliseconds, unless another hook denies the call, it
/// fails, or Claude Code is killed.
const LEASE: Duration = Duration::seconds(30);
/// Most queued calls. A model that never stops launching must not fill the state.
const LINE_MAX: usize = 200;

/// Whether `wanted` repeats a queued call. The model may reword the prompt. Then the name must be the same and the free
/// slot reported: otherwise two calls of one message would count as one.
fn is_again(waiting: &Waiting, wanted: &Task, call: &AgentCall) -> bool {
    let same_words = waiting.call.has_prompt_of(call);
    let same_name =
        waiting.call.agent_type == call.agent_type && waiting.description == wanted.description;
    let is_told =
        matches!(waiting.turn, Turn::Reserved { told: Notified::Yes, .. } | Turn::Expired);
    waiting.session == wanted.session && (same_words || (same_name && is_told))
}

/// Advances the queue: frees the slots of unanswered calls and of expired reservations, and reserves free slots for the
/// next calls.
pub fn advance(active: &mut Active, limits: &Limits, now: DateTime<Utc>) {
    active.tasks.retain(|task| !is_lapsed(task, now));
    for position in 0..active.agents.waiting.len() {
        match active.agents.waiting[position].turn.expired(now) {
            Some(Notified::Yes) => active.agents.waiting[position].turn = Turn::Expired,
            Some(Notified::No) => active.agents.waiting[position].turn = Turn::Undeliverable,
            None => {}
        }
    }
    active.agents.waiting.sort_by_key(|waiting| waiting.ticket);
    active.agents.throttles.retain(|throttle| !throttle.is_over(now));
    for position in 0..active.agents.waiting.len() {
        let waiting = &active.agents.waiting[position];
        if waiting.turn == Turn::Waiting
            && has_room(active, waiting.call.model(), waiting.ticket, limits, now)
        {
            active.agents.waiting[position].turn = Turn::Reserved { at: now, told: Notified::No };
        }
    }
}

/// Whether a call was not answered in time.
pub fn has_lapsed(active: &Active, now: DateTime<Utc>) -> bool {
    active.tasks.iter().any(|task| is_lapsed(task, now))
}

fn is_lapsed(task: &Task, now: DateTime<Utc>) -> bool {
    match task.status() {
        Status::Pending { announced_at } => {
            task.kind == Kind::Agent && now - *announced_at >= LEASE
        }
        Status::Queued { .. } | Status::Running { .. } | Status::Finished(_) => false,
    }
}

/// Decides whether a call may run now. `wanted` is the task that it would become.
pub fn admit(active: &mut Active, wanted: Task, limits: &Limits, now: DateTime<Utc>) -> Admission {
    requeue(active, &wanted.session);
    advance(active, limits, now);
    let (Some(call), Some(tool_use_id)) = (wanted.launched.clone(), wanted.tool_use_id.clone())
    else {
        return Admission::Immediate;
    };
    let is_known =
        |task: &Task| task.session == wanted.session && task.tool_use_id == wanted.tool_use_id;
    if active.tasks.iter().any(is_known) {
        return Admission::Immediate;
    }
    let again = active
        .agents
        .waiting
        .iter()
        .position(|it| it.session == wanted.session && it.tool_use_id == tool_use_id);
    let again = again.or_else(|| {
        let mut candidates: Vec<(usize, &Waiting)> = active
            .agents
            .waiting
            .iter()
            .enumerate()
            .filter(|(_, it)| is_again(it, &wanted, &call))
            .collect();
        // Of several with the same name, prefer one with a reserved slot, then one with the same prompt.
        candidates.sort_by_key(|(_, it)| (!it.turn.is_reserved(), !it.call.has_prompt_of(&call)));
        candidates.first().map(|(position, _)| *position)
    });
    if let Some(position) = again {
        let ticket = Ticket::now();
        let waiting = &mut active.agents.waiting[position];
        waiting.tool_use_id = tool_use_id;
        match waiting.turn {
            Turn::Reserved { .. } => {
                active.agents.waiting.remove(position);
                active.insert(wanted);
                return Admission::Immediate;
            }
            Turn::Waiting | Turn::Undeliverable => {
                waiting.turn = Turn::Waiting;
                return Admission::Queued { position: number(active, position, limits) };
            }
            // Its reservation expired: it goes to the end of the queue.
            Turn::Expired => {
                active.agents.waiting.remove(position);
                let mut last = wanted;
                last.ticket = ticket;
                return join(active, last, call, limits, now);
            }
        }
    }
    join(active, wanted, call, limits, now)
}

fn join(
    active: &mut Active,
    wanted: Task,
    call: AgentCall,
    limits: &Limits,
    now: DateTime<Utc>,
) -> Admission {
    if has_room(active, call.model(), wanted.ticket, limits, now)
        || active.agents.waiting.len() >= LINE_MAX
    {
        active.insert(wanted);
        return Admission::Immediate;
    }
    let Some(tool_use_id) = wanted.tool_use_id else { return Admission::Immediate };
    active.agents.waiting.push(Waiting {
        ticket: wanted.ticket,
        session: wanted.session,
        tool_use_id,
        description: wanted.description,
        call,
        machine: wanted.machine,
        turn: Turn::Waiting,
    });
    let last = active.agents.waiting.len() - 1;
    Admission::Queued { position: number(active, last, limits) }
}

/// Its position among the calls that are queued for the same limit.
fn number(active: &Active, position: usize, limits: &Limits) -> usize {
    let waiting = &active.agents.waiting;
    let pool = |it: &Waiting| limits.pool_of(it.call.model()).0;
    let own = pool(&waiting[position]);
    let before = |it: &&Waiting| it.turn == Turn::Waiting && pool(it) == own;
    waiting[..position].iter().filter(before).count() + 1
}

/// Queues the calls of a session whose free slot could not be reported behind the others, because the session is active
/// again.
pub fn requeue(active: &mut Active, session: &SessionId) {
    for position in 0..active.agents.waiting.len() {
        let waiting = &active.agents.waiting[position];
        if &waiting.session == session && waiting.turn == Turn::Undeliverable {
            let ticket = Ticket::now();
            let waiting = &mut active.agents.waiting[position];
            (waiting.ticket, waiting.turn) = (ticket, Turn::Waiting);
        }
    }
}

/// Removes the queued calls of a session: the model will not launch them again.
pub fn leave_line(active: &mut Active, session: &SessionId) {
    active.agents.waiting.retain(|waiting| &waiting.session != session);
    for throttle in &mut active.agents.throttles {
        throttle.unreported.take_if(|hit| &hit.session == session);
    }
    active.agents.forget_learned(session);
}
