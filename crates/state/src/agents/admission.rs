//! Which of the queued agents may start, in order of their calls. Pure: the time is a parameter, `now`.

use chrono::{DateTime, Duration, Utc};
use sisyphus_base::clock::Now;
use sisyphus_base::id::{ClientTaskId, SessionId, TaskId};
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Event, Kind, Task};

use super::occupancy::{has_room, live_agents, model_of, queued_agents};
use crate::active::Active;
use crate::agent_limits::Limits;

/// How long an unanswered call is kept. The user may take their time to permit it. Stop drops it earlier, because a
/// turn waits for the answer.
const LEASE: Duration = Duration::minutes(10);

/// Advances the queue: lets go of the agents that fit into their limit, and drops calls that were never answered.
pub fn advance(active: &mut Active, limits: &Limits, now: Now) {
    active.tasks.retain(|task| !is_lapsed(task, now.at));
    active.agents.throttles.retain(|throttle| !throttle.is_over(now.at));
    let queued: Vec<TaskId> = queued_agents(active).map(|task| task.id.clone()).collect();
    for id in queued {
        let fits = |task: &Task| has_room(active, model_of(task), task.ticket, limits, now.at);
        if active.task(&id).is_some_and(fits)
            && let Some(task) = active.task_mut(&id)
        {
            task.apply(Event::Observed { at: now.at }, now.tick);
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

/// Whether the agent with Claude Code's id may work; `None` if it has no record.
pub fn admission(active: &Active, id: &ClientTaskId, limits: &Limits) -> Option<Admission> {
    let is_it = |task: &&Task| task.kind == Kind::Agent && task.client_id() == Some(id);
    // The newest: an agent that was revived has a record for each of its lives.
    active.tasks.iter().rev().find(is_it).map(|task| admission_of(active, task, limits))
}

/// The place of an agent among those that wait for the same limit. One that has started is admitted.
pub fn admission_of(active: &Active, agent: &Task, limits: &Limits) -> Admission {
    let Status::Queued { .. } = agent.status() else { return Admission::Immediate };
    let pool = |task: &Task| limits.pool_of(model_of(task)).0;
    let own = pool(agent);
    let before = |task: &&Task| task.ticket < agent.ticket && pool(task) == own;
    Admission::Queued { position: queued_agents(active).filter(before).count() + 1 }
}

/// Whether the main conversation of this session has called for an agent and Claude Code has not answered.
pub fn has_unanswered(active: &Active, session: &SessionId) -> bool {
    live_agents(active).any(|task| super::is_unanswered_in(task, session))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use sisyphus_base::clock::Tick;
    use sisyphus_settings::{Settings, SlotLimit};
    use sisyphus_tasks::agent_call::AgentCall;
    use sisyphus_tasks::status::Watch;
    use sisyphus_tasks::task::Client;
    use sisyphus_tasks::task::samples::{in_status, pending};

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn now() -> Now {
        Now { tick: Tick(1), at: at(60) }
    }

    /// At most two tasks in all, and at most one agent of opus.
    fn limits() -> Limits {
        let slots = |number| SlotLimit::AtMost(NonZeroUsize::new(number).unwrap());
        Limits::of(&Settings {
            max_background_tasks: slots(2),
            model_concurrency: vec![("opus".to_owned(), slots(1))],
            ..Settings::default()
        })
    }

    /// A state with one task a word: `a`gent, agent of `o`pus or `c`ommand, which is `q`ueued or `r`uns, or whose call
    /// is `u`nanswered.
    fn state(words: &str) -> Active {
        let mut active = Active::default();
        for (word, number) in words.split_whitespace().zip(1..) {
            let mut letters = word.chars();
            let mut task = pending(&format!("t{number}"), number);
            let id = ClientTaskId::new(format!("x{number}")).unwrap();
            let kind = letters.next().unwrap();
            if kind != 'c' {
                task.kind = Kind::Agent;
                let model = if kind == 'o' { "opus" } else { "sonnet" };
                task.launched = Some(AgentCall::new("Explore", Some(model), "look"));
            }
            let watch = if kind == 'c' { Watch::Supervised } else { Watch::Observed };
            match letters.next().unwrap() {
                'q' => task = in_status(task, Status::Queued { queued_at: at(0) }),
                'r' => task = in_status(task, Status::Running { started_at: at(0), watch }),
                _ => task = in_status(task, Status::Pending { announced_at: at(0) }),
            }
            if task.status().word() != "pending" {
                task.client = Some(Client { id, process: None });
            }
            active.insert(task);
        }
        active
    }

    /// The states of all tasks, as in [`state`].
    fn letters(active: &Active) -> String {
        let letter = |task: &Task| match task.status() {
            Status::Queued { .. } => 'q',
            Status::Running { .. } => 'r',
            Status::Pending { .. } => 'u',
            Status::Finished(_) => 'f',
        };
        active.tasks.iter().map(letter).collect()
    }

    /// Each agent starts in its order when its own limit has a free slot, and no agent waits for another limit.
    #[test]
    fn queued_agents_start_in_order() {
        let cases = [
            ("aq", "r"),
            ("aq aq aq", "rrq"),
            ("ar aq aq", "rrq"),
            ("ar ar aq", "rrq"),
            ("cr aq aq", "rrq"),
            // A command that was queued earlier starts first.
            ("cr cq aq", "rqq"),
            ("cr aq cq", "rrq"),
            // An unanswered call takes nothing.
            ("au au aq aq", "uurr"),
            // One limit is full, and the other is free.
            ("oq oq aq", "rqr"),
            ("or oq aq aq aq", "rqrrq"),
            ("ar ar oq aq", "rrrq"),
        ];
        for (before, after) in cases {
            let mut active = state(before);
            advance(&mut active, &limits(), now());
            assert_eq!(letters(&active), after, "{before}");
        }
    }

    #[test]
    fn an_agent_knows_its_place() {
        let active = state("ar ar aq oq aq au");
        let cases = [
            ("x1", Some(Admission::Immediate)),
            ("x3", Some(Admission::Queued { position: 1 })),
            ("x4", Some(Admission::Queued { position: 1 })),
            ("x5", Some(Admission::Queued { position: 2 })),
            ("x6", None),
        ];
        for (id, expected) in cases {
            let id = ClientTaskId::new(id).unwrap();
            assert_eq!(admission(&active, &id, &limits()), expected, "{id}");
        }
        assert!(has_unanswered(&active, &active.tasks[0].session));
        assert!(!has_unanswered(&state("ar aq"), &active.tasks[0].session));
    }

    #[test]
    fn only_an_old_unanswered_call_lapses() {
        let mut active = state("au aq ar cu");
        assert!(!has_lapsed(&active, at(599)) && has_lapsed(&active, at(600)));
        advance(&mut active, &limits(), Now { tick: Tick(1), at: at(600) });
        assert_eq!(letters(&active), "rru");
    }
}
