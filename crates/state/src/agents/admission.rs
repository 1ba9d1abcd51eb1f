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
    active.agents.waiting.iter_mut().for_each(|waiting| waiting.turn.lapse(now));
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
    task.kind == Kind::Agent
        && matches!(task.status(), Status::Pending { announced_at } if now - *announced_at >= LEASE)
}

/// Decides whether a call may run now. `wanted` is the task that it would become.
pub fn admit(
    active: &mut Active,
    mut wanted: Task,
    limits: &Limits,
    now: DateTime<Utc>,
) -> Admission {
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
    let queued = &mut active.agents.waiting;
    let is_same = |it: &Waiting| it.session == wanted.session && it.tool_use_id == tool_use_id;
    let again = queued.iter().position(is_same).or_else(|| {
        let candidates = queued.iter().enumerate().filter(|(_, it)| is_again(it, &wanted, &call));
        // Of several with the same name, prefer one with a reserved slot, then one with the same prompt.
        let rank = |it: &Waiting| (!it.turn.is_reserved(), !it.call.has_prompt_of(&call));
        candidates.min_by_key(|(_, it)| rank(it)).map(|(position, _)| position)
    });
    let Some(position) = again else { return join(active, wanted, call, limits, now) };
    match queued[position].turn {
        Turn::Reserved { .. } => {
            queued.remove(position);
            active.insert(wanted);
            Admission::Immediate
        }
        Turn::Waiting | Turn::Undeliverable => {
            queued[position].tool_use_id = tool_use_id;
            queued[position].turn = Turn::Waiting;
            Admission::Queued { position: number(active, position, limits) }
        }
        // Its reservation expired: it goes to the end of the queue.
        Turn::Expired => {
            queued.remove(position);
            wanted.ticket = Ticket::now();
            join(active, wanted, call, limits, now)
        }
    }
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
    for waiting in &mut active.agents.waiting {
        if &waiting.session == session && waiting.turn == Turn::Undeliverable {
            (waiting.ticket, waiting.turn) = (Ticket::now(), Turn::Waiting);
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
