//! A task as a person reads it on a terminal: a heading, its facts in columns, and what of its output matters.

use sisyphus_base::environment::Environment;
use sisyphus_base::paths::{StateDir, client_tmp_dir};
use sisyphus_base::text::clean_line;
use sisyphus_state::output::{Begin, Purpose, Source, Window};
use sisyphus_tasks::outcome::{Outcome, duration};
use sisyphus_tasks::task::{Kind, Task};
use sisyphus_wording::excerpt_of;

use super::{END, LINES};
use crate::details::Fact;
use crate::format::{predicate, sign, size};
use crate::list::{time, what};
use crate::screen::{pad, width};
use crate::style::{Hue, Paint, hue};

/// Longest heading, and longest line of a command or of a prompt, in characters.
const LINE_MAX: usize = 1_000;
/// How many lines of a command or of a prompt are shown.
const ASKED_LINES: usize = 20;

/// The whole page.
pub(super) fn page(task: &Task, facts: Vec<Fact>, state: &StateDir, paint: Paint) -> String {
    let facts = asked(task).into_iter().chain(more(task)).chain(facts).collect::<Vec<_>>();
    heading(task, paint) + "\n" + &columns(&facts, paint) + &output(task, state, paint)
}

fn heading(task: &Task, paint: Paint) -> String {
    let hue = hue(task.status());
    // A sentence about an end has its time.
    let live = (!task.status().is_final()).then(|| time(task, chrono::Utc::now())).flatten();
    let lasted = live.map(|ms| format!(", for {}", duration(ms))).unwrap_or_default();
    let state = format!("{}{lasted}", predicate(task));
    let what = what(task, LINE_MAX).lines().next().unwrap_or_default().to_owned();
    format!(
        "{} {}\n  {} {}\n",
        paint.paint(hue, sign::of(hue)),
        paint.paint(Hue::Title, &what),
        paint.paint(Hue::Dim, task.id.as_str()),
        paint.paint(hue, &state)
    )
}

/// What was asked for.
fn asked(task: &Task) -> Vec<Fact> {
    let (prompt, model) = match (&task.launched, &task.delegated) {
        (Some(agent), _) => (Some(&agent.prompt), agent.model()),
        (None, Some(session)) => (Some(&session.prompt), session.model()),
        (None, None) => (None, None),
    };
    let model = model.map(|model| ("model", clean_line(model.as_bytes(), LINE_MAX)));
    let asked = match prompt {
        Some(prompt) => Some(("prompt", lines_of(prompt))),
        None if task.command.is_empty() => None,
        None => Some(("command", lines_of(&task.command))),
    };
    model.into_iter().chain(asked).collect()
}

/// A text of several lines, without control characters.
fn lines_of(text: &str) -> String {
    let mut lines = text.trim().lines();
    let mut shown: Vec<String> =
        lines.by_ref().take(ASKED_LINES).map(|it| clean_line(it.as_bytes(), LINE_MAX)).collect();
    if lines.next().is_some() {
        shown.push("…".to_owned());
    }
    shown.join("\n")
}

/// What the outcome alone does not say.
fn more(task: &Task) -> Vec<Fact> {
    let mut more = Vec::new();
    if let Some(zero) = task.code_zero() {
        more.push(("note", zero.sentence()));
    }
    let Some(ending) = task.status().ending() else { return more };
    more.extend(ending.about_kill().map(|it| ("note", it.clone())));
    if !ending.survivors.is_empty() {
        let names = ending.survivors.names.join(", ");
        let names = clean_line(names.as_bytes(), LINE_MAX);
        more.push(("left running", format!("{} ({names})", ending.survivors.count)));
    }
    more
}

fn columns(facts: &[Fact], paint: Paint) -> String {
    let widest = facts.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let row = |(name, fact): &Fact| {
        let name = paint.paint(Hue::Dim, &pad(name, widest));
        let below = format!("\n{}", " ".repeat(widest + 4));
        format!("  {name}  {}\n", fact.replace('\n', &below))
    };
    facts.iter().map(row).collect()
}

/// The end of the output, for a failure with the earlier lines that look like its cause.
fn output(task: &Task, state: &StateDir, paint: Paint) -> String {
    let client_tmp = client_tmp_dir(&Environment::read());
    let Some(mut source) = Source::open(task, state, &client_tmp) else { return String::new() };
    let name = if task.kind == Kind::Agent { "last message" } else { "output" };
    let title = |size: &str| paint.paint(Hue::Title, name) + &paint.paint(Hue::Dim, size);
    let Ok(window) = Window::take(&mut source, task, Begin::LastLines, END) else {
        return format!("\n{}\n", title(" could not be read"));
    };
    if window.lines.is_empty() {
        return String::new();
    }
    let from = window.lines.len().saturating_sub(LINES);
    let tail = &window.lines[from..];
    let so_far = if task.status().is_final() { "" } else { " so far" };
    let is_whole = from == 0 && window.from == 0;
    let causes = causes(task, state);
    let failure = if causes.is_empty() { "" } else { "what looks like a failure, and " };
    let part = match tail.len() {
        _ if is_whole => String::new(),
        1 => format!(", {failure}the last line"),
        count => format!(", {failure}the last {count} lines"),
    };
    let mut text = format!("\n{}\n", title(&format!(" ({}{so_far}{part})", size(window.end))));
    let gap = (!causes.is_empty()).then(|| paint.paint(Hue::Dim, "[…]"));
    let causes = causes.iter().map(|line| paint.paint(Hue::Bad, line));
    for line in causes.chain(gap).chain(tail.iter().cloned()) {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

/// The lines before the end that look like the cause of a failure.
fn causes(task: &Task, state: &StateDir) -> Vec<String> {
    let outcome = task.status().ending().map(|ending| &ending.outcome);
    if task.kind == Kind::Agent || matches!(outcome, None | Some(Outcome::Completed)) {
        return Vec::new();
    }
    excerpt_of(task, state, LINES, Purpose::Failure).map(|found| found.suspects).unwrap_or_default()
}
