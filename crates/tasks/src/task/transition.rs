//! The only place where a task's status changes: pure, with its whole table in one test.

use chrono::{DateTime, Utc};
use sisyphus_base::clock::Tick;

use super::Task;
use crate::delivery::DeliveryEvent;
use crate::outcome::{Canceller, Outcome};
use crate::status::{Ending, Status, Watch};

/// Something that happened to a task. Times come with the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It is queued: a runner took it, or Claude Code launched an agent.
    Claimed { at: DateTime<Utc> },
    /// The runner started the command.
    Started { at: DateTime<Utc> },
    /// It runs without a runner.
    Observed { at: DateTime<Utc> },
    /// It has finished.
    Ended(Ending),
}

/// The effect of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The event came late or twice. The task does not change, and the event is counted.
    Ignored(Ignored),
    /// The status advanced.
    Moved,
    /// The task finished.
    Finished,
    /// A better source reported the same outcome in other words, or added details.
    Refined,
    /// A better source reported another outcome.
    Corrected,
}

/// Why an event does not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// The task has finished, and the event adds nothing better.
    Final,
    /// The task has this status already, or a later one.
    Late,
}

impl Task {
    /// Applies an event to the status, and to what is owed to its session.
    pub fn apply(&mut self, event: Event, now: Tick) -> Effect {
        if let (Status::Finished(known), Event::Ended(other)) = (&self.status, &event)
            && let Some(corrected) = known.corrected_by(other)
        {
            let is_news = !known.outcome.means_the_same(&corrected.outcome);
            self.status = Status::Finished(corrected);
            if !is_news {
                return Effect::Refined;
            }
            self.revision = self.revision.next();
            self.deliver(DeliveryEvent::Corrected, now);
            return Effect::Corrected;
        }
        match next(&self.status, event) {
            Ok(status) => {
                self.note_wait(&status);
                self.status = status;
                let Status::Finished(ending) = &self.status else { return Effect::Moved };
                let is_known = !self.has_reader()
                    || ending.outcome == Outcome::Cancelled { by: Canceller::Model };
                let finished =
                    if is_known { DeliveryEvent::FinishedKnown } else { DeliveryEvent::Finished };
                self.deliver(finished, now);
                Effect::Finished
            }
            Err(ignored) => {
                self.ignored_events = self.ignored_events.saturating_add(1);
                Effect::Ignored(ignored)
            }
        }
    }
}

