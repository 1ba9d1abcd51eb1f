//! Turns what a runner saw of a session, and what the session's Claude Code said, into an outcome. Pure.

use crate::outcome::{AgentFailure, Canceller, Outcome};
use crate::run::{Exit, RunResult, Stop};
use crate::session::{SessionEnd, SessionReport};
use crate::task::Task;

/// Returns the outcome of a session whose runner wrote a result. A limit that stops a session after it has answered
/// changes nothing: the answer is there.
pub fn classify_session(task: &Task, result: &RunResult, report: &SessionReport) -> Outcome {
    let asked = task.stop_requested_by(result.ended_at);
    match (result.stop, report.end) {
        (Stop::Asked, _) => Outcome::Cancelled { by: asked.unwrap_or(Canceller::User) },
        (_, Some(SessionEnd::Answered)) => Outcome::Completed,
        (Stop::TimeLimit(limit), _) => Outcome::TimedOut { limit_ms: Some(limit) },
        (Stop::Signal(_), _) => Outcome::Cancelled { by: asked.unwrap_or(Canceller::Unknown) },
        (Stop::None, Some(end)) => Outcome::AgentFailed { why: failure(end) },
        (Stop::None, None) => match (result.exit, asked) {
            (Exit::Signal(_), Some(by)) => Outcome::Cancelled { by },
            (Exit::Signal(signal), None) => Outcome::Killed { signal },
            // Without a result line, its Claude Code refused to start the session, whatever its exit code is.
            (Exit::Code(_) | Exit::NotStarted, _) => {
                Outcome::AgentFailed { why: AgentFailure::Error }
            }
            (Exit::Unseen, _) => Outcome::Unknown,
        },
    }
}

fn failure(end: SessionEnd) -> AgentFailure {
    match end {
        SessionEnd::TurnLimit => AgentFailure::TurnLimit,
        SessionEnd::Budget => AgentFailure::Budget,
        SessionEnd::RateLimit => AgentFailure::RateLimit,
        SessionEnd::Answered | SessionEnd::Error => AgentFailure::Error,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::code_zero::Options;
    use crate::status::Survivors;
    use crate::task::StopRequest;
    use crate::task::samples::pending;

    /// One row a way to end: the exit, what stopped it, what the session said, whether the model asked for the stop.
    #[test]
    fn the_table() {
        use SessionEnd::{Answered, Budget, Error, RateLimit, TurnLimit};
        const NO: bool = false;
        const YES: bool = true;
        let failed = |why| Outcome::AgentFailed { why };
        let by = |by| Outcome::Cancelled { by };
        let (code, killed) = (Exit::Code, Exit::Signal);
        let (term, limit) = (Stop::Signal(15), Stop::TimeLimit(900));
        let cases = [
            (code(0), Stop::None, Some(Answered), NO, Outcome::Completed),
            // Ended by its runner, because it had answered.
            (killed(15), Stop::None, Some(Answered), NO, Outcome::Completed),
            (code(143), limit, Some(Answered), NO, Outcome::Completed),
            (code(143), limit, None, NO, Outcome::TimedOut { limit_ms: Some(900) }),
            (code(143), Stop::Asked, Some(Answered), YES, by(Canceller::Model)),
            (code(143), Stop::Asked, None, NO, by(Canceller::User)),
            (code(143), term, None, YES, by(Canceller::Model)),
            (code(143), term, None, NO, by(Canceller::Unknown)),
            (code(1), Stop::None, Some(TurnLimit), NO, failed(AgentFailure::TurnLimit)),
            (code(1), Stop::None, Some(Budget), NO, failed(AgentFailure::Budget)),
            (code(1), Stop::None, Some(RateLimit), NO, failed(AgentFailure::RateLimit)),
            (code(1), Stop::None, Some(Error), NO, failed(AgentFailure::Error)),
            (code(1), Stop::None, None, NO, failed(AgentFailure::Error)),
            // An exit code of 0 without an answer is no success.
            (code(0), Stop::None, None, NO, failed(AgentFailure::Error)),
            (Exit::NotStarted, Stop::None, None, NO, failed(AgentFailure::Error)),
            (Exit::NotStarted, term, None, YES, by(Canceller::Model)),
            (killed(9), Stop::None, None, NO, Outcome::Killed { signal: 9 }),
            (killed(15), Stop::None, None, YES, by(Canceller::Model)),
            (Exit::Unseen, Stop::None, None, NO, Outcome::Unknown),
        ];
        let ended_at = DateTime::from_timestamp(1_800_000_100, 0).unwrap();
        for (exit, stop, end, is_asked, expected) in cases {
            let mut task = pending("t1", 1);
            task.stop_request = is_asked.then(|| StopRequest::new(Canceller::Model, ended_at));
            let result = RunResult {
                exit,
                stop,
                started_at: None,
                ended_at,
                ended: None,
                duration_ms: 5,
                waited_ms: 0,
                survivors: Survivors::default(),
                options: Options::Unknown,
                skipped: None,
                usage: None,
                oom_kill: None,
                client_file: None,
                output: None,
            };
            let report = SessionReport { end, ..SessionReport::default() };
            let found = classify_session(&task, &result, &report);
            assert_eq!(found, expected, "{exit:?} {stop:?} {end:?} {is_asked}");
        }
    }
}
