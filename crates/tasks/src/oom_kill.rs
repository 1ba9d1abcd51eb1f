//! What the kernel's counters say of processes that it ended for want of memory while a command ran.

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;

/// The counter that rose while the command ran. It names no process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OomKill {
    /// That of a group that holds this command alone, which had reached its limit.
    MemoryLimit,
    /// That of the control group which the command began in.
    ControlGroup,
    /// Only that of the whole machine: it may have been a process of any other program.
    Machine,
}

/// The signal with which the kernel ends a process for want of memory.
const SIGKILL: i32 = 9;
/// How a shell reports a child that this signal ended.
const SHELL_REPORTS_SIGKILL: i32 = 128 + SIGKILL;

/// Whether a command ended by SIGKILL, as far as its end shows.
pub fn looks_killed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Killed { signal: SIGKILL }) || is_shells_report(outcome)
}

/// Whether this is a shell's exit code for SIGKILL.
pub(crate) fn is_shells_report(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed { exit_code: SHELL_REPORTS_SIGKILL })
}

impl OomKill {
    /// Whether it may have to do with this end. A program such as `make` ends with a code of its own after the kernel has
    /// ended one that it started. The machine's counter alone says too little about that.
    pub fn may_explain(self, outcome: &Outcome) -> bool {
        match self {
            Self::MemoryLimit | Self::ControlGroup => {
                matches!(outcome, Outcome::Failed { .. } | Outcome::AgentFailed { .. })
                    || looks_killed(outcome)
            }
            Self::Machine => looks_killed(outcome),
        }
    }

    /// Says what was seen, and no more.
    pub fn clause(self) -> &'static str {
        match self {
            Self::MemoryLimit => {
                "the kernel ended a process of this command, which had reached its memory limit"
            }
            Self::ControlGroup => {
                "while it ran, the kernel ended a process of its control group for want of memory"
            }
            Self::Machine => {
                "while it ran, the kernel ended a process on this machine for want of memory, perhaps one of this command"
            }
        }
    }

    /// The same where there is little room. The machine's counter needs more words to be no accusation.
    pub fn in_short(self) -> Option<&'static str> {
        match self {
            Self::MemoryLimit => Some("the kernel ended a process of it at its memory limit"),
            Self::ControlGroup => Some("the kernel ended a process for want of memory"),
            Self::Machine => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{AgentFailure, Canceller};

    /// One row an outcome: whether it looks killed, and whether each counter may explain it.
    #[test]
    fn the_table() {
        let killed = |signal| Outcome::Killed { signal };
        let failed = |exit_code| Outcome::Failed { exit_code };
        let cases = [
            (killed(9), true, true, true),
            (failed(137), true, true, true),
            (failed(2), false, true, false),
            (failed(9), false, true, false),
            (failed(143), false, true, false),
            (Outcome::AgentFailed { why: AgentFailure::Error }, false, true, false),
            (killed(15), false, false, false),
            (killed(11), false, false, false),
            (Outcome::Completed, false, false, false),
            (Outcome::TimedOut { limit_ms: None }, false, false, false),
            (Outcome::Cancelled { by: Canceller::User }, false, false, false),
            (Outcome::Unknown, false, false, false),
        ];
        for (outcome, looks, in_group, on_machine) in cases {
            assert_eq!(looks_killed(&outcome), looks, "{outcome:?}");
            let at_limit = OomKill::MemoryLimit.may_explain(&outcome);
            assert_eq!(at_limit, in_group, "{outcome:?}");
            let may = [OomKill::ControlGroup, OomKill::Machine].map(|it| it.may_explain(&outcome));
            assert_eq!(may, [in_group, on_machine], "{outcome:?}");
        }
    }
}
