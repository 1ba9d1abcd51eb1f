//! The place of a session that waits.

use chrono::{DateTime, Utc};
use sisyphus_settings::SlotLimit;
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;

use super::slot_set::{SlotSet, sharing};
use super::throttle::lowered;
use crate::active::Active;
use crate::agents::Limits;

/// The expected admission of a session, from the records of this state folder. The runners alone decide.
pub fn place_of(active: &Active, task: &Task, limits: &Limits, now: DateTime<Utc>) -> Admission {
    let Some(session) = task.delegated.as_deref() else { return Admission::Immediate };
    // It may have started by the time at which its place is asked for. It would count itself then.
    if is_running(task) {
        return Admission::Immediate;
    }
    let (set, limit) = SlotSet::of(session, limits);
    let limit = lowered(&active.agents.throttles, session.model.as_deref(), limit, now);
    let SlotLimit::AtMost(slots) = limit else { return Admission::Immediate };
    let running = sharing(active, &set, limits).filter(|it| is_running(it)).count();
    let is_before = |other: &&Task| !is_running(other) && other.ticket < task.ticket;
    let before = sharing(active, &set, limits).filter(is_before).count();
    let free = slots.get().saturating_sub(running);
    match before.checked_sub(free) {
        None => Admission::Immediate,
        Some(ahead) => Admission::Queued { position: ahead + 1 },
    }
}

fn is_running(task: &Task) -> bool {
    matches!(task.status(), Status::Running { .. })
}

/// Sessions to test with.
#[cfg(test)]
pub(super) mod samples {
    use sisyphus_base::id::SessionId;
    use sisyphus_tasks::session::{AskedBy, Delegated};
    use sisyphus_tasks::task::samples::pending;
    use sisyphus_tasks::task::{Kind, Task};

    /// A session of this depth and model.
    pub(in crate::sessions) fn session(number: u64, depth: u32, model: Option<&str>) -> Task {
        let mut task = pending(&format!("t{number}"), number);
        task.kind = Kind::Session;
        task.delegated = Some(Box::new(Delegated {
            conversation: SessionId::new(format!("c{number}")).unwrap(),
            asked_by: AskedBy::Person,
            project: "/home/dev/proj".into(),
            prompt: String::new(),
            prompt_length: 0,
            agent: None,
            model: model.map(str::to_owned),
            worktree: None,
            budget_micro_usd: None,
            depth,
            continues: None,
            report: None,
            caller: None,
        }));
        task
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use sisyphus_settings::Settings;
    use sisyphus_tasks::status::Watch;
    use sisyphus_tasks::task::samples::in_status;

    use super::samples::session;
    use super::*;

    fn running(task: Task) -> Task {
        let started_at = DateTime::from_timestamp(0, 0).unwrap();
        in_status(task, Status::Running { started_at, watch: Watch::Supervised })
    }

    #[test]
    fn a_place_counts_those_that_share_the_limit() {
        let at_most = |slots| SlotLimit::AtMost(NonZeroUsize::new(slots).unwrap());
        let limits = Limits::of(&Settings {
            max_background_tasks: at_most(2),
            model_concurrency: vec![("opus".to_owned(), at_most(1))],
            ..Settings::default()
        });
        let mut active = Active::default();
        for task in [
            running(session(1, 1, None)),
            session(2, 1, None),
            running(session(3, 1, Some("opus"))),
            session(4, 1, Some("opus")),
            session(5, 1, None),
            session(6, 1, None),
            session(7, 2, None),
        ] {
            active.insert(task);
        }
        let places = [2, 3, 4, 5, 6, 7].map(|number| {
            let task = active.tasks.iter().find(|task| task.ticket.0 == number).unwrap();
            match place_of(&active, task, &limits, DateTime::default()) {
                Admission::Immediate => 0,
                Admission::Queued { position } => position,
            }
        });
        assert_eq!(places, [0, 0, 1, 1, 2, 0]);
    }
}