fn next(status: &Status, event: Event) -> Result<Status, Ignored> {
    match (status, event) {
        (Status::Finished(_), _) => Err(Ignored::Final),
        (_, Event::Ended(ending)) => Ok(Status::Finished(ending)),

        (Status::Pending { .. }, Event::Claimed { at }) => Ok(Status::Queued { queued_at: at }),
        // A start implies the claim, even if no hook recorded it.
        (Status::Pending { .. } | Status::Queued { .. }, Event::Started { at }) => {
            Ok(Status::Running { started_at: at, watch: Watch::Supervised })
        }

        // If it had a runner, its run folder is gone, but its Claude Code process lives and will report the result.
        (Status::Pending { .. } | Status::Queued { .. }, Event::Observed { at }) => {
            Ok(Status::Running { started_at: at, watch: Watch::Observed })
        }
        (Status::Running { started_at, watch: Watch::Supervised }, Event::Observed { .. }) => {
            Ok(Status::Running { started_at: *started_at, watch: Watch::Observed })
        }

        (Status::Queued { .. }, Event::Claimed { .. })
        | (Status::Running { .. }, Event::Claimed { .. } | Event::Started { .. })
        | (Status::Running { watch: Watch::Observed, .. }, Event::Observed { .. }) => {
            Err(Ignored::Late)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Delivery, Revision};
    use crate::outcome::{AgentFailure, LostReason};
    use crate::source::Source;
    use crate::task::Kind;
    use crate::task::samples::{in_status, pending};

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn ended(outcome: Outcome) -> Event {
        Event::Ended(Ending::unseen(outcome, at(9)))
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
                let mut task = in_status(pending("t1", 1), state.clone());
                let effect = task.apply(event, Tick(5));
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
                "queued    late      running   observed  finished",
                "running   late      late      observed  finished",
                "observed  late      late      late      finished",
                "finished  final     final     final     final",
            ]
        );
    }

    /// An agent goes through the same states as a command, and `Task::apply` makes no delivery of its end.
    #[test]
    fn an_agents_end_needs_no_delivery() {
        let outcomes = [
            Outcome::Completed,
            Outcome::AgentFailed { why: AgentFailure::RateLimit },
            Outcome::Lost { why: LostReason::SessionEnded },
            Outcome::Cancelled { by: Canceller::User },
            Outcome::Unknown,
        ];
        for outcome in outcomes {
            let mut agent = pending("t1", 1);
            agent.kind = Kind::Agent;
            assert_eq!(agent.apply(Event::Observed { at: at(5) }, Tick(1)), Effect::Moved);
            assert_eq!(agent.apply(ended(outcome.clone()), Tick(2)), Effect::Finished);
            assert_eq!(*agent.delivery(), Delivery::NotNeeded, "{outcome:?}");
            let effect = agent.apply(ended(Outcome::Completed), Tick(3));
            assert_eq!(effect, Effect::Ignored(Ignored::Final));
            assert_eq!(agent.ignored_events, 1);
        }
    }

    #[test]
    fn only_the_models_own_stop_needs_no_word() {
        let cases = [
            (Outcome::Completed, true),
            (Outcome::Failed { exit_code: 3 }, true),
            (Outcome::Cancelled { by: Canceller::Model }, false),
            (Outcome::Cancelled { by: Canceller::User }, true),
        ];
        for (outcome, is_owed) in cases {
            let mut task = pending("t1", 1);
            task.apply(ended(outcome.clone()), Tick(1));
            assert_eq!(task.delivery().is_open(), is_owed, "{outcome:?}");
        }
    }

    /// I3: one row a first witness, one column a second one: what the second one changes.
    #[test]
    fn a_better_witness_corrects() {
        let lost = || Outcome::Lost { why: LostReason::RunnerDied };
        let stranger = || Outcome::Cancelled { by: Canceller::Unknown };
        let failed = |exit_code| Outcome::Failed { exit_code };
        let limit = || Outcome::TimedOut { limit_ms: None };
        let cases = [
            // S5, S6: a guess is corrected by whatever was seen.
            (lost(), Source::Concluded, failed(137), Source::ClientExitCode, Effect::Corrected),
            (lost(), Source::Concluded, failed(9), Source::SandboxedRunner, Effect::Corrected),
            (lost(), Source::Concluded, stranger(), Source::Client, Effect::Corrected),
            (lost(), Source::Concluded, lost(), Source::Concluded, Effect::Ignored(Ignored::Final)),
            // T1: what a sandboxed command forged gives way to Claude Code and to a runner outside.
            (
                Outcome::Completed,
                Source::SandboxedRunner,
                failed(9),
                Source::ClientExitCode,
                Effect::Corrected,
            ),
            (
                Outcome::Completed,
                Source::SandboxedRunner,
                failed(9),
                Source::Runner,
                Effect::Corrected,
            ),
            (
                failed(9),
                Source::Runner,
                Outcome::Completed,
                Source::SandboxedRunner,
                Effect::Ignored(Ignored::Final),
            ),
            (
                failed(9),
                Source::Runner,
                Outcome::Completed,
                Source::ClientExitCode,
                Effect::Ignored(Ignored::Final),
            ),
            // The same in other words is no news.
            (
                failed(137),
                Source::ClientExitCode,
                Outcome::Killed { signal: 9 },
                Source::Runner,
                Effect::Refined,
            ),
            // Only Claude Code knows why it stopped a command.
            (stranger(), Source::Runner, limit(), Source::Client, Effect::Corrected),
            (failed(3), Source::Runner, limit(), Source::Client, Effect::Ignored(Ignored::Final)),
        ];
        for (first, by, second, then_by, expected) in cases {
            let mut task = pending("t1", 1);
            let ending = |outcome, reported_by| {
                Event::Ended(Ending { reported_by, ..Ending::unseen(outcome, at(9)) })
            };
            task.apply(ending(first.clone(), by), Tick(1));
            let name = format!("{first:?} by {by:?}, then {second:?} by {then_by:?}");
            assert_eq!(task.apply(ending(second, then_by), Tick(2)), expected, "{name}");
            assert_eq!(task.revision() > Revision(0), expected == Effect::Corrected, "{name}");
        }
    }
}
