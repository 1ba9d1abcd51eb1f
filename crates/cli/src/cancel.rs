//! `sisyphus cancel`.

use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::Utc;
use serde::Serialize;
use serde_json::json;
use sisyphus_core::id::TaskId;
use sisyphus_core::notice::heading;
use sisyphus_core::outcome::Canceller;
use sisyphus_core::status::{Status, Watch};
use sisyphus_core::store::{LOCK_WAIT_IN_RUNNER, Store};
use sisyphus_core::task::{StopAsked, Task};

use crate::args::{Cancel, Choice, Format, Reach};
use crate::lookout::{Course, Lookout};
use crate::print::{self, Verdict};
use crate::stop::Stop;
use crate::tasks::Tasks;
use crate::view::{VERSION, View};
use crate::words::predicate;

/// How long the runners have for what they were told: 5 seconds of grace, then to keep the output and to record the end.
/// All of it must stay within the time in which an end still counts as what was asked for.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long what was killed may take to be gone.
const KILL_PATIENCE: Duration = Duration::from_secs(1);
/// How often it is looked whether all are gone. They are not our children: no event tells of their end.
const LOOK: Duration = Duration::from_millis(50);

/// What came of the wish to stop a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Ending {
    /// Nothing of it runs any more, and how it ended is recorded.
    Ended,
    HadEnded,
    NotStopped,
}

/// A task, and what came of it.
struct Answer {
    task: Task,
    ending: Ending,
    problem: Option<String>,
}

/// Stops the tasks that are meant. All of them are found before the first is stopped.
pub(crate) fn cancel(options: &Cancel) -> Result<Verdict> {
    let tasks = Tasks::read(Reach::Archive)?;
    let meant = meant(options.choice(), &tasks)?;
    let (ours, others): (Vec<Task>, Vec<Task>) = meant.into_iter().partition(is_ours);
    let mut answers: Vec<Answer> = others.into_iter().map(leave).collect();
    if !ours.is_empty() {
        answers.extend(stop(tasks.store.clone(), ours)?);
    }
    report(&answers, options.format(), &tasks.store)?;
    let is_good = answers.iter().all(|answer| answer.problem.is_none());
    Ok(if is_good { Verdict::Good } else { Verdict::Bad })
}

fn meant(choice: Choice<'_>, tasks: &Tasks) -> Result<Vec<Task>> {
    let ours = || tasks.active.iter().filter(|task| is_ours(task));
    Ok(match choice {
        Choice::Named(names) => tasks.find_all(names)?.into_iter().cloned().collect(),
        Choice::OfSession(name) => {
            let session = tasks.find_session(name)?;
            ours().filter(|task| &task.session == session).cloned().collect()
        }
        Choice::All => ours().cloned().collect(),
    })
}

/// Whether we can stop it: a background command of the client's that a runner of ours has, or is about to have. A
/// foreground command that took an announcement with the same words is none.
fn is_ours(task: &Task) -> bool {
    let has_runner = match &task.status {
        Status::Pending { .. }
        | Status::Queued { .. }
        | Status::Running { watch: Watch::Supervised, .. } => true,
        Status::Running { watch: Watch::Observed, .. } | Status::Finished(_) => false,
    };
    has_runner && task.is_bound()
}

fn leave(task: Task) -> Answer {
    if task.status.is_final() {
        return Answer { task, ending: Ending::HadEnded, problem: None };
    }
    let problem = "only Claude Code can stop it: use /tasks there, or ask the model".to_owned();
    Answer { task, ending: Ending::NotStopped, problem: Some(problem) }
}

