//! Sessions after a rate limit: they share the lowered limits of Claude Code's agents, because the API counts the
//! requests of both. Pure, except for [`LiveThrottles`].

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use sisyphus_base::id::TaskId;
use sisyphus_base::paths::StateDir;
use sisyphus_settings::SlotLimit;
use sisyphus_tasks::task::Task;

use super::slot_set::{SlotSet, sharing};
use crate::active::Active;
use crate::agent_limits::{Limits, Scope, Throttle, throttle};
use crate::file::{self, Stamp};

/// Records that a session ended at a rate limit of the API: fewer of its model, or of its provider, run for a while.
/// `model` is the one that its Claude Code named. A session that has a final record changes nothing, so a second such
/// event does not prolong it.
pub(crate) fn rate_limited(
    active: &mut Active,
    id: &TaskId,
    model: Option<&str>,
    limits: &Limits,
    now: DateTime<Utc>,
) {
    let Some(task) = active.live().find(|task| &task.id == id) else { return };
    let Some(session) = task.delegated.as_deref() else { return };
    let (set, limit) = SlotSet::of(session, limits);
    let before = match limit {
        SlotLimit::AtMost(slots) => slots.get(),
        // Without a limit none of them waits.
        SlotLimit::Unlimited => sharing(active, &set, limits).count(),
    };
    let Some(scope) = Scope::of(&set.pool, model.or(session.model())) else { return };
    // Its result says that it failed at a rate limit, so there is no news besides.
    throttle(&mut active.agents.throttles, scope, before, None, now);
}

/// The lowered limit that holds back the sessions whose calls name this model; `None` if the user's own limit is not
/// higher. Which model a session gets that names none is not known, so every lowered limit counts for it.
fn throttle_of<'a>(
    throttles: &'a [Throttle],
    model: Option<&str>,
    limit: SlotLimit,
    now: DateTime<Utc>,
) -> Option<&'a Throttle> {
    let is_lower = |throttle: &Throttle| match limit {
        SlotLimit::AtMost(slots) => throttle.at_most < slots,
        SlotLimit::Unlimited => true,
    };
    let holds = |throttle: &Throttle| model.is_none() || throttle.scope.holds(model);
    let now = throttles.iter().filter(|it| it.until > now && is_lower(it) && holds(it));
    now.min_by_key(|throttle| throttle.at_most)
}

/// The limit for the sessions whose calls name this model, as long as a rate limit lowers it.
pub fn lowered(
    throttles: &[Throttle],
    model: Option<&str>,
    limit: SlotLimit,
    now: DateTime<Utc>,
) -> SlotLimit {
    let throttle = throttle_of(throttles, model, limit, now);
    throttle.map_or(limit, |throttle| SlotLimit::AtMost(throttle.at_most))
}

/// What holds back a session that has not started.
pub fn throttle_on<'a>(
    throttles: &'a [Throttle],
    task: &Task,
    limits: &Limits,
    now: DateTime<Utc>,
) -> Option<&'a Throttle> {
    let session = task.delegated.as_deref().filter(|_| super::is_unstarted(task))?;
    let (_, limit) = SlotSet::of(session, limits);
    throttle_of(throttles, session.model.as_deref(), limit, now)
}

/// The lowered limits of a state folder as they are now, for a runner that waits. It parses nothing else of the file,
/// and only if the file has changed.
#[derive(Debug)]
pub struct LiveThrottles {
    path: PathBuf,
    seen: Option<Stamp>,
    throttles: Vec<Throttle>,
}

/// The part of `active.json` that a runner needs.
#[derive(Default, Deserialize)]
#[serde(default)]
struct OfFile {
    agents: OfAgents,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OfAgents {
    brakes: Vec<Throttle>,
}

impl LiveThrottles {
    pub fn at(state: &StateDir) -> Self {
        Self { path: state.active(), seen: None, throttles: Vec::new() }
    }

