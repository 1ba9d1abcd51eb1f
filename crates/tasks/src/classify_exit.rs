//! Turns what a runner saw into an outcome. Pure.

use chrono::{DateTime, Utc};
use sisyphus_base::text::one_line;

use crate::outcome::{Canceller, LostReason, Outcome};
use crate::run::{Exit, RunResult, Stop};
use crate::status::Ending;
use crate::task::{StopProgress, Task};

/// Claude Code's own limit for a background command whose call names none, in milliseconds (CC-35). It applies only to
/// headless sessions: in a terminal there is no limit (CC-36).
pub const CLIENT_LIMIT_MS: u64 = 600_000;
/// The highest limit that Claude Code accepts, in milliseconds (CC-35).
pub const CLIENT_LIMIT_MAX_MS: u64 = 7_200_000;

/// Claude Code counts from the call. We count from the real start, by another clock. This is how far apart the two may
/// be.
const TOLERANCE_MS: u64 = 1_000;

/// Longest predicate of the task that a skipped command needed, in characters.
const BECAUSE_MAX: usize = 200;
/// The signal of Ctrl-C.
const INTERRUPT: i32 = 2;

/// Signals that stop a command from outside.
const STOPPING: [i32; 4] = [1, 2, 9, 15];

/// Returns the outcome of a task whose runner wrote a result.
pub fn classify_exit(task: &Task, result: &RunResult) -> Outcome {
    if let Some(skipped) = &result.skipped {
        let because = one_line(&skipped.because, BECAUSE_MAX);
        return Outcome::Skipped { after: skipped.after.clone(), because };
    }
    let asked = task.stop_requested_by(result.ended_at);
    let stopped = || {
        // Claude Code counts while the task waits.
        let seen_by_client = result.waited_ms.saturating_add(result.duration_ms);
        stopped(asked, seen_by_client, task.client_limit_ms)
    };
    match (result.stop, result.exit) {
        (Stop::TimeLimit(limit), _) => Outcome::TimedOut { limit_ms: Some(limit) },
        (Stop::Asked, _) => Outcome::Cancelled { by: asked.unwrap_or(Canceller::User) },
        // The command handled the signal and exited with its own code. That is an ordinary exit, unless it was meant to
        // stop.
        (Stop::Signal(signal), Exit::Code(code)) if code != 128 + signal => {
            stopped().unwrap_or_else(|| Outcome::from_exit_code(code))
        }
        // The terminal sends it to its own command.
        (Stop::Signal(INTERRUPT), _) if task.from_terminal.is_some() => {
            Outcome::Cancelled { by: Canceller::User }
        }
        (Stop::Signal(_), _) => stopped().unwrap_or(Outcome::Cancelled { by: Canceller::Unknown }),
        (Stop::None, Exit::Code(code)) => Outcome::from_exit_code(code),
        // Claude Code signals every process of the tree itself; the shell may be gone before the signal reaches the
        // runner.
        (Stop::None, Exit::Signal(signal)) => match asked {
            Some(by) if STOPPING.contains(&signal) => Outcome::Cancelled { by },
            Some(_) | None => Outcome::Killed { signal },
        },
        (Stop::None, Exit::Unseen | Exit::NotStarted) => Outcome::Unknown,
    }
}

/// Returns what stopped a task that received a signal, `ran_ms` milliseconds after Claude Code had started its shell;
/// `None` if nothing is known to have stopped it.
fn stopped(asked: Option<Canceller>, ran_ms: u64, client_limit_ms: Option<u64>) -> Option<Outcome> {
    if let Some(by) = asked {
        return Some(Outcome::Cancelled { by });
    }
    // If Claude Code has no limit, as in a terminal, it had another reason: its user, or little memory.
    let limit = client_limit_ms?;
    // At most a tenth of the limit, so that a short limit does not hide stops for other reasons.
    let tolerance = TOLERANCE_MS.min(limit / 10);
    let at_its_limit = ran_ms.saturating_add(tolerance) >= limit;
    at_its_limit.then_some(Outcome::TimedOut { limit_ms: Some(limit) })
}