/// Stops all of them at once.
fn stop(store: Store, mut tasks: Vec<Task>) -> Result<Vec<Answer>> {
    // Who waits goes first, the last in line before the others: a slot that opens must not start what is to be stopped.
    tasks.sort_by_key(|task| {
        (matches!(task.status, Status::Running { .. }), std::cmp::Reverse(task.ticket))
    });
    anyhow::ensure!(
        store.dir().is_writable(),
        "could not write to `{}`: in Claude Code's sandbox nothing can be stopped; run this outside of it",
        store.dir().root().display()
    );
    // What the runners find when they get the signal.
    ask(&store, &tasks)?;
    let mut stops: Vec<(Task, Result<Stop>)> =
        tasks.into_iter().map(|task| (task.clone(), Stop::of(&task))).collect();
    let mut lookout = Lookout::new(store);
    let begin = Instant::now();
    let (kill_tree_at, kill_all_at) = (begin + PATIENCE, begin + PATIENCE + KILL_PATIENCE);
    settle(&mut stops, &mut lookout, kill_tree_at, Stop::advance)?;
    settle(&mut stops, &mut lookout, kill_all_at, Stop::kill_tree)?;
    settle(&mut stops, &mut lookout, kill_all_at + KILL_PATIENCE, Stop::kill_all)?;

    let ids: Vec<TaskId> = stops.iter().map(|(task, _)| task.id.clone()).collect();
    let courses = lookout.look(&ids)?;
    Ok(stops
        .into_iter()
        .zip(courses)
        .map(|((task, stop), course)| answer(task, stop, course))
        .collect())
}

/// Notes who asked, so that the runners know what the signal means and the records say why the tasks ended.
fn ask(store: &Store, tasks: &[Task]) -> Result<()> {
    store.update(LOCK_WAIT_IN_RUNNER, |transaction| {
        let asked = StopAsked::new(Canceller::User, Utc::now());
        let is_meant = |task: &&mut Task| tasks.iter().any(|meant| meant.id == task.id);
        for task in transaction.active.tasks.iter_mut().filter(is_meant) {
            task.stop_asked = Some(asked);
        }
        Ok(())
    })
}

/// Does `push` to those that are not over, again and again until all are, or until then. It is done once at least.
fn settle(
    stops: &mut [(Task, Result<Stop>)],
    lookout: &mut Lookout,
    until: Instant,
    push: fn(&mut Stop),
) -> Result<()> {
    loop {
        let ids: Vec<TaskId> = stops.iter().map(|(task, _)| task.id.clone()).collect();
        let courses = lookout.look(&ids)?;
        let mut is_settled = true;
        for ((_, stop), course) in stops.iter_mut().zip(courses) {
            let Ok(stop) = stop else { continue };
            let is_live = matches!(course, Course::Live(task) if is_ours(&task));
            if stop.is_hopeless() || (!is_live && stop.is_over()) {
                continue;
            }
            push(stop);
            is_settled = stop.is_hopeless() && is_settled;
        }
        if is_settled || Instant::now() >= until {
            return Ok(());
        }
        lookout.pause(LOOK);
    }
}

fn answer(before: Task, stop: Result<Stop>, course: Course) -> Answer {
    let problem = match (&course, &stop) {
        (_, Err(error)) => Some(format!("{error:#}")),
        (Course::Live(task), Ok(stop)) if is_ours(task) => Some(stop.problem()),
        // No runner came for it.
        (Course::Live(task), Ok(_)) => return leave(task.clone()),
        (Course::Ended(_) | Course::Forgotten, Ok(stop)) if stop.is_over() => None,
        (Course::Ended(_) | Course::Forgotten, Ok(stop)) => Some(stop.problem()),
    };
    let task = match course {
        Course::Live(task) | Course::Ended(task) => task,
        Course::Forgotten => before,
    };
    let ending = if problem.is_none() { Ending::Ended } else { Ending::NotStopped };
    Answer { task, ending, problem }
}

fn report(answers: &[Answer], format: Format, store: &Store) -> Result<()> {
    if format == Format::Json {
        let view = |answer: &Answer| {
            let task = View::of(&answer.task, store.dir());
            json!({ "task": task, "result": answer.ending, "problem": answer.problem })
        };
        let tasks: Vec<_> = answers.iter().map(view).collect();
        return print::json(&json!({ "version": VERSION, "tasks": tasks }));
    }
    if answers.is_empty() {
        return print::out("There is nothing to stop.\n");
    }
    for Answer { task, ending, problem } in answers {
        let (name, predicate) = (heading(task), predicate(task));
        if let Some(problem) = problem {
            print::warn(&anyhow::anyhow!("{name} {predicate}; {problem}"));
            continue;
        }
        let had = if *ending == Ending::HadEnded { "had ended already: it " } else { "" };
        print::out(&format!("{name} {had}{predicate}.\n"))?;
    }
    Ok(())
}
