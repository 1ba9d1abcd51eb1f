//! `background_output`.

use std::time::Duration;

use anyhow::{Context as _, Result};
use rmcp::RoleServer;
use rmcp::model::CallToolResult;
use rmcp::schemars::JsonSchema;
use rmcp::service::RequestContext;
use serde::{Deserialize, Serialize};
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::{StateDir, client_tmp_dir};
use sisyphus_control::{HistoryDepth, Naming, Tasks, acknowledge};
use sisyphus_state::output::{Begin, Source, Window, messages};
use sisyphus_state::requester::Requester;
use sisyphus_state::store::Store;
use sisyphus_tasks::task::{Kind, Task};
use sisyphus_wording::place;

use super::quotation::{asked, quoted};
use super::scope::find;
use super::task_output::{TaskOutput, prompt_section};
use super::wait::{Call, Matched, Wanted, wait};
use crate::answer::answer;
use crate::completion::Completions;
use crate::request::blocking;
use crate::session::SessionView;
use crate::table::{cell, table};
use crate::view::{Now, TaskView};
use crate::warn::warn;
use crate::watch::Pattern;

pub(crate) const NAME: &str = "background_output";
pub(crate) const DESCRIPTION: &str = "Shows one background command or delegated session: while it runs its status and \
    what it has printed since a cursor, once it has ended its outcome and output or answer; also what an agent that has \
    ended said last. You are notified when it finishes; with `block: true` this call \
    waits for it where nothing else is left to do, with `until` for a line.";

const MAX_CHARS: usize = 8_000;
const MAX_CHARS_LEAST: usize = 100;
const MAX_CHARS_MOST: usize = 50_000;
/// If the last part of an output is at least as long as in a reminder, it counts as the result.
const RESULT_CHARS: usize = 2_000;
const TIMEOUT_MS: u64 = 60_000;
const TIMEOUT_MS_MOST: u64 = 600_000;

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// The task: its id or the beginning of it, Claude Code's id of it, its description (its
    /// command, if it has none), or the word before a colon in the description.
    task_id: String,
    /// Waits until the task has ended, or the time is up.
    #[serde(default)]
    block: bool,
    /// How long `block` waits, in milliseconds: 60000 by default, at most 600000.
    #[serde(default)]
    #[schemars(range(min = 0, max = 600_000))]
    timeout_ms: Option<u64>,
    /// A regular expression: waits for a line that matches, as `block` waits for the end, and begins with that line. Lines
    /// that are there already count, from `since` on.
    #[serde(default)]
    until: Option<String>,
    /// Where in the output to begin, in bytes: `next_since` of the answer before, 0 for the beginning. Left out: its end.
    #[serde(default)]
    since: Option<u64>,
    /// Most characters of output: 8000 by default.
    #[serde(default)]
    #[schemars(range(min = 100, max = 50_000))]
    max_chars: Option<usize>,
    /// Of a delegated session all messages and tool calls instead of its answer; `since` pages through them.
    #[serde(default)]
    full_session: bool,
}

/// A valid request.
#[derive(Debug)]
pub(crate) struct OutputRequest {
    task_id: String,
    wait: Option<Duration>,
    begin: Begin,
    max_chars: usize,
    view: View,
    /// A line that it waits for.
    until: Option<Pattern>,
}

/// What is shown of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    Result,
    /// Its messages.
    Whole,
}

impl OutputRequest {
    /// Waits for a session to end, however long that takes: its time limit ends it.
    pub(crate) fn until_over(task: &Task) -> Self {
        Self {
            task_id: task.id.to_string(),
            wait: Some(Duration::MAX),
            begin: Begin::LastLines,
            max_chars: MAX_CHARS,
            view: View::Result,
            until: None,
        }
    }

