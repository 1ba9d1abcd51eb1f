//! The only way in which a task's status changes: pure, with its whole table in one test.

use chrono::{DateTime, Utc};

use crate::outcome::{Canceller, Outcome};
use crate::status::{Ending, Status, Watch};
use crate::task::{Kind, Task};

/// Something that happened to a task. Times come with the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A runner took it, and it waits for its turn.
    Claimed { at: DateTime<Utc> },
    /// The runner started the command.
    Started { at: DateTime<Utc> },
    /// It runs without a runner.
    Observed { at: DateTime<Utc> },
    /// It is over.
    Ended(Ending),
}

/// What follows from an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The event came late or twice: the status stays as it was, and the event is counted.
    Ignored(Ignored),
    /// The task is further on.
    Moved,
    /// The task is over, and its session should hear of it.
    Owed,
    /// The task is over, and who needs to know does: the client tells the model of what that stopped, and of every agent.
    Known,
}

/// Why an event does not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// The task is over.
    Final,
    /// The task is already as far, or further.
    Late,
}

/// Returns the task after the event, and what follows from that.
pub fn transition(mut task: Task, event: Event) -> (Task, Effect) {
    let effect = match next(&task.status, event) {
        Ok(status) => {
            task.status = status;
            effect_of(task.kind, &task.status)
        }
        Err(ignored) => {
            task.ignored_events = task.ignored_events.saturating_add(1);
            Effect::Ignored(ignored)
        }
    };
    (task, effect)
}

fn effect_of(kind: Kind, reached: &Status) -> Effect {
    match reached {
        Status::Finished(_) if kind == Kind::Agent => Effect::Known,
        Status::Finished(ending)
            if ending.outcome == Outcome::Cancelled { by: Canceller::Model } =>
        {
            Effect::Known
        }
        Status::Finished(_) => Effect::Owed,
        Status::Pending { .. } | Status::Queued { .. } | Status::Running { .. } => Effect::Moved,
    }
}

fn next(status: &Status, event: Event) -> Result<Status, Ignored> {
    match (status, event) {
        (Status::Finished(_), _) => Err(Ignored::Final),
        (_, Event::Ended(ending)) => Ok(Status::Finished(ending)),

        (Status::Pending { .. }, Event::Claimed { at }) => Ok(Status::Queued { queued_at: at }),
        // A claim that nobody recorded is implied by the start.
        (Status::Pending { .. } | Status::Queued { .. }, Event::Started { at }) => {
            Ok(Status::Running { started_at: at, watch: Watch::Supervised })
        }
        (Status::Pending { .. }, Event::Observed { at }) => {
            Ok(Status::Running { started_at: at, watch: Watch::Observed })
        }

        (Status::Queued { .. }, Event::Claimed { .. } | Event::Observed { .. })
        | (
            Status::Running { .. },
            Event::Claimed { .. } | Event::Started { .. } | Event::Observed { .. },
        ) => Err(Ignored::Late),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{AgentFailure, LostReason};
    use crate::task::tests::pending;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn ended(outcome: Outcome) -> Event {
        Event::Ended(Ending::unseen(outcome, at(9)))
    }

    fn in_state(status: Status) -> Task {
        Task { status, ..pending("t1", 1) }
    }

    /// One row a state, one column an event: the state that it leads to, `late` or `final`.
    #[test]
    fn every_state_meets_every_event() {
        let Event::Ended(over) = ended(Outcome::Completed) else { unreachable!() };
        let states = [
            ("pending ", Status::Pending { announced_at: at(0) }),
            ("queued  ", Status::Queued { queued_at: at(1) }),
            ("running ", Status::Running { started_at: at(2), watch: Watch::Supervised }),
            ("observed", Status::Running { started_at: at(2), watch: Watch::Observed }),
            ("finished", Status::Finished(over)),
        ];
        let mut table = vec!["          claimed   started   observed  ended".to_owned()];
        for (name, state) in states {
            let events = [
                Event::Claimed { at: at(5) },
                Event::Started { at: at(5) },
                Event::Observed { at: at(5) },
                ended(Outcome::Completed),
            ];
            let cells = events.map(|event| {
                let (task, effect) = transition(in_state(state.clone()), event);
                let counted = matches!(effect, Effect::Ignored(_));
                assert_eq!(task.ignored_events, u32::from(counted));
                assert_eq!(task.status == state, counted, "an ignored event changes nothing");
                match (effect, &task.status) {
                    (Effect::Ignored(Ignored::Late), _) => "late    ",
                    (Effect::Ignored(Ignored::Final), _) => "final   ",
                    (_, Status::Pending { .. }) => "pending ",
                    (_, Status::Queued { .. }) => "queued  ",
                    (_, Status::Running { watch: Watch::Supervised, .. }) => "running ",
                    (_, Status::Running { watch: Watch::Observed, .. }) => "observed",
                    (_, Status::Finished(_)) => "finished",
                }
            });
            table.push(format!("{name}  {}", cells.join("  ")).trim_end().to_owned());
        }
        println!("{}", table.join("\n"));
        assert_eq!(
            table,
            [
                "          claimed   started   observed  ended",
                "pending   queued    running   observed  finished",
                "queued    late      running   late      finished",
                "running   late      late      late      finished",
                "observed  late      late      late      finished",
                "finished  final     final     final     final",
            ]
        );
    }

    #[test]
    fn an_agent_goes_the_same_way_and_no_end_of_it_is_told() {
        let outcomes = [
            Outcome::Completed,
            Outcome::AgentFailed { why: AgentFailure::RateLimit },
            Outcome::Lost { why: LostReason::SessionEnded },
            Outcome::Cancelled { by: Canceller::User },
            Outcome::Unknown,
        ];
        for outcome in outcomes {
            let agent = Task { kind: Kind::Agent, ..pending("t1", 1) };
            let (agent, effect) = transition(agent, Event::Observed { at: at(5) });
            assert_eq!(effect, Effect::Moved);
            let (agent, effect) = transition(agent, ended(outcome.clone()));
            assert_eq!(effect, Effect::Known, "{outcome:?}");
            let (agent, effect) = transition(agent, ended(Outcome::Completed));
            assert_eq!(effect, Effect::Ignored(Ignored::Final));
            assert_eq!(agent.ignored_events, 1);
        }
    }

    #[test]
    fn only_the_models_own_stop_needs_no_word() {
        let cases = [
            (Outcome::Completed, Effect::Owed),
            (Outcome::Failed { exit_code: 3 }, Effect::Owed),
            (Outcome::Cancelled { by: Canceller::Model }, Effect::Known),
            (Outcome::Cancelled { by: Canceller::User }, Effect::Owed),
        ];
        for (outcome, expected) in cases {
            let (_, effect) = transition(pending("t1", 1), ended(outcome.clone()));
            assert_eq!(effect, expected, "{outcome:?}");
        }
    }
}