/// The ending, found `now`, of a task whose exit no process saw. If a stop had just been requested, that is the cause.
pub fn unseen_end(task: &Task, why: LostReason, now: DateTime<Utc>) -> Ending {
    let outcome = match task.stop_request {
        Some(asked) if asked.accounts_for(now) || asked.progress == StopProgress::Done => {
            Outcome::Cancelled { by: asked.by }
        }
        // Its session did end, however much later a process finds that.
        Some(asked) if asked.by == Canceller::SessionEnd => Outcome::Cancelled { by: asked.by },
        Some(_) | None => Outcome::Lost { why },
    };
    Ending::noticed(task.status(), outcome, now)
}

#[cfg(test)]
mod tests {
    use sisyphus_base::clock::Tick;

    use super::*;
    use crate::code_zero::Options;
    use crate::status::Survivors;
    use crate::task::samples::pending;
    use crate::task::{Event, StopRequest};

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    /// Judges a command that ended at second 100; `asked` says at which second the model asked for its stop.
    fn judged(
        exit: Exit,
        stop: Stop,
        duration_ms: u64,
        asked: Option<i64>,
        limit: Option<u64>,
    ) -> Outcome {
        let mut task = pending("t1", 1);
        task.stop_request = asked.map(|second| StopRequest::new(Canceller::Model, at(second)));
        task.client_limit_ms = limit;
        let result = RunResult {
            exit,
            stop,
            started_at: Some(at(0)),
            ended: None,
            ended_at: at(100),
            duration_ms,
            waited_ms: 0,
            survivors: Survivors::default(),
            options: Options::Unknown,
            skipped: None,
            usage: None,
            oom_kill: None,
            client_file: None,
            output: None,
        };
        classify_exit(&task, &result)
    }

    #[test]
    fn the_table() {
        use Exit::{Code, NotStarted, Unseen};
        let asked = Some(98);
        let cancelled = |by| Outcome::Cancelled { by };
        let timed_out = |limit| Outcome::TimedOut { limit_ms: Some(limit) };
        let failed = |exit_code| Outcome::Failed { exit_code };
        let by_model = || cancelled(Canceller::Model);
        let by_signal = || cancelled(Canceller::Unknown);
        let term = Stop::Signal(15);
        let cases = [
            (Code(0), Stop::None, 5, None, None, Outcome::Completed),
            (Code(3), Stop::None, 5, None, None, failed(3)),
            // 143 from inside is an exit code like others: we did not see a signal.
            (Code(143), Stop::None, 5, None, None, failed(143)),
            (Exit::Signal(9), Stop::None, 5, None, None, Outcome::Killed { signal: 9 }),
            (Exit::Signal(15), Stop::None, 5, asked, None, by_model()),
            (Exit::Signal(11), Stop::None, 5, asked, None, Outcome::Killed { signal: 11 }),
            // Asked to stop, but it ended by itself first.
            (Code(0), Stop::None, 5, asked, None, Outcome::Completed),
            // A stop that was denied a minute ago explains nothing.
            (Exit::Signal(15), Stop::None, 5, Some(40), None, Outcome::Killed { signal: 15 }),
            (Exit::Signal(15), Stop::TimeLimit(90_000), 90_001, None, None, timed_out(90_000)),
            (Code(0), Stop::TimeLimit(90_000), 90_001, None, None, timed_out(90_000)),
            (Exit::Signal(15), term, 5, asked, None, by_model()),
            (Code(0), term, 5, asked, None, by_model()),
            (Exit::Signal(15), term, 5, None, None, by_signal()),
            (Code(143), term, 5, None, None, by_signal()),
            // A handled signal ended nothing: a daemon that reloads on HUP, say.
            (Code(0), Stop::Signal(1), 5, None, None, Outcome::Completed),
            (Code(3), term, 5, None, None, failed(3)),
            (Code(0), term, 1_480, None, Some(1_500), timed_out(1_500)),
            (Exit::Signal(15), term, 1_480, None, Some(1_500), timed_out(1_500)),
            (Exit::Signal(15), term, 1_200, None, Some(1_500), by_signal()),
            (Exit::Signal(15), term, 599_500, None, Some(600_000), timed_out(600_000)),
            (Exit::Signal(15), term, 598_000, None, Some(600_000), by_signal()),
            // S24: in a terminal Claude Code has no limit that the command could have reached.
            (Exit::Signal(15), term, 600_100, None, None, by_signal()),
            (Code(0), term, 7_200_000, None, None, Outcome::Completed),
            (Exit::Signal(15), Stop::Asked, 5, None, None, cancelled(Canceller::User)),
            (Unseen, Stop::None, 5, None, None, Outcome::Unknown),
            (NotStarted, term, 0, None, None, by_signal()),
            (NotStarted, term, 0, asked, None, by_model()),
        ];
        for (exit, stop, duration_ms, asked, limit, expected) in cases {
            assert_eq!(
                judged(exit, stop, duration_ms, asked, limit),
                expected,
                "{exit:?} {stop:?} {duration_ms} {asked:?} {limit:?}"
            );
        }
    }

