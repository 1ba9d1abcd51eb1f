//! `sisyphus cancel`.

use anyhow::Result;
use clap::{ArgGroup, Args as ClapArgs};
use serde_json::{Value, json};
use sisyphus_base::paths::StateDir;
use sisyphus_base::text::one_line;
use sisyphus_control::{
    Answer, Ending, HistoryDepth, Naming, NoSuchTask, Tasks, candidates, is_ours,
};
use sisyphus_tasks::outcome::Canceller;
use sisyphus_tasks::task::Task;

use crate::format::predicate;
use crate::print::{self, Verdict};
use crate::view::view;

/// Longest name that an error repeats, in characters.
const NAME_MAX: usize = 200;

#[derive(Debug, ClapArgs)]
#[command(group = ArgGroup::new("which").required(true), after_help = "Examples:
  sisyphus cancel t7k2m9qa4
  sisyphus cancel 'run the tests'
  sisyphus cancel --session 4f1c")]
pub(crate) struct Cancel {
    /// The tasks, each by its id or the beginning of it, Claude Code's id for it, its description (its
    /// command, if it has none), or the word before a colon in the description.
    #[arg(group = "which")]
    pub(crate) tasks: Vec<String>,
    /// Stop every task that Sisyphus can stop, of all sessions.
    #[arg(long, group = "which")]
    pub(crate) all: bool,
    /// Stop the tasks of one session. The beginning of its id is enough.
    #[arg(long, group = "which")]
    pub(crate) session: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Stops the selected tasks. It finds all of them before it stops the first.
pub(crate) fn cancel(options: &Cancel) -> Result<Verdict> {
    let tasks = Tasks::read(HistoryDepth::Archive, print::warn)?;
    let meant = meant(options, &tasks)?;
    let answers = sisyphus_control::cancel(&tasks.store, meant, Canceller::User, print::warn)?;
    report(&answers, options, tasks.store.dir())?;
    let is_good = answers.iter().all(|answer| problem(&answer.ending).is_none());
    Ok(if is_good { Verdict::Good } else { Verdict::Bad })
}

fn meant(options: &Cancel, tasks: &Tasks) -> Result<Vec<Task>> {
    let ours = tasks.active.iter().filter(|task| is_ours(task));
    Ok(if let Some(name) = &options.session {
        let session = tasks.find_session(name)?;
        ours.filter(|task| &task.session == session).cloned().collect()
    } else if options.all {
        ours.cloned().collect()
    } else {
        let found = tasks.find_all(&options.tasks, Naming::ToStop);
        found.map_err(|error| with_parts(error, tasks))?.into_iter().cloned().collect()
    })
}

/// An unknown name may be a part of one, which is not enough to stop a task.
fn with_parts(error: anyhow::Error, tasks: &Tasks) -> anyhow::Error {
    let Some(NoSuchTask::Unknown(name)) = error.downcast_ref::<NoSuchTask>() else { return error };
    let parts = tasks.with_part(name);
    let Some(last) = parts.first() else { return error };
    let live: Vec<&Task> = parts.iter().copied().filter(|task| !task.status().is_final()).collect();
    let called = one_line(name, NAME_MAX);
    if live.is_empty() {
        let (last, how) = (last.heading(), predicate(last));
        return NoSuchTask::Ended(format!(
            "no task `{called}`; the last that it is a part of, {last}, has ended: it {how}"
        ))
        .into();
    }
    let said =
        format!("no task `{called}`: to stop one, give its id or a whole name; it is a part of");
    NoSuchTask::Ambiguous { said, candidates: candidates(name, &live) }.into()
}

/// Why a task still runs; `None` if it has ended.
pub(crate) fn problem(ending: &Ending) -> Option<&str> {
    match ending {
        Ending::Ended | Ending::HadEnded => None,
        Ending::LeftToClient => {
            Some("only Claude Code can stop it: use /tasks there, or ask the model")
        }
        Ending::NotStopped(why) => Some(why),
    }
}

/// The result in JSON.
fn result(ending: &Ending) -> &'static str {
    match ending {
        Ending::Ended => "ended",
        Ending::HadEnded => "had_ended",
        Ending::LeftToClient | Ending::NotStopped(_) => "not_stopped",
    }
}

fn report(answers: &[Answer], options: &Cancel, state: &StateDir) -> Result<()> {
    if options.json {
        let view = |Answer { task, ending, .. }: &Answer| json!({ "task": view(task, state), "result": result(ending), "problem": problem(ending) });
        let tasks: Vec<Value> = answers.iter().map(view).collect();
        return print::json(json!({ "tasks": tasks }));
    }
    if answers.is_empty() {
        return print::out("There is nothing to stop.\n");
    }
    for Answer { task, ending, .. } in answers {
        let (name, predicate) = (task.heading(), predicate(task));
        if let Some(problem) = problem(ending) {
            print::warn(&anyhow::anyhow!("{name} {predicate}; {problem}"));
            continue;
        }
        let had = if *ending == Ending::HadEnded { "had ended already: it " } else { "" };
        print::out(&format!("{name} {had}{predicate}.\n"))?;
    }
    Ok(())
}
