//! The text of a notification. All of it is plain text: names, paths and outputs are foreign.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use sisyphus_base::paths::StateDir;
use sisyphus_base::text::for_people;
use sisyphus_state::notify::{Ended, SessionSummary, Urgency};
use sisyphus_state::output::{Purpose, excerpt};
use sisyphus_tasks::outcome::duration;
use sisyphus_tasks::task::Kind;

use crate::due::Batch;
use crate::places::Places;

/// Longest title, in characters.
const TITLE_MAX: usize = 100;
/// Longest project name in the title.
const PROJECT_MAX: usize = 40;
/// Longest line of the body.
const LINE_MAX: usize = 200;
/// How many results get a line of their own.
const NAMED: usize = 5;

/// One notification, as plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) title: String,
    pub(crate) body: String,
}

impl Message {
    pub(crate) fn test() -> Self {
        Self {
            title: "Sisyphus: this is a test".to_owned(),
            body: "When a background command finishes, you are notified like this.".to_owned(),
        }
    }
}

/// Composes the text of a batch.
pub(crate) fn compose(batch: &Batch, places: &mut Places, state: &StateDir) -> Message {
    let cwds = batch.ended.iter().map(|it| it.cwd.as_path());
    let cwds = cwds.chain(batch.over.iter().map(|it| it.series.cwd.as_path()));
    let projects: BTreeSet<String> = cwds.map(|cwd| places.of(cwd).name.clone()).collect();
    let place = match projects.first() {
        Some(only) if projects.len() == 1 => for_people(only, PROJECT_MAX),
        Some(_) | None => format!("{} projects", projects.len()),
    };
    let (what, mut body) = match batch.ended.as_slice() {
        [] => (format!("all {} finished", finished(batch)), Vec::new()),
        [one] => (named(one), told_alone(one, state)),
        several => (counted(several), told_together(several)),
    };
    body.extend(batch.over.iter().map(sum));
    let body: Vec<String> = body.iter().map(|line| for_people(line, LINE_MAX)).collect();
    Message { title: for_people(&format!("{place}: {what}"), TITLE_MAX), body: body.join("\n") }
}

/// What the sums count.
fn finished(batch: &Batch) -> &'static str {
    plural(batch.over.iter().map(|it| it.series.sessions).sum())
}

/// What several tasks are, of which so many are delegated sessions.
fn plural(sessions: usize) -> &'static str {
    if sessions > 0 { "tasks" } else { "commands" }
}

fn counted(ended: &[Ended]) -> String {
    let failed = ended.iter().filter(|it| it.urgency() != Urgency::Soon).count();
    let what = plural(ended.iter().filter(|it| it.kind == Kind::Session).count());
    match failed {
        0 => format!("{} {what} finished", ended.len()),
        _ => format!("{failed} of {} {what} failed", ended.len()),
    }
}

fn told_alone(ended: &Ended, state: &StateDir) -> Vec<String> {
    let said = ended.sentence();
    let mut characters = said.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    let mut lines = vec![first.into_iter().chain(characters).collect()];
    if let Some(problem) = &ended.problem {
        lines.push(problem.clone());
    } else if ended.urgency() != Urgency::Soon {
        lines.extend(failing_line(&state.output(&ended.task)));
    }
    lines
}

fn told_together(ended: &[Ended]) -> Vec<String> {
    let mut order: Vec<&Ended> = ended.iter().collect();
    order.sort_by_key(|it| it.urgency() == Urgency::Soon);
    let told = order.iter().take(NAMED);
    let mut lines: Vec<String> =
        told.map(|it| format!("{} {}", named(it), it.sentence())).collect();
    if let Some(more @ 1..) = ended.len().checked_sub(NAMED) {
        lines.push(format!("… and {more} more"));
    }
    lines
}

fn named(ended: &Ended) -> String {
    let kind = if ended.kind == Kind::Session { "session " } else { "" };
    for_people(&format!("{kind}{}", ended.name), TITLE_MAX - PROJECT_MAX)
}

fn sum(over: &SessionSummary) -> String {
    let ms = (over.at - over.series.since).num_milliseconds();
    let took = u64::try_from(ms).map(|ms| format!(", in {}", duration(ms))).unwrap_or_default();
    let tally = &over.series.tally;
    let what = plural(over.series.sessions);
    format!("All {} {what} of this session finished: {}{took}", tally.total(), tally.said())
}

/// The first of the last lines that look like a failure. If there is none, the last line.
fn failing_line(output: &Path) -> Option<String> {
    let excerpt = excerpt(&mut File::open(output).ok()?, 1, Purpose::Failure).ok()?;
    let line = excerpt.suspects.first().or(excerpt.tail.last())?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}
