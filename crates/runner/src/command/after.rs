//! Waits for the tasks that a command comes after.

use std::time::{Duration, Instant};

use anyhow::Result;
use sisyphus_base::environment::Environment;
use sisyphus_base::id::TaskId;
use sisyphus_base::paths::{StateDir, client_tmp_dir};
use sisyphus_process::{Notice, Signals, Watchers, is_gone};
use sisyphus_state::reconcile::{Scope, World};
use sisyphus_state::run::Run;
use sisyphus_state::store::Store;
use sisyphus_state::task_states::{TaskState, look};
use sisyphus_tasks::from_terminal::{After, Needs};
use sisyphus_tasks::outcome::Outcome;
use sisyphus_tasks::run::Skipped;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;

use crate::command::ledger::CommandLedger;

/// How often the runner looks at tasks that have no runner of their own.
const LOOK: Duration = Duration::from_secs(1);
/// How often it looks at tasks that living runners have: their ends open locks, which ring. A hundred commands that look
/// at a hundred tasks each second would keep a core busy.
const LOOK_AT_RUNNERS: Duration = Duration::from_secs(30);

/// Whether the command may join the queue.
pub(super) enum Ready {
    Go,
    Skip(Skipped),
    /// The runner received this signal.
    Stopped(i32),
}

/// What follows from the states of the tasks that come before.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Go,
    Skip(Skipped),
    WaitFor(Vec<TaskId>),
}

/// Waits until the tasks that the command comes after have ended.
pub(super) fn wait_for_tasks(ledger: &CommandLedger, signals: &mut Signals) -> Result<Ready> {
    let after = ledger.after();
    if after.is_empty() {
        return Ok(Ready::Go);
    }
    let store = Store::new(ledger.state().clone());
    let ids: Vec<TaskId> = after.iter().map(|it| it.task.clone()).collect();
    let watchers = Watchers::default();
    loop {
        let mut until = Instant::now() + LOOK;
        if let Some(states) = states_of(ledger, &store, &ids) {
            match judge(after, &states) {
                Verdict::Go => return Ok(Ready::Go),
                Verdict::Skip(skipped) => return Ok(Ready::Skip(skipped)),
                Verdict::WaitFor(tasks) => {
                    let names: Vec<&str> = tasks.iter().map(TaskId::as_str).collect();
                    ledger.say_wait(&format!("for {}", names.join(", ")));
                }
            }
            let live: Vec<&Task> = states.iter().filter_map(TaskState::live).collect();
            watchers.watch(live.iter().filter_map(|task| runners_lock(task, ledger.state())))?;
            until = Instant::now() + pause(&live, ledger.state());
        } else {
            ledger.say_wait("until the state can be read; see `sisyphus doctor`");
        }
        loop {
            match signals.wait(Some(until))? {
                Notice::Signal { number, .. } => return Ok(Ready::Stopped(number)),
                Notice::Woken | Notice::Deadline => break,
                Notice::Child => {}
            }
        }
    }
}

/// The states of these tasks. A look that fails ends no wait: the task may still run.
fn states_of(ledger: &CommandLedger, store: &Store, ids: &[TaskId]) -> Option<Vec<TaskState>> {
    let tmp = client_tmp_dir(&Environment::read());
    let world = World { is_gone, client_tmp: &tmp, scope: Scope::All };
    look(store, ids, &world, |_| ()).map_err(|error| ledger.log(Err(error))).ok()
}

/// How long to wait until the next look. The end of a runner rings.
fn pause(live: &[&Task], state: &StateDir) -> Duration {
    let has_living_runner = |task: &&Task| {
        let run = Run::of(task, state).filter(Run::is_attached);
        may_have_runner(task) && run.is_some_and(|run| run.is_alive())
    };
    if live.iter().all(has_living_runner) { LOOK_AT_RUNNERS } else { LOOK }
}

/// Whether a runner may have it. The one of a command that waits for tasks has it before it joins a queue.
fn may_have_runner(task: &Task) -> bool {
    let is_pending = matches!(task.status(), Status::Pending { .. });
    task.has_runner() || (is_pending && task.is_started_by_us())
}

fn runners_lock(task: &Task, state: &StateDir) -> Option<std::path::PathBuf> {
    let run = Run::of(task, state).filter(|_| may_have_runner(task))?;
    run.is_attached().then(|| run.lock())
}

/// A task that failed decides before others have ended.
fn judge(after: &[After], states: &[TaskState]) -> Verdict {
    let mut waits_for = Vec::new();
    for (after, state) in after.iter().zip(states) {
        let because = match (state, after.needs) {
            (TaskState::Live(_), _) => {
                waits_for.push(after.task.clone());
                continue;
            }
            (TaskState::Ended(_) | TaskState::Forgotten, Needs::End) => continue,
            (TaskState::Forgotten, Needs::Success) => "never ran".to_owned(),
            (TaskState::Ended(task), Needs::Success) => match task.status().ending() {
                Some(ending) if ending.outcome == Outcome::Completed => continue,
                Some(ending) => ending.sentence(task.kind),
                None => continue,
            },
        };
        return Verdict::Skip(Skipped { after: after.task.clone(), because });
    }
    if waits_for.is_empty() { Verdict::Go } else { Verdict::WaitFor(waits_for) }
}

#[cfg(test)]
mod tests {
    use sisyphus_tasks::task::Kind;
    use sisyphus_tasks::task::samples::{finished, pending};

    use super::*;

    fn id(name: &str) -> TaskId {
        TaskId::new(name).unwrap()
    }

    /// One row a state, one column a need.
    #[test]
    fn each_state_meets_each_need() {
        let completed = || TaskState::Ended(finished("t1", Outcome::Completed));
        let failed = || finished("t1", Outcome::Failed { exit_code: 3 });
        let live = || TaskState::Live(pending("t1", 1));
        let said = failed().status().ending().unwrap().sentence(Kind::Command);
        let skip =
            |because: &str| Verdict::Skip(Skipped { after: id("t1"), because: because.to_owned() });
        let wait = || Verdict::WaitFor(vec![id("t1")]);
        let cases = [
            (live(), Needs::Success, wait()),
            (live(), Needs::End, wait()),
            (completed(), Needs::Success, Verdict::Go),
            (completed(), Needs::End, Verdict::Go),
            (TaskState::Ended(failed()), Needs::Success, skip(&said)),
            (TaskState::Ended(failed()), Needs::End, Verdict::Go),
            (TaskState::Forgotten, Needs::Success, skip("never ran")),
            (TaskState::Forgotten, Needs::End, Verdict::Go),
        ];
        for (state, needs, expected) in cases {
            let name = format!("{state:?} {needs:?}");
            assert_eq!(judge(&[After { task: id("t1"), needs }], &[state]), expected, "{name}");
        }
    }

    /// A command waits for all of them, unless one that it needs has failed already.
    #[test]
    fn one_failure_decides() {
        let after = ["t1", "t2"].map(|name| After { task: id(name), needs: Needs::Success });
        let live = || TaskState::Live(pending("t1", 1));
        let ended = |outcome| TaskState::Ended(finished("t2", outcome));
        let judged = |outcome| judge(&after, &[live(), ended(outcome)]);
        assert_eq!(judged(Outcome::Completed), Verdict::WaitFor(vec![id("t1")]));
        assert!(matches!(judged(Outcome::Unknown), Verdict::Skip(skip) if skip.after == id("t2")));
    }
}
