//! `background_watch`.

use anyhow::{Context as _, Result};
use rmcp::model::CallToolResult;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::client_tmp_dir;
use sisyphus_base::text::one_line;
use sisyphus_control::{HistoryDepth, Naming, Tasks, world};
use sisyphus_process::this_process;
use sisyphus_state::requester::Requester;
use sisyphus_state::store::{Active, LOCK_WAIT_IN_RUNNER, Store};
use sisyphus_tasks::matches::{LINES_MAX, Watch};
use sisyphus_tasks::task::{Kind, Task};

use super::scope::find;
use crate::answer::answer;
use crate::view::{Now, TaskView};
use crate::warn::warn;
use crate::watch::{Keeper, Pattern};

pub(crate) const NAME: &str = "background_watch";
pub(crate) const DESCRIPTION: &str = "Notifies you of lines of a running background command that match a regular expression, \
    so that you need not poll for them: end the turn or do something else. Lines that are there already count. The watch ends \
    with the command, or with `stop: true`. Where a server listens is reported without a watch.";

/// Most lines of one notification if the call does not say.
const LINES: usize = 10;
/// How many commands of a session may be watched at once.
const WATCHES_MAX: usize = 10;
/// Most characters of a pattern that is shown.
const SHOWN_MAX: usize = 500;

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// The command: its id or the beginning of it, Claude Code's id of it, its description (its
    /// command, if it has none), or the word before a colon in the description.
    task_id: String,
    /// A regular expression, such as `ERROR|FAILED` or `(?i)deployed`: each line is searched for it. Takes the place of
    /// another watch of the command.
    #[serde(default)]
    pattern: Option<String>,
    /// Most lines of one notification, which counts the others: 10 by default, at most 20.
    #[serde(default)]
    #[schemars(range(min = 1, max = 20))]
    max: Option<usize>,
    /// Where in the output to begin, in bytes: `next_since` of `background_output`. Left out: its beginning.
    #[serde(default)]
    since: Option<u64>,
    /// Ends the watch instead. Lines that you have not read are dropped.
    #[serde(default)]
    stop: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(crate) struct WatchAnswer {
    #[serde(flatten)]
    task: TaskView,
    /// Whether it is watched now.
    watched: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    note: String,
}

/// What a call asks for.
enum Request {
    Begin(Watch),
    Stop,
}

impl Request {
    fn of(given: &Arguments) -> Result<Self> {
        let Some(pattern) = given.pattern.as_deref().filter(|_| !given.stop) else {
            anyhow::ensure!(
                given.stop && given.pattern.is_none(),
                "wrong arguments: give either `pattern`, or `stop: true`"
            );
            return Ok(Self::Stop);
        };
        let max = given.max.unwrap_or(LINES);
        anyhow::ensure!(
            (1..=LINES_MAX).contains(&max),
            "wrong arguments: `max` is from 1 to {LINES_MAX}"
        );
        // The thread that searches has no caller to complain to.
        Pattern::new(pattern)?;
        let offset = given.since.unwrap_or(0);
        Ok(Self::Begin(Watch { pattern: pattern.to_owned(), max, offset, by: this_process() }))
    }
}

/// Begins or ends a watch.
pub(crate) fn run(
    given: &Arguments,
    requester: Option<&Requester>,
    keeper: &Keeper,
) -> Result<CallToolResult> {
    let request = Request::of(given)?;
    let tasks = Tasks::read(HistoryDepth::Recent, warn)?;
    let task = find(&tasks, &given.task_id, Naming::Whole, requester)?;
    let requester = requester.context("could not watch: this server does not know your session")?;
    check(&task, requester)?;
    let before = change(&tasks.store, &task, &request)?;
    keeper.look();
    let note = match (&request, &before) {
        (Request::Begin(_), None) => "You'll be notified of lines that match; don't poll for them.",
        (Request::Begin(_), Some(_)) => {
            "You'll be notified of lines that match. The watch before has ended."
        }
        (Request::Stop, Some(_)) => "The watch has ended.",
        (Request::Stop, None) => "There was no watch.",
    };
    let pattern = match request {
        Request::Begin(watch) => Some(one_line(&watch.pattern, SHOWN_MAX)),
        Request::Stop => None,
    };
    let active = tasks.store.read_active()?;
    let data = WatchAnswer {
        task: TaskView::of(&task, &Now::of(&active)),
        watched: pattern.is_some(),
        pattern,
        note: note.to_owned(),
    };
    let searched = data.pattern.as_ref().map(|pattern| format!("pattern: `{pattern}`\n"));
    let text = format!(
        "{} ({})\n{}{note}\n",
        data.task.task_id,
        data.task.name(),
        searched.unwrap_or_default()
    );
    answer(text, data)
}

/// Only the conversation that is notified of a command's end may watch it, and only while it has something to print.
fn check(task: &Task, requester: &Requester) -> Result<()> {
    anyhow::ensure!(
        requester.awaits(task),
        "could not watch {}: it belongs to another conversation",
        task.id
    );
    let is_command = matches!(task.kind, Kind::Command | Kind::Service);
    anyhow::ensure!(is_command, "could not watch {}: only a command prints lines", task.id);
    anyhow::ensure!(
        !task.status().is_final(),
        "could not watch {}: it has ended; background_output shows what it printed",
        task.id
    );
    Ok(())
}

/// Changes the watch of the task. Returns the one before.
fn change(store: &Store, task: &Task, request: &Request) -> Result<Option<Watch>> {
    let tmp = client_tmp_dir(&Environment::read());
    store.update(&world(&tmp), LOCK_WAIT_IN_RUNNER, |active, _| {
        let others = watched(active, task);
        let Some(task) = active.task_mut(&task.id) else {
            anyhow::bail!("could not watch {}: Claude Code has not started it yet", task.id);
        };
        let matches = task.matches.get_or_insert_default();
        let before = matches.end();
        match request {
            Request::Begin(watch) => {
                anyhow::ensure!(
                    others < WATCHES_MAX,
                    "could not watch {}: {others} other commands are watched already",
                    task.id
                );
                matches.begin(watch.clone());
            }
            Request::Stop => matches.forget_unread(),
        }
        Ok(before)
    })?
}

/// How many other commands of its session are watched.
fn watched(active: &Active, task: &Task) -> usize {
    let is_watched = |other: &&Task| {
        let watch = other.matches.as_ref().and_then(|matches| matches.watch());
        other.session == task.session && other.id != task.id && watch.is_some()
    };
    active.live().filter(is_watched).count()
}
