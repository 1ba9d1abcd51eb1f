//! The words of each outcome, and what one outcome says beside another.

use super::*;

#[test]
fn says_what_was_seen() {
    let begins = |said: &str| PREDICATES.iter().any(|it| format!("{said} ").starts_with(it));
    let cases = [
        (Outcome::Completed, Some(340), "completed with exit code 0 after 0.3 s"),
        (Outcome::Failed { exit_code: 3 }, Some(2_149), "failed with exit code 3 after 2.1 s"),
        (Outcome::Failed { exit_code: 1 }, None, "failed with exit code 1"),
        (
            Outcome::Killed { signal: 9 },
            Some(61_000),
            "was killed by signal 9 (SIGKILL) after 61 s",
        ),
        (Outcome::Killed { signal: 34 }, None, "was killed by signal 34"),
        (Outcome::TimedOut { limit_ms: Some(90_000) }, Some(90_020), "timed out after 90 s"),
        (Outcome::TimedOut { limit_ms: None }, None, "timed out at Claude Code's own limit"),
        (
            Outcome::Cancelled { by: Canceller::Model },
            Some(1_000),
            "was stopped by the model after 1 s",
        ),
        (
            Outcome::Lost { why: LostReason::RunnerDied },
            Some(5),
            "was lost, exit code unknown: its runner left no result",
        ),
        (
            Outcome::Skipped {
                after: TaskId::new("t1").unwrap(),
                because: "failed with exit code 3 after 2 s".to_owned(),
            },
            None,
            "was skipped: t1 failed with exit code 3 after 2 s",
        ),
        (Outcome::Unknown, None, "finished, exit code unknown"),
    ];
    for (outcome, ms, expected) in cases {
        assert_eq!(outcome.sentence(ms), expected);
        assert!(begins(expected), "{expected}");
    }
}

#[test]
fn durations_read_like_speech() {
    let cases = [
        (0, "0 s"),
        (49, "0 s"),
        (999, "0.9 s"),
        (1_000, "1 s"),
        (9_950, "9.9 s"),
        (10_500, "10 s"),
        (119_999, "119 s"),
        (120_000, "2 min"),
        (121_000, "2 min 1 s"),
        (7_199_000, "119 min 59 s"),
        (7_200_000, "2 h 0 min"),
        (725_000, "12 min 5 s"),
        (7_380_000, "2 h 3 min"),
    ];
    for (ms, expected) in cases {
        assert_eq!(duration(ms), expected, "{ms}");
    }
}

/// A shell reports a signal as 128 and its number, and only numbers of signals are such codes.
#[test]
fn the_same_in_other_words_is_no_news() {
    let killed = |signal| Outcome::Killed { signal };
    let failed = |exit_code| Outcome::Failed { exit_code };
    let lost = |why| Outcome::Lost { why };
    let limit = |limit_ms| Outcome::TimedOut { limit_ms };
    let cases = [
        (killed(9), failed(137), true),
        (killed(9), failed(143), false),
        (killed(1), failed(129), true),
        (killed(64), failed(192), true),
        (killed(65), failed(193), false),
        (killed(0), failed(128), false),
        (failed(3), failed(3), true),
        (failed(3), failed(4), false),
        (failed(3), Outcome::Completed, false),
        (lost(LostReason::RunnerDied), lost(LostReason::RunFolderGone), true),
        (limit(None), limit(Some(5)), true),
        (limit(None), lost(LostReason::RunnerDied), false),
        (Outcome::Unknown, Outcome::Unknown, true),
    ];
    for (one, other, is_same) in cases {
        assert_eq!(one.means_the_same(&other), is_same, "{one:?} {other:?}");
        assert_eq!(other.means_the_same(&one), is_same, "{other:?} {one:?}");
    }
}

/// Only a known cause explains, and only an end that a signal of Claude Code may have caused is explained.
#[test]
fn a_cause_explains_only_a_stop() {
    let killed = |signal| Outcome::Killed { signal };
    let cancelled = |by| Outcome::Cancelled { by };
    let limit = || Outcome::TimedOut { limit_ms: None };
    let stranger = || cancelled(Canceller::Unknown);
    let cases = [
        (stranger(), limit(), true),
        (stranger(), cancelled(Canceller::SessionEnd), true),
        (stranger(), stranger(), false),
        (stranger(), Outcome::Completed, false),
        (killed(9), cancelled(Canceller::Model), true),
        (killed(15), cancelled(Canceller::User), true),
        (killed(11), cancelled(Canceller::User), false),
        (killed(9), stranger(), false),
        (killed(9), limit(), false),
        (cancelled(Canceller::User), cancelled(Canceller::Model), false),
        (cancelled(Canceller::User), limit(), false),
        (Outcome::Completed, cancelled(Canceller::Model), false),
    ];
    for (outcome, cause, is_explained) in cases {
        assert_eq!(outcome.is_explained_by(&cause), is_explained, "{outcome:?} {cause:?}");
    }
}

/// An agent has no exit code, and each outcome has one word.
#[test]
fn an_agents_end_names_no_exit_code() {
    let by = Canceller::User;
    let rate_limit = Outcome::AgentFailed { why: AgentFailure::RateLimit };
    let failed = Outcome::AgentFailed { why: AgentFailure::Error };
    let lost = Outcome::Lost { why: LostReason::SessionEnded };
    let cases = [
        (Outcome::Completed, "completed", "finished after 2 s"),
        (Outcome::Failed { exit_code: 3 }, "failed", "failed with exit code 3 after 2 s"),
        (Outcome::Killed { signal: 9 }, "killed", "was killed by signal 9 (SIGKILL) after 2 s"),
        (Outcome::TimedOut { limit_ms: Some(2) }, "timed_out", "timed out after 0 s"),
        (Outcome::Cancelled { by }, "cancelled", "was stopped by the user after 2 s"),
        (lost, "lost", "was lost: its session ended"),
        (rate_limit, "failed", "failed at a rate limit after 2 s"),
        (failed, "failed", "failed after 2 s"),
        (Outcome::Unknown, "unknown", "finished, outcome unknown after 2 s"),
    ];
    for (outcome, word, sentence) in cases {
        assert_eq!(outcome.word(), word);
        assert_eq!(outcome.sentence_of_agent(Some(2_000)), sentence);
    }
}

/// Signals whose numbers differ between systems have no name.
#[test]
fn well_known_signals_have_names() {
    let named = (1..20).map(signal_name).filter(|name| name.contains('('));
    let expected = "1 (SIGHUP), 2 (SIGINT), 3 (SIGQUIT), 4 (SIGILL), 6 (SIGABRT), 8 (SIGFPE), \
                    9 (SIGKILL), 11 (SIGSEGV), 13 (SIGPIPE), 15 (SIGTERM)";
    assert_eq!(named.collect::<Vec<_>>().join(", "), expected);
}
