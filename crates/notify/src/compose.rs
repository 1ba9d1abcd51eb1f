//! The text of a notification. All of it is plain text: names, paths and outputs are foreign.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use sisyphus_base::paths::StateDir;
use sisyphus_base::text::for_people;
use sisyphus_state::notify::{Ended, SessionSummary, Urgency};
use sisyphus_state::output::{Purpose, excerpt};
use sisyphus_tasks::outcome::{Outcome, duration};
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
    pub(crate) verdict: Verdict,
}

/// What the icon says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    Bad,
    /// Stopped from outside, or not known.
    Open,
}

impl Verdict {
    fn sign(self) -> &'static str {
        match self {
            Self::Good => "✔",
            Self::Bad => "✖",
            Self::Open => "■",
        }
    }

    fn of(outcome: &Outcome) -> Self {
        if *outcome == Outcome::Completed {
            Self::Good
        } else if outcome.is_error() {
            Self::Bad
        } else {
            Self::Open
        }
    }

    /// A failure counts for all, and what is open more than what went well.
    fn of_batch(batch: &Batch) -> Self {
        let mut all: Vec<Self> = batch.ended.iter().map(|it| Self::of(&it.outcome)).collect();
        let failures = |it: &SessionSummary| it.series.tally.failures() > 0;
        all.extend(batch.over.iter().map(|it| if failures(it) { Self::Bad } else { Self::Good }));
        let worst = [Self::Bad, Self::Open].into_iter().find(|it| all.contains(it));
        worst.unwrap_or(Self::Good)
    }
}

impl Message {
    pub(crate) fn test() -> Self {
        Self {
            title: "✔ this is a test · Sisyphus".to_owned(),
            body: "When a background command finishes, you are notified like this.".to_owned(),
            verdict: Verdict::Good,
        }
    }
}

/// Composes the text of a batch: the title says the outcome.
pub(crate) fn compose(batch: &Batch, places: &mut Places, state: &StateDir) -> Message {
    let cwds = batch.ended.iter().map(|it| it.cwd.as_path());
    let cwds = cwds.chain(batch.over.iter().map(|it| it.series.cwd.as_path()));
    let projects: BTreeSet<String> = cwds.map(|cwd| places.of(cwd).name.clone()).collect();
    let place = match projects.first() {
        Some(only) if projects.len() == 1 => for_people(only, PROJECT_MAX),
        Some(_) | None => format!("{} projects", projects.len()),
    };
    let (what, mut body) = match batch.ended.as_slice() {
        ended if is_summary(batch) => (summed(batch), told_in_summary(ended, state)),
        [one] => (format!("{} {}", named(one), one.predicate().0), told_alone(one, state)),
        several => (counted(several), told_together(several)),
    };
    body.extend(batch.over.iter().map(sum));
    let body: Vec<String> = body.iter().map(|line| for_people(line, LINE_MAX)).collect();
    let verdict = Verdict::of_batch(batch);
    let title = format!("{} {what} · {place}", verdict.sign());
    Message { title: for_people(&title, TITLE_MAX), body: body.join("\n"), verdict }
}

/// Whether the sums count all that the batch names.
fn is_summary(batch: &Batch) -> bool {
    let is_counted = |it: &Ended| batch.over.iter().any(|over| over.session == it.session);
    !batch.over.is_empty() && batch.ended.iter().all(is_counted)
}

/// The outcome of all that the sums count.
fn summed(batch: &Batch) -> String {
    let count = |count: fn(&SessionSummary) -> usize| batch.over.iter().map(count).sum::<usize>();
    let what = plural(count(|it| it.series.sessions));
    match (count(|it| it.series.tally.failures()), count(|it| it.series.tally.total())) {
        (0, total) => format!("all {total} {what} finished"),
        (failed, total) => format!("{failed} of {total} {what} failed"),
    }
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

/// The cause first: a desktop may show one line.
fn told_alone(ended: &Ended, state: &StateDir) -> Vec<String> {
    let effort = ended.effort().map(|effort| capitalized(&effort));
    cause(ended, state).into_iter().chain(effort).collect()
}

fn told_in_summary(ended: &[Ended], state: &StateDir) -> Vec<String> {
    let mut lines = told_together(ended);
    if let [only] = ended {
        lines.extend(cause(only, state));
    }
    lines
}

/// Why it ended so, as far as it is known.
fn cause(ended: &Ended, state: &StateDir) -> Option<String> {
    let failing = || {
        let is_failure = ended.urgency() != Urgency::Soon;
        is_failure.then(|| failing_line(&state.output(&ended.task))).flatten()
    };
    let why = if let Outcome::Skipped { after, because } = &ended.outcome {
        // An id has no capital, so it can't begin a line.
        Some(format!("It needed {after}, which {because}"))
    } else {
        ended.predicate().1.map(|why| capitalized(&why))
    };
    ended.problem.clone().or(why).or_else(failing)
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
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
