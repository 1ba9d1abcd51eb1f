//! What is said of an end by SIGKILL, or while memory was short.

use crate::oom_kill::{OomKill, is_shells_report, looks_killed};
use crate::status::Ending;
use crate::usage::size;

impl Ending {
    /// What the kernel's counters said, if that may have to do with the end.
    pub fn oom_kill(&self) -> Option<OomKill> {
        self.oom_kill.filter(|counter| counter.may_explain(&self.outcome))
    }

    /// Says more about an end by SIGKILL, or while memory was short: "largest process: 1.2 GB".
    pub fn about_kill(&self) -> Option<String> {
        let oom_kill = self.oom_kill();
        if oom_kill.is_none() && !looks_killed(&self.outcome) {
            return None;
        }
        // A witness says as much.
        let code = (oom_kill.is_none() && is_shells_report(&self.outcome))
            .then(|| "exit code 137 is how a shell reports signal 9 (SIGKILL)".to_owned());
        let counter = oom_kill.map(|counter| counter.clause().to_owned());
        let largest = self
            .usage
            .map(|usage| format!("largest process: {}", size(usage.largest_process_bytes)));
        let clauses: Vec<String> = [code, counter, largest].into_iter().flatten().collect();
        (!clauses.is_empty()).then(|| clauses.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::outcome::Outcome;
    use crate::usage::Usage;

    /// An end by SIGKILL claims no want of memory without a witness.
    #[test]
    fn a_kill_is_explained_by_what_was_seen() {
        let usage = Some(Usage { cpu_ms: 5, largest_process_bytes: 1_200_000_000 });
        let said = |outcome, oom_kill, usage| {
            Ending { usage, oom_kill, ..Ending::unseen(outcome, DateTime::UNIX_EPOCH) }.about_kill()
        };
        let killed = || Outcome::Killed { signal: 9 };
        let failed = |exit_code| Outcome::Failed { exit_code };
        let (group, machine) = (Some(OomKill::ControlGroup), Some(OomKill::Machine));
        let cases = [
            (killed(), None, usage, Some("largest process: 1.2 GB")),
            (killed(), None, None, None),
            (
                failed(137),
                None,
                usage,
                Some(
                    "exit code 137 is how a shell reports signal 9 (SIGKILL); largest process: 1.2 GB",
                ),
            ),
            (
                killed(),
                group,
                usage,
                Some(
                    "while it ran, the kernel ended a process of its control group for want of memory; largest process: 1.2 GB",
                ),
            ),
            (
                failed(137),
                machine,
                None,
                Some(
                    "while it ran, the kernel ended a process on this machine for want of memory, perhaps one of this command",
                ),
            ),
            (
                failed(2),
                group,
                usage,
                Some(
                    "while it ran, the kernel ended a process of its control group for want of memory; largest process: 1.2 GB",
                ),
            ),
            (failed(2), machine, usage, None),
            (failed(2), None, usage, None),
            (Outcome::Completed, group, usage, None),
        ];
        for (outcome, oom_kill, usage, expected) in cases {
            let name = format!("{outcome:?} {oom_kill:?}");
            assert_eq!(said(outcome, oom_kill, usage).as_deref(), expected, "{name}");
        }
    }
}
