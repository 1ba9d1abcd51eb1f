//! How a task ended, and the words that report it to people and models.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use sisyphus_base::id::TaskId;

/// What requested the stop of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Canceller {
    /// The model, with Claude Code's `TaskStop`.
    Model,
    /// The user, with `sisyphus cancel`.
    User,
    /// The session ended, and Claude Code stopped what it had started.
    SessionEnd,
    /// A signal from outside, without a stop request.
    Unknown,
}

/// Why no process saw the exit of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LostReason {
    /// The runner's lock is open, but there is no result: the runner was killed, or the machine went down.
    RunnerDied,
    /// The run folder under the temporary folder is gone, as after a reboot.
    RunFolderGone,
    /// Its session ended while only Claude Code was watching it: the command itself may still run.
    SessionEnded,
}

/// Why an agent failed, according to Claude Code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentFailure {
    /// The provider refused more requests.
    RateLimit,
    /// It has used all the turns that it may take.
    TurnLimit,
    /// It has spent what it may cost.
    Budget,
    Error,
}

/// What each sentence about an outcome begins with, and no other sentence about a task does.
pub const PREDICATES: [&str; 5] = ["completed ", "failed ", "finished", "timed out ", "was "];

/// The signals that Claude Code stops commands with.
pub const CLIENT_STOPS: [i32; 2] = [9, 15];

/// How a task ended. An exit code that no process saw is [`Outcome::Unknown`], never 0.
///
/// ```
/// use sisyphus_tasks::outcome::Outcome;
///
/// let outcome = Outcome::from_exit_code(3);
/// assert_eq!(outcome.sentence(Some(2_149)), "failed with exit code 3 after 2.1 s");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Exit code 0; for an agent, that it finished.
    Completed,
    /// An exit code other than 0.
    Failed { exit_code: i32 },
    /// A signal that was not sent to stop it killed the shell itself.
    Killed { signal: i32 },
    /// Stopped at its time limit, in milliseconds from the real start.
    TimedOut {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit_ms: Option<u64>,
    },
    /// Stopped on request.
    Cancelled { by: Canceller },
    /// No process saw it exit.
    Lost { why: LostReason },
    /// It never started, because a task that it needed did not complete. `because` is that task's predicate.
    Skipped { after: TaskId, because: String },
    /// An agent or a session that failed, according to Claude Code.
    AgentFailed { why: AgentFailure },
    /// It ended, but no source gave its exit code.
    Unknown,
}

impl Outcome {
    /// The outcome for an exit code without other information.
    pub fn from_exit_code(exit_code: i32) -> Self {
        if exit_code == 0 { Self::Completed } else { Self::Failed { exit_code } }
    }

    /// Whether a reader learns nothing new from `other`: a shell reports a signal as 128 and its number.
    pub fn means_the_same(&self, other: &Self) -> bool {
        let signal_of = |outcome: &Self| match outcome {
            Self::Killed { signal } => Some(*signal),
            Self::Failed { exit_code } if (129..=192).contains(exit_code) => Some(exit_code - 128),
            Self::Completed
            | Self::Failed { .. }
            | Self::TimedOut { .. }
            | Self::Cancelled { .. }
            | Self::Lost { .. }
            | Self::Skipped { .. }
            | Self::AgentFailed { .. }
            | Self::Unknown => None,
        };
        match (self, other) {
            (Self::TimedOut { .. }, Self::TimedOut { .. }) => true,
            (Self::Lost { .. }, Self::Lost { .. }) => true,
            (one, other) => {
                one == other || signal_of(one).is_some_and(|it| signal_of(other) == Some(it))
            }
        }
    }

    /// Whether `other` adds the cause that this outcome lacks: only Claude Code knows why it sent a signal.
    pub fn is_explained_by(&self, other: &Self) -> bool {
        let is_stopped = *self == Self::Cancelled { by: Canceller::Unknown };
        let is_killed = matches!(self, Self::Killed { signal } if CLIENT_STOPS.contains(signal));
        let is_stop = matches!(other, Self::Cancelled { by } if *by != Canceller::Unknown);
        let is_limit = matches!(other, Self::TimedOut { .. });
        (is_stopped && (is_stop || is_limit)) || (is_killed && is_stop)
    }

    /// Whether it ended badly. Without an exit code no failure is claimed, and what was skipped never ran.
    pub fn is_error(&self) -> bool {
        !matches!(
            self,
            Self::Completed | Self::Cancelled { .. } | Self::Skipped { .. } | Self::Unknown
        )
    }