    /// `unseen_end` calls an end that no process saw lost, unless a stop request explains it.
    #[test]
    fn an_unseen_end_is_lost_unless_asked_for() {
        let ended = |by, second| {
            let mut task = pending("t1", 1);
            task.stop_request = Some(StopRequest::new(by, at(second)));
            unseen_end(&task, LostReason::RunnerDied, at(100)).outcome
        };
        let lost = Outcome::Lost { why: LostReason::RunnerDied };
        let cancelled = |by| Outcome::Cancelled { by };
        assert_eq!(ended(Canceller::Model, 95), cancelled(Canceller::Model));
        assert_eq!(ended(Canceller::Model, 50), lost);
        assert_eq!(ended(Canceller::SessionEnd, 0), cancelled(Canceller::SessionEnd));
        assert_eq!(unseen_end(&pending("t1", 1), LostReason::RunnerDied, at(0)).outcome, lost);
    }

    /// A stop that Claude Code has confirmed explains an end however late a process finds it, and the start stays.
    #[test]
    fn a_confirmed_stop_explains_a_late_end() {
        let mut task = pending("t1", 1);
        let asked = StopRequest::new(Canceller::Model, at(0));
        task.stop_request = Some(StopRequest { progress: StopProgress::Done, ..asked });
        task.apply(Event::Observed { at: at(3) }, Tick(1));
        let ending = unseen_end(&task, LostReason::RunnerDied, at(600));
        let outcome = Outcome::Cancelled { by: Canceller::Model };
        assert_eq!(ending, Ending { started_at: Some(at(3)), ..Ending::unseen(outcome, at(600)) });
    }

    /// Claude Code's limit includes the time in the queue.
    #[test]
    fn waiting_counts_toward_the_clients_limit() {
        let mut task = pending("t1", 1);
        task.client_limit_ms = Some(600_000);
        let result = RunResult {
            exit: Exit::Signal(15),
            stop: Stop::Signal(15),
            started_at: Some(at(0)),
            ended: None,
            ended_at: at(100),
            duration_ms: 100_000,
            waited_ms: 500_000,
            survivors: Survivors::default(),
            options: Options::Unknown,
            skipped: None,
            usage: None,
            oom_kill: None,
            client_file: None,
            output: None,
        };
        let at_its_limit = Outcome::TimedOut { limit_ms: Some(600_000) };
        assert_eq!(classify_exit(&task, &result), at_its_limit);
        let by_signal = Outcome::Cancelled { by: Canceller::Unknown };
        let shorter = RunResult { waited_ms: 498_000, ..result };
        assert_eq!(classify_exit(&task, &shorter), by_signal);
    }
}