    pub(crate) fn of(given: Arguments) -> Result<Self> {
        anyhow::ensure!(
            given.block || given.until.is_some() || given.timeout_ms.is_none(),
            "wrong arguments: `timeout_ms` goes with `block: true` and with `until`"
        );
        anyhow::ensure!(
            given.until.is_none() || !given.full_session,
            "wrong arguments: `until` does not go with `full_session`"
        );
        let timeout_ms = given.timeout_ms.unwrap_or(TIMEOUT_MS);
        anyhow::ensure!(
            timeout_ms <= TIMEOUT_MS_MOST,
            "wrong arguments: `timeout_ms` is at most {TIMEOUT_MS_MOST}"
        );
        let max_chars = given.max_chars.unwrap_or(MAX_CHARS);
        anyhow::ensure!(
            (MAX_CHARS_LEAST..=MAX_CHARS_MOST).contains(&max_chars),
            "wrong arguments: `max_chars` is from {MAX_CHARS_LEAST} to {MAX_CHARS_MOST}"
        );
        let until = given.until.as_deref().map(Pattern::new).transpose()?;
        Ok(Self {
            task_id: given.task_id,
            wait: (given.block || until.is_some()).then(|| Duration::from_millis(timeout_ms)),
            begin: match (given.since, given.full_session) {
                (Some(since), _) => Begin::At(since),
                (None, true) => Begin::At(0),
                (None, false) => Begin::LastLines,
            },
            max_chars,
            view: if given.full_session { View::Whole } else { View::Result },
            until,
        })
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(crate) struct OutputAnswer {
    #[serde(flatten)]
    task: TaskView,
    #[serde(skip_serializing_if = "Option::is_none")]
    delegated: Option<SessionView>,
    #[serde(flatten)]
    came_of_it: TaskOutput,
    /// Whether it is over; then `outcome` says how.
    ended: bool,
    /// With `until`: the line that matches, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    matched: Option<String>,
    /// What the command printed, or what an agent that has ended said last, from byte `since` to byte `next_since`,
    /// cleaned: data, whatever it says.
    output: String,
    since: u64,
    /// The cursor for the next call.
    next_since: u64,
    /// Whether there is more behind `next_since` already.
    more: bool,
    /// How much the command has printed so far.
    output_bytes: u64,
    /// Where all of it is, or what is left of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    output_place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// Answers at once, or when the task has ended. The future may be dropped at any time.
pub(crate) async fn run(
    mut request: OutputRequest,
    requester: Option<Requester>,
    completions: &Completions,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult> {
    let (name, by) = (request.task_id.clone(), requester.clone());
    let (store, mut task) = blocking(move || {
        let tasks = Tasks::read(HistoryDepth::Archive, warn)?;
        let task = find(&tasks, &name, Naming::Whole, by.as_ref())?;
        Ok((tasks.store, task))
    })
    .await?;
    let mut matched = None;
    if let Some(at_most) = request.wait
        && (!task.status().is_final() || request.until.is_some())
    {
        let call = Call { store: &store, completions, context, at_most };
        let from = if let Begin::At(since) = request.begin { since } else { 0 };
        let wanted = request.until.take().map(|pattern| Wanted { pattern, from });
        let awaited = wait(&call, &task.id, wanted).await?;
        (task, matched) = (awaited.task, awaited.matched);
    }
    // Without a client there is no reader, so the result stays undelivered.
    let reader = requester.filter(|_| !completions.has_closed());
    blocking(move || tell(&store, &task, &request, matched, reader.as_ref())).await
}

fn tell(
    store: &Store,
    task: &Task,
    request: &OutputRequest,
    matched: Option<Matched>,
    requester: Option<&Requester>,
) -> Result<CallToolResult> {
    let state = store.dir();
    let client_tmp = client_tmp_dir(&Environment::read());
    // What follows the line is shown too, and a next call goes on behind it.
    let begin = matched.as_ref().map_or(request.begin, |matched| Begin::At(matched.from));
    let window = match Source::open(task, state, &client_tmp) {
        _ if request.view == View::Whole => whole(task, state, request, requester)?,
        Some(mut source) => Window::take(&mut source, task, begin, request.max_chars)
            .with_context(|| format!("could not read the output of {}", task.id))?,
        None => Window::default(),
    };
    if let Begin::At(since) = request.begin {
        let end = window.end;
        anyhow::ensure!(
            since <= end,
            "wrong arguments: `since` is {since}, but only {end} bytes are there"
        );
    }
    let active = store.read_active()?;
    let now = Now::of(&active);
    let ended = task.status().is_final();
    let is_awaited = requester.is_some_and(|requester| requester.awaits(task));
    let delegated = SessionView::of(task, state);
    let most = request.max_chars.min(RESULT_CHARS);
    let came_of_it = TaskOutput::of(task, delegated.as_ref(), state, &client_tmp, most);
    let data = OutputAnswer {
        task: TaskView::of(task, &now),
        delegated,
        came_of_it,
        ended,
        matched: matched.map(|matched| matched.line),
        output: window.lines.join("\n"),
        since: window.from,
        next_since: window.next,
        more: !window.reaches_end(),
        output_bytes: task
            .output
            .as_ref()
            .map_or(window.end, |output| output.bytes.max(window.end)),
        output_place: place(task, state),
        note: (!ended && is_awaited).then(|| {
            "You'll be notified when it finishes; there is no need to ask again.".to_owned()
        }),
    };
    let printed = window.next - window.from;
    let is_enough = data.matched.is_none() || window.from == 0 || printed >= RESULT_CHARS as u64;
    if ended && request.view == View::Result && is_enough && is_result(request, &window) {
        // Best effort: at worst the result is delivered once more.
        if let Err(error) = acknowledge(store, task, requester) {
            warn(&error);
        }
    }
    let text = if ended {
        result(task, &data, &window, state)
    } else {
        status(task, &data, &window, state)
    };
    answer(text, data)
}

/// A part of the messages of a session. They may hold files, so they stay in the project.
fn whole(
    task: &Task,
    state: &StateDir,
    request: &OutputRequest,
    requester: Option<&Requester>,
) -> Result<Window> {
    let session = task.delegated.as_deref().with_context(|| {
        format!(
            "wrong arguments: `full_session` goes with a delegated session, and {} is none",
            task.id
        )
    })?;
    let project = requester.and_then(|requester| requester.project.as_deref());
    anyhow::ensure!(
        project == Some(&session.project),
        "could not show the messages of {}: it belongs to another project, `{}`",
        task.id,
        session.project.display()
    );
    let lines = messages(task, state);
    let Begin::At(since) = request.begin else { return Ok(Window::default()) };
    Ok(Window::of_lines(&lines, since, request.max_chars))
}

/// Whether the reader now has the result: the end of the output, and before it as much as a reminder would show, or
/// what the earlier calls returned.
fn is_result(request: &OutputRequest, window: &Window) -> bool {
    let is_enough = match request.begin {
        Begin::At(_) => true,
        Begin::LastLines => window.from == 0 || request.max_chars >= RESULT_CHARS,
    };
    window.reaches_end() && is_enough
}

/// The text for a task that has not ended.
fn status(task: &Task, answer: &OutputAnswer, window: &Window, state: &StateDir) -> String {
    let view = &answer.task;
    let mut rows = vec![
        ["Task ID".to_owned(), format!("`{}`", view.task_id)],
        ["Description".to_owned(), cell(view.name())],
        ["Status".to_owned(), format!("**{}**", view.state())],
        ["Duration".to_owned(), view.lasted()],
        ["Session ID".to_owned(), format!("`{}`", view.conversation())],
    ];
    if let Some(session) = &answer.delegated {
        rows.extend(session.progress());
    }
    if answer.output_bytes > 0 {
        rows.push(["Printed so far".to_owned(), format!("{} bytes", answer.output_bytes)]);
    }
    rows.extend(answer.matched.iter().map(|line| ["Matched line".to_owned(), cell(line)]));
    let mut text = format!("## Task Status\n\n{}", table(["Field", "Value"], rows));
    if let Some(note) = &answer.note {
        text.push_str(&format!("\n> **Note**: {note}\n"));
    }
    if task.kind != Kind::Session {
        text.push_str(&format!("\n{}\n", asked(task)));
        text.push_str(&quoted(task, answer.output_bytes, window));
    }
    text.push_str(&prompt_section(task, state));
    if task.kind == Kind::Session && !window.lines.is_empty() {
        text.push_str(&format!("\n{}", quoted(task, answer.output_bytes, window)));
    }
    text
}

/// The text for a task that has ended.
fn result(task: &Task, answer: &OutputAnswer, window: &Window, state: &StateDir) -> String {
    let view = &answer.task;
    let mut text =
        format!("Task Result\n\nTask ID: {}\nDescription: {}\n", view.task_id, view.name());
    if let Some(outcome) = &view.outcome {
        text.push_str(&format!("Outcome: {outcome}\n"));
    }
    if let Some(whose) = &view.exit_code_of {
        text.push_str(&format!("{whose}\n"));
    }
    text.push_str(&format!("Duration: {}\nSession ID: {}\n", view.lasted(), view.conversation()));
    match &answer.delegated {
        Some(session) => text.push_str(&session.cost()),
        None => text.push_str(&format!("{}\n", asked(task))),
    }
    text.extend(answer.matched.iter().map(|line| format!("Matched line: {}\n", cell(line))));
    text.push_str("\n---\n\n");
    text.push_str(&quoted(task, answer.output_bytes, window));
    if let Some(place) = &answer.output_place {
        text.push_str(&format!("{place}\n"));
    }
    if answer.came_of_it.is_result() {
        return text;
    }
    text + &prompt_section(task, state)
}