    /// One word for tables and JSON: `completed`, `failed`, `killed`, `timed_out`, `cancelled`, `lost`, `skipped`,
    /// `unknown`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed { .. } | Self::AgentFailed { .. } => "failed",
            Self::Killed { .. } => "killed",
            Self::TimedOut { .. } => "timed_out",
            Self::Cancelled { .. } => "cancelled",
            Self::Lost { .. } => "lost",
            Self::Skipped { .. } => "skipped",
            Self::Unknown => "unknown",
        }
    }

    /// A sentence's predicate, with the duration if it is known: "failed with exit code 3 after 2.1 s".
    pub fn sentence(&self, duration_ms: Option<u64>) -> String {
        let after = duration_ms.map(|ms| format!(" after {}", duration(ms))).unwrap_or_default();
        match self {
            Self::Completed => format!("completed with exit code 0{after}"),
            Self::Failed { exit_code } => format!("failed with exit code {exit_code}{after}"),
            Self::Killed { signal } => {
                format!("was killed by signal {}{after}", signal_name(*signal))
            }
            Self::TimedOut { limit_ms: Some(limit) } => {
                format!("timed out after {}", duration(*limit))
            }
            Self::TimedOut { limit_ms: None } => {
                format!("timed out at Claude Code's own limit{after}")
            }
            Self::Cancelled { by } => {
                let whom = match by {
                    Canceller::Model => "the model",
                    Canceller::User => "the user",
                    Canceller::SessionEnd => "the end of its session",
                    Canceller::Unknown => "a signal from outside",
                };
                format!("was stopped by {whom}{after}")
            }
            Self::Lost { why } => {
                let reason = match why {
                    LostReason::RunnerDied => "its runner left no result",
                    LostReason::RunFolderGone => {
                        "its run folder is gone, as after a restart of the machine"
                    }
                    LostReason::SessionEnded => {
                        "only Claude Code watched it, and its session ended; it may still run"
                    }
                };
                format!("was lost, exit code unknown: {reason}")
            }
            Self::Skipped { after, because } => format!("was skipped: {after} {because}"),
            Self::AgentFailed { why: AgentFailure::RateLimit } => {
                format!("failed at a rate limit{after}")
            }
            Self::AgentFailed { why: AgentFailure::TurnLimit } => {
                format!("failed at its limit of turns{after}")
            }
            Self::AgentFailed { why: AgentFailure::Budget } => {
                format!("failed at its budget{after}")
            }
            Self::AgentFailed { why: AgentFailure::Error } => format!("failed{after}"),
            Self::Unknown => format!("finished, exit code unknown{after}"),
        }
    }

    /// Like [`Outcome::sentence`] for a delegated session, which has no exit code and a runner.
    pub fn sentence_of_session(&self, duration_ms: Option<u64>) -> String {
        let Self::Lost { why } = self else { return self.sentence_of_agent(duration_ms) };
        let reason = match why {
            LostReason::RunnerDied | LostReason::SessionEnded => "its runner left no result",
            LostReason::RunFolderGone => {
                "its run folder is gone, as after a restart of the machine"
            }
        };
        format!("was lost: {reason}")
    }

    /// Like [`Outcome::sentence`] for an agent, which has no exit code.
    pub fn sentence_of_agent(&self, duration_ms: Option<u64>) -> String {
        let after = duration_ms.map(|ms| format!(" after {}", duration(ms))).unwrap_or_default();
        match self {
            Self::Completed => format!("finished{after}"),
            Self::Lost { .. } => "was lost: its session ended".to_owned(),
            Self::Unknown => format!("finished, outcome unknown{after}"),
            Self::Failed { .. }
            | Self::Killed { .. }
            | Self::TimedOut { .. }
            | Self::Cancelled { .. }
            | Self::Skipped { .. }
            | Self::AgentFailed { .. } => self.sentence(duration_ms),
        }
    }
}

/// A time span as people write it: `0.3 s`, `90 s`, `12 min 5 s`, `2 h 3 min`.
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..10 => {
            let tenths = ms / 100;
            if tenths.is_multiple_of(10) {
                format!("{seconds} s")
            } else {
                format!("{seconds}.{} s", tenths % 10)
            }
        }
        10..120 => format!("{seconds} s"),
        120..7200 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        120..7200 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// The number, and the name if the signal is well known.
fn signal_name(signal: i32) -> String {
    // Only numbers that are the same on Linux and macOS.
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return signal.to_string(),
    };
    format!("{signal} ({name})")
}