    /// An unreadable file lowers nothing: sessions start as if there had been no rate limit.
    pub fn now(&mut self) -> &[Throttle] {
        // The stamp is read first, so the next call sees a change that comes between the two reads.
        let stamp = self.path.metadata().ok().map(|metadata| file::stamp(&metadata));
        if stamp != self.seen {
            self.seen = stamp;
            self.throttles = file::read::<OfFile>(&self.path).unwrap_or_default().agents.brakes;
        }
        &self.throttles
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use sisyphus_settings::Settings;
    use sisyphus_tasks::status::{Status, Watch};
    use sisyphus_tasks::task::samples::in_status;
    use sisyphus_testing::TempDir;

    use super::super::place::samples::session;
    use super::*;
    use crate::sessions::place_of;
    use sisyphus_tasks::admission::Admission;

    fn at_most(slots: usize) -> SlotLimit {
        NonZeroUsize::new(slots).map_or(SlotLimit::Unlimited, SlotLimit::AtMost)
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn limits(default: usize, opus: Option<usize>) -> Limits {
        Limits::of(&Settings {
            max_background_tasks: at_most(default),
            model_concurrency: opus
                .map(|it| ("opus".to_owned(), at_most(it)))
                .into_iter()
                .collect(),
            ..Settings::default()
        })
    }

    fn running(task: Task) -> Task {
        in_status(task, Status::Running { started_at: at(0), watch: Watch::Supervised })
    }

    /// One row a session that ends at a rate limit: the model of its call and the one that it reports, the user's
    /// limits, and what is lowered to how many.
    #[test]
    fn what_a_rate_limit_lowers() {
        const SEEN: &str = "claude-opus-5-5-20260101";
        let cases = [
            (None, Some(SEEN), limits(5, None), Some(("claude-opus-5-5-20260101", 2))),
            (Some("opus"), None, limits(4, None), Some(("opus", 2))),
            (Some("opus"), Some(SEEN), limits(5, Some(3)), Some(("opus", 1))),
            // The call names no model, so its slots are those of the default limit.
            (None, Some(SEEN), limits(5, Some(3)), Some(("claude-opus-5-5-20260101", 2))),
            (Some("sonnet"), None, limits(1, None), Some(("sonnet", 1))),
            // Unlimited: half of the three that run.
            (Some("sonnet"), None, limits(0, None), Some(("sonnet", 1))),
            (None, None, limits(5, None), None),
        ];
        for (asked, seen, limits, expected) in cases {
            let mut active = Active::default();
            for number in 1..=3 {
                active.insert(running(session(number, 1, asked)));
            }
            let hit = |active: &mut Active, id: &str, second| {
                rate_limited(active, &TaskId::new(id).unwrap(), seen, &limits, at(second));
            };
            hit(&mut active, "t9", 0);
            assert!(active.agents.throttles.is_empty(), "an unknown session lowers nothing");
            hit(&mut active, "t1", 0);
            hit(&mut active, "t2", 5);
            let found =
                active.agents.throttles.iter().map(|it| (it.scope.name(), it.at_most.get()));
            assert_eq!(found.collect::<Vec<_>>(), Vec::from_iter(expected), "{asked:?} {limits:?}");
            let is_right = |it: &Throttle| it.until == at(305) && it.unreported.is_none();
            assert!(active.agents.throttles.iter().all(is_right), "{:?}", active.agents.throttles);
        }
    }

    /// One row a waiting session: the model of its call, the user's limit, the time, and its limit then.
    #[test]
    fn how_many_sessions_run_at_once() {
        let of = |scope, slots| Throttle {
            scope,
            at_most: NonZeroUsize::new(slots).unwrap(),
            until: at(300),
            unreported: None,
        };
        let throttles = [
            of(Scope::Model("claude-opus-5-5".into()), 3),
            of(Scope::Provider("openai".into()), 1),
        ];
        let cases = [
            (Some("opus"), at_most(6), 0, at_most(3)),
            (Some("claude-opus-5-5"), at_most(0), 0, at_most(3)),
            (Some("opus"), at_most(3), 0, at_most(3)),
            (Some("opus"), at_most(2), 0, at_most(2)),
            (Some("opus"), at_most(6), 299, at_most(3)),
            (Some("opus"), at_most(6), 300, at_most(6)),
            (Some("sonnet"), at_most(6), 0, at_most(6)),
            (Some("gpt-5"), at_most(6), 0, at_most(1)),
            // Its model is not known: the strictest counts.
            (None, at_most(6), 0, at_most(1)),
        ];
        for (model, limit, second, expected) in cases {
            let found = lowered(&throttles, model, limit, at(second));
            assert_eq!(found, expected, "{model:?} {limit:?} {second}");
        }
    }

    /// A place counts against the lowered limit, until that has passed.
    #[test]
    fn a_place_counts_against_the_lowered_limit() {
        let limits = limits(2, None);
        let mut active = Active::default();
        active.insert(running(session(1, 1, None)));
        active.insert(running(session(2, 1, None)));
        active.insert(session(3, 1, None));
        rate_limited(&mut active, &TaskId::new("t1").unwrap(), Some("opus"), &limits, at(0));
        active.tasks.retain(|task| task.ticket.0 != 1);
        let waiting = active.tasks.last().unwrap().clone();
        let place = |second| place_of(&active, &waiting, &limits, at(second));
        assert_eq!(place(0), Admission::Queued { position: 1 });
        assert_eq!(place(300), Admission::Immediate);
        let held = |task, second| throttle_on(&active.agents.throttles, task, &limits, at(second));
        assert!(held(&waiting, 0).is_some() && held(&waiting, 300).is_none());
        assert!(held(&active.tasks[0], 0).is_none(), "one that runs is not held back");
    }

    /// A runner reads what a commit wrote, and sees it change.
    #[test]
    fn a_runner_reads_the_lowered_limits() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        let mut live = LiveThrottles::at(&state);
        assert_eq!(live.now(), []);
        let mut active = Active::default();
        active.insert(session(1, 1, None));
        rate_limited(
            &mut active,
            &TaskId::new("t1").unwrap(),
            Some("opus"),
            &limits(4, None),
            at(0),
        );
        std::fs::write(state.active(), serde_json::to_vec(&active).unwrap()).unwrap();
        assert_eq!(live.now(), active.agents.throttles);
        assert_eq!(live.now().len(), 1);
        std::fs::write(state.active(), "{").unwrap();
        assert_eq!(live.now(), []);
    }
}
