//! How long a task waited and ran, as far as it is known.

use crate::outcome::Outcome;
use crate::status::Status;
use crate::task::{Kind, Task};

impl Task {
    /// How long a finished task ran, in milliseconds. An agent has no runner that measures it, but Claude Code's hooks
    /// fire at its start and its end. A process that noticed later that it was gone knows nothing of its end.
    pub fn ran_ms(&self) -> Option<u64> {
        let ending = self.status().ending()?;
        let is_seen = self.kind == Kind::Agent && !matches!(ending.outcome, Outcome::Lost { .. });
        let by_clocks = || millis(ending.started_at?, ending.ended_at);
        ending.duration_ms.or_else(|| is_seen.then(by_clocks).flatten())
    }

    /// How long it was queued before it started, in milliseconds.
    pub fn waited_ms(&self) -> Option<u64> {
        let of_agent = || self.launched.as_ref().and_then(|agent| agent.waited_ms);
        self.status().ending().and_then(|ending| ending.waited_ms).or_else(of_agent)
    }

    /// Keeps how long an agent was queued, when its status changes to this one.
    pub(crate) fn note_wait(&mut self, next: &Status) {
        let Status::Running { started_at, watch: _ } = next else { return };
        let waited_ms = match self.status() {
            Status::Queued { queued_at } => millis(*queued_at, *started_at),
            Status::Pending { .. } => None,
            Status::Running { .. } | Status::Finished(_) => return,
        };
        if let Some(agent) = &mut self.launched {
            agent.waited_ms = waited_ms;
        }
    }
}

fn millis(from: chrono::DateTime<chrono::Utc>, to: chrono::DateTime<chrono::Utc>) -> Option<u64> {
    u64::try_from((to - from).num_milliseconds()).ok()
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use sisyphus_base::clock::Tick;

    use super::*;
    use crate::agent_call::AgentCall;
    use crate::outcome::LostReason;
    use crate::status::Ending;
    use crate::task::Event;
    use crate::task::samples::pending;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    /// An agent, after these events.
    fn agent(events: Vec<Event>) -> Task {
        let mut task = pending("t1", 1);
        task.kind = Kind::Agent;
        task.launched = Some(AgentCall::new("Explore", None, "p"));
        for event in events {
            task.apply(event, Tick(1));
        }
        task
    }

    fn ended(started: i64, ended: i64, outcome: Outcome) -> Event {
        Event::Ended(Ending { started_at: Some(at(started)), ..Ending::unseen(outcome, at(ended)) })
    }

    #[test]
    fn an_agent_waited_and_ran_by_the_clock() {
        let task = agent(vec![
            Event::Claimed { at: at(1) },
            Event::Observed { at: at(4) },
            ended(4, 9, Outcome::Completed),
        ]);
        assert_eq!((task.waited_ms(), task.ran_ms()), (Some(3_000), Some(5_000)));
        let unqueued = agent(vec![Event::Observed { at: at(4) }]);
        assert_eq!((unqueued.waited_ms(), unqueued.ran_ms()), (None, None));
    }

    /// A revived agent starts with the record of before.
    #[test]
    fn an_agent_that_runs_again_did_not_wait() {
        let mut task = agent(vec![]);
        task.launched.as_mut().unwrap().waited_ms = Some(7);
        task.apply(Event::Observed { at: at(4) }, Tick(1));
        assert_eq!(task.waited_ms(), None);
    }

    /// Only a clock that saw the end counts.
    #[test]
    fn an_end_that_was_not_seen_has_no_duration() {
        let lost = Outcome::Lost { why: LostReason::SessionEnded };
        let task = agent(vec![Event::Observed { at: at(4) }, ended(4, 9, lost)]);
        assert_eq!(task.ran_ms(), None);
        let mut command =
            agent(vec![Event::Observed { at: at(4) }, ended(4, 9, Outcome::Completed)]);
        command.kind = Kind::Command;
        assert_eq!(command.ran_ms(), None);
    }
}
