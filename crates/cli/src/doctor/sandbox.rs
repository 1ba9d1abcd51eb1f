//! The run folders, which Claude Code's sandbox can write to, and the results in them.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::{DateTime, Utc};
use sisyphus_state::run_root::RunRoot;
use sisyphus_tasks::source::Source;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;

use super::context::{DoctorContext, entries};
use super::finding::{Finding, error_text, named};

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    let mut found = results(context);
    found.extend(root(context));
    found
}

/// Results that no record holds yet, in the state folder and in the folder of sandboxed runners.
fn results(context: &DoctorContext) -> Vec<Finding> {
    let root = RunRoot::open(&context.environment).ok().flatten();
    let folders = root.map(|root| root.runs_dir()).into_iter().chain([context.state().runs_dir()]);
    let active = context.active();
    let (mut due, mut unknown) = (0, 0);
    for (session, id) in folders.flat_map(|folder| runs_with_result(&folder)) {
        let is_it = |task: &&Task| {
            task.started_in().as_str() == session
                && task.client_id().is_some_and(|client| client.as_str() == id)
        };
        match active.iter().find(is_it).map(Task::status) {
            // Its record holds all of that already.
            Some(Status::Finished(ending)) if ending.reported_by == Source::Runner => {}
            Some(_) => due += 1,
            None => unknown += 1,
        }
    }
    let kinds = [
        (due, "are not in the records yet", "run `sisyphus list`; the next hook records them too"),
        (
            unknown,
            "belong to no task that is live",
            "`sisyphus clean` removes them when they are 30 days old, `sisyphus clean --older-than 0` when they are \
             an hour old",
        ),
    ];
    let some = kinds.into_iter().filter(|(count, ..)| *count > 0);
    some.map(|(count, what, how)| Finding::note(format!("{count} results {what}"), how)).collect()
}

/// The session and Claude Code's id of each run with a result.
fn runs_with_result(folder: &Path) -> impl Iterator<Item = (String, String)> + use<> {
    let name = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
    let runs = entries(folder).flat_map(|session| entries(&session));
    let runs = runs.filter(|run| run.join("result.json").is_file());
    runs.filter_map(move |run| Some((name(run.parent()?)?, name(&run)?)))
}

fn root(context: &DoctorContext) -> Vec<Finding> {
    let root = match RunRoot::open(&context.environment) {
        Ok(Some(root)) => root,
        Ok(None) => return vec![Finding::fine("no run folder exists yet")],
        Err(error) => {
            return vec![Finding::broken(
                error_text(&error),
                "remove it: until then commands are only observed",
            )];
        }
    };
    let mut found = vec![Finding::fine(format!("run folders are in {}", named(root.path())))];
    // Created by the first claim that could not use the state folder.
    if let Ok(at) = root.claims_dir().metadata().and_then(|it| it.modified()) {
        let at = DateTime::<Utc>::from(at);
        let last = at.format("%Y-%m-%d %H:%M UTC");
        let said =
            format!("commands in Claude Code's sandbox were attached through it, last at {last}");
        found.push(Finding::fine(said).at(at));
    }
    let elsewhere: BTreeSet<_> =
        context.active().into_iter().filter_map(|it| it.client_tmp).collect();
    for other in elsewhere.iter().filter(|other| other.as_path() != root.client_tmp_dir()) {
        found.push(match RunRoot::below(other) {
            Ok(Some(_)) => {
                Finding::fine(format!("tasks of other sessions are in {}", named(other)))
            }
            Ok(None) => Finding::note(
                format!("tasks have run folders in {}, which is gone", named(other)),
                "run `sisyphus list`, which records that",
            ),
            Err(error) => Finding::broken(
                error_text(&error),
                "remove it: until then the state of the tasks there is unknown",
            ),
        });
    }
    found
}
