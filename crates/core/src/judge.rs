//! From what a runner saw to what is said of it: pure.

use crate::outcome::{Canceller, Outcome};
use crate::run_folder::{Exit, RunResult, Stop};
use crate::task::StopAsked;

/// The client's own limit of a background command whose call names none, in milliseconds (measured on 2.1.329).
pub const CLIENT_LIMIT_MS: u64 = 600_000;
/// The highest limit that the client accepts, in milliseconds (measured on 2.1.329).
pub const CLIENT_LIMIT_MAX_MS: u64 = 7_200_000;

/// The client counts from the call and we from the real start, by another clock: how far apart the two may be.
const TOLERANCE_MS: u64 = 1_000;

/// Signals that stop a command from outside.
const STOPPING: [i32; 4] = [1, 2, 9, 15];

/// Says how a task ended. `client_limit_ms` is when the client itself would have stopped it.
pub fn judge(
    result: &RunResult,
    asked: Option<StopAsked>,
    client_limit_ms: Option<u64>,
) -> Outcome {
    match (result.stop, result.exit) {
        (Stop::TimeLimit(limit), _) => Outcome::TimedOut { limit_ms: Some(limit) },
        (Stop::Signal(_), _) => stopped(result.duration_ms, asked, client_limit_ms),
        (Stop::None, Exit::Code(code)) => Outcome::from_exit_code(code),
        // The client stops every process of the tree by itself; the shell may be gone before the runner is told.
        (Stop::None, Exit::Signal(signal)) => match asked {
            Some(asked) if STOPPING.contains(&signal) => Outcome::Cancelled { by: asked.by },
            Some(_) | None => Outcome::Killed { signal },
        },
    }
}

/// Says how a task ended whose runner was stopped with it, before it could write a result.
pub fn stopped(
    duration_ms: u64,
    asked: Option<StopAsked>,
    client_limit_ms: Option<u64>,
) -> Outcome {
    if let Some(asked) = asked {
        return Outcome::Cancelled { by: asked.by };
    }
    let limit = client_limit_ms.unwrap_or(CLIENT_LIMIT_MS);
    // Never more than a tenth, so that a short limit does not swallow stops that had other reasons.
    let tolerance = TOLERANCE_MS.min(limit / 10);
    if duration_ms.saturating_add(tolerance) >= limit {
        Outcome::TimedOut { limit_ms: Some(limit) }
    } else {
        Outcome::Cancelled { by: Canceller::Unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    #[test]
    fn the_table() {
        let at = DateTime::from_timestamp(0, 0).unwrap();
        let model = Some(StopAsked { by: Canceller::Model, at });
        let cancelled = |by| Outcome::Cancelled { by };
        let timed_out = |limit| Outcome::TimedOut { limit_ms: Some(limit) };
        let cases = [
            (Exit::Code(0), Stop::None, 5, None, None, Outcome::Completed),
            (Exit::Code(3), Stop::None, 5, None, None, Outcome::Failed { exit_code: 3 }),
            // 143 from inside is an exit code like others: we did not see a signal.
            (Exit::Code(143), Stop::None, 5, None, None, Outcome::Failed { exit_code: 143 }),
            (Exit::Signal(9), Stop::None, 5, None, None, Outcome::Killed { signal: 9 }),
            (Exit::Signal(15), Stop::None, 5, model, None, cancelled(Canceller::Model)),
            (Exit::Signal(11), Stop::None, 5, model, None, Outcome::Killed { signal: 11 }),
            // Asked to stop, but it ended by itself first.
            (Exit::Code(0), Stop::None, 5, model, None, Outcome::Completed),
            (Exit::Signal(15), Stop::TimeLimit(90_000), 90_001, None, None, timed_out(90_000)),
            (Exit::Signal(15), Stop::Signal(15), 5, model, None, cancelled(Canceller::Model)),
            (Exit::Code(0), Stop::Signal(15), 5, model, None, cancelled(Canceller::Model)),
            (Exit::Signal(15), Stop::Signal(15), 5, None, None, cancelled(Canceller::Unknown)),
            (Exit::Signal(15), Stop::Signal(15), 1_480, None, Some(1_500), timed_out(1_500)),
            (
                Exit::Signal(15),
                Stop::Signal(15),
                1_200,
                None,
                Some(1_500),
                cancelled(Canceller::Unknown),
            ),
            (Exit::Signal(15), Stop::Signal(15), 599_500, None, None, timed_out(600_000)),
            (
                Exit::Signal(15),
                Stop::Signal(15),
                598_000,
                None,
                None,
                cancelled(Canceller::Unknown),
            ),
        ];
        for (exit, stop, duration_ms, asked, limit, expected) in cases {
            let result = RunResult {
                exit,
                stop,
                started_at: at,
                ended_at: at,
                duration_ms,
                client_id: None,
                client_file: None,
                output: None,
            };
            assert_eq!(
                judge(&result, asked, limit),
                expected,
                "{exit:?} {stop:?} {duration_ms} {asked:?} {limit:?}"
            );
        }
    }
}
