//! What a commit changed: the statuses before it, compared with those after it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use sisyphus_base::id::TaskId;
use sisyphus_tasks::delivery::Revision;
use sisyphus_tasks::status::{Ending, Status};
use sisyphus_tasks::task::Task;

use super::{DROPPED, Subject, Transition, predicate};
use crate::active::Active;

/// A record that is new here and finished longer ago than this comes from a history.
const OLD: TimeDelta = TimeDelta::minutes(10);

/// The status of each task before a commit.
pub(crate) struct Before(BTreeMap<TaskId, Known>);

enum Known {
    /// Its word, and what a line says of it if its record goes.
    Live(&'static str, Box<Subject>),
    Finished(&'static str, Revision),
}

impl Before {
    pub(crate) fn of(active: &Active) -> Self {
        let known = active.tasks.iter().map(|task| {
            let word = task.status().word();
            let known = if task.status().is_final() {
                Known::Finished(word, task.revision())
            } else {
                Known::Live(word, Box::new(Subject::of(task)))
            };
            (task.id.clone(), known)
        });
        Self(known.collect())
    }

    /// The changes, those of one task in the order in which they happened.
    pub(crate) fn changes(mut self, active: &Active, now: DateTime<Utc>) -> Vec<Transition> {
        let mut changes = Vec::new();
        for task in &active.tasks {
            let lines = match (self.0.remove(&task.id), task.status()) {
                (None, Status::Finished(ending)) if is_from_history(task, ending, now) => continue,
                (None, _) => steps(None, task),
                (Some(Known::Live(before, _)), status) if status.word() == before => continue,
                (Some(Known::Live(before, _)), _) => steps(Some(before), task),
                (Some(Known::Finished(before, revision)), Status::Finished(ending))
                    if revision != task.revision() =>
                {
                    vec![Transition::end(Subject::of(task), Some(before), ending, now)]
                }
                (Some(Known::Finished(..)), _) => continue,
            };
            changes.extend(lines);
        }
        for known in self.0.into_values() {
            if let Known::Live(before, subject) = known {
                let said = "was dropped without an end".to_owned();
                changes.push(Transition::new(*subject, Some(before), DROPPED, said, now));
            }
        }
        changes
    }
}

/// Whether a finished record came back: a resumed session owes its result again, or 0.1.0 left it.
fn is_from_history(task: &Task, ending: &Ending, now: DateTime<Utc>) -> bool {
    task.noted_for_people_at.is_some() || now - ending.ended_at > OLD
}

/// From one status to another. A commit may see the start and the end of a command at once.
fn steps(from: Option<&'static str>, task: &Task) -> Vec<Transition> {
    const RUNNING: &str = "running";
    let subject = Subject::of(task);
    let ending = match task.status() {
        Status::Finished(ending) => ending,
        status @ (Status::Pending { announced_at: at }
        | Status::Queued { queued_at: at }
        | Status::Running { started_at: at, .. }) => {
            let said = predicate(status).to_owned();
            return vec![Transition::new(subject, from, status.word(), said, *at)];
        }
    };
    match ending.started_at {
        Some(started_at) if from != Some(RUNNING) => {
            let start =
                Transition::new(subject.clone(), from, RUNNING, "runs".to_owned(), started_at);
            vec![start, Transition::end(subject, Some(RUNNING), ending, ending.ended_at)]
        }
        Some(_) | None => vec![Transition::end(subject, from, ending, ending.ended_at)],
    }
}

#[cfg(test)]
mod tests {
    use sisyphus_base::clock::Tick;
    use sisyphus_tasks::outcome::{Canceller, Outcome};
    use sisyphus_tasks::source::Source;
    use sisyphus_tasks::status::Watch;
    use sisyphus_tasks::task::samples::{confirmed, in_status, pending};
    use sisyphus_tasks::task::{Event, Kind};

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn queued() -> Status {
        Status::Queued { queued_at: now() }
    }

    fn running() -> Status {
        Status::Running { started_at: now(), watch: Watch::Supervised }
    }

    fn ended(started_at: Option<DateTime<Utc>>, ended_at: DateTime<Utc>) -> Status {
        let outcome = Outcome::Failed { exit_code: 3 };
        Status::Finished(Ending { started_at, ..Ending::unseen(outcome, ended_at) })
    }

    fn with(status: Option<Status>) -> Active {
        let mut active = Active::default();
        active.tasks.extend(status.map(|status| in_status(pending("t1", 1), status)));
        active
    }

    /// Each change as `from>to`.
    fn between(before: &Active, after: &Active) -> Vec<String> {
        let changes = Before::of(before).changes(after, now());
        let line = |it: Transition| format!("{}>{}", it.from.unwrap_or_default(), it.to);
        changes.into_iter().map(line).collect()
    }

    /// One row a status before the commit, one column a status after it.
    #[test]
    fn every_status_meets_every_status() {
        let announced = || Status::Pending { announced_at: now() };
        let observed = Status::Running { started_at: now(), watch: Watch::Observed };
        let statuses = [
            None,
            Some(announced()),
            Some(queued()),
            Some(running()),
            Some(observed),
            Some(ended(None, now())),
            Some(ended(Some(now()), now())),
        ];
        let dropped = |word: &str| format!("{word}>dropped");
        let rows = [
            [
                "",
                ">pending",
                ">queued",
                ">running",
                ">running",
                ">failed",
                ">running running>failed",
            ],
            [
                "",
                "",
                "pending>queued",
                "pending>running",
                "pending>running",
                "pending>failed",
                "pending>running running>failed",
            ],
            [
                "",
                "queued>pending",
                "",
                "queued>running",
                "queued>running",
                "queued>failed",
                "queued>running running>failed",
            ],
            ["", "running>pending", "running>queued", "", "", "running>failed", "running>failed"],
            ["", "running>pending", "running>queued", "", "", "running>failed", "running>failed"],
            ["", "", "", "", "", "", ""],
            ["", "", "", "", "", "", ""],
        ];
        for (before, row) in statuses.iter().zip(rows) {
            for (after, expected) in statuses.iter().zip(row) {
                let found = between(&with(before.clone()), &with(after.clone())).join(" ");
                let expected = match (before, after) {
                    (Some(status), None) if !status.is_final() => dropped(status.word()),
                    _ => expected.to_owned(),
                };
                assert_eq!(found, expected, "{before:?} {after:?}");
            }
        }
    }

    #[test]
    fn what_comes_from_the_history_is_no_news() {
        let before = Active::default();
        let mut noted = with(Some(ended(Some(now()), now())));
        noted.tasks[0].noted_for_people_at = Some(now());
        assert_eq!(between(&before, &noted), [""; 0]);
        let old = now() - chrono::Duration::hours(1);
        assert_eq!(between(&before, &with(Some(ended(Some(old), old)))), [""; 0]);
    }

    /// A corrected outcome is a line of its own. The same outcome in other words is none.
    #[test]
    fn a_correction_is_a_line() {
        let end = |outcome, reported_by| {
            Event::Ended(Ending { reported_by, ..Ending::unseen(outcome, now()) })
        };
        let mut before = Active::default();
        before.tasks.push(confirmed("t1", 1));
        let by_signal = Outcome::Cancelled { by: Canceller::Unknown };
        before.tasks[0].apply(end(by_signal, Source::Runner), Tick(1));
        let mut corrected = before.clone();
        let at_limit = Outcome::TimedOut { limit_ms: None };
        corrected.tasks[0].apply(end(at_limit, Source::Client), Tick(2));
        assert_eq!(between(&before, &corrected), ["cancelled>timed_out"]);

        before.tasks[0] = confirmed("t1", 1);
        before.tasks[0].apply(end(Outcome::Failed { exit_code: 137 }, Source::Client), Tick(1));
        let mut refined = before.clone();
        refined.tasks[0].apply(end(Outcome::Killed { signal: 9 }, Source::Runner), Tick(2));
        assert_ne!(before, refined);
        assert_eq!(between(&before, &refined), [""; 0]);
    }

    /// Texts are bounded and on one line, and an agent has no exit code.
    #[test]
    fn a_line_holds_plain_text() {
        let mut active = with(Some(Status::Finished(Ending::unseen(Outcome::Completed, now()))));
        let task = &mut active.tasks[0];
        task.kind = Kind::Agent;
        task.description = format!("a\n\u{1b}[2Jb{}", "x".repeat(1_000));
        let changes = Before::of(&Active::default()).changes(&active, now());
        let line = &changes[0];
        assert_eq!((line.exit_code, line.said.as_str()), (None, "finished"));
        assert!(line.description.starts_with("a b"), "{}", line.description);
        assert!(line.description.chars().count() <= super::super::TEXT_MAX);
    }
}
