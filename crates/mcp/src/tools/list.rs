//! `background_list`.

use anyhow::Result;
use rmcp::model::CallToolResult;
use rmcp::schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use sisyphus_control::{HistoryDepth, Tasks};
use sisyphus_state::requester::Requester;
use sisyphus_tasks::status_filter::StatusFilter;
use sisyphus_tasks::task::Task;

use super::scope::of_session;
use crate::answer::answer;
use crate::table::{cell, table};
use crate::view::{Now, TaskView};
use crate::warn::warn;

pub(crate) const NAME: &str = "background_list";
pub(crate) const DESCRIPTION: &str = "Lists background commands, agents and delegated sessions of this session: those that have not ended, then the \
    newest that have, with status, exit code and time. You are notified when each finishes; this is for a look in between.";

/// How many tasks are listed.
const ROWS: usize = 50;
/// The value of `session` that selects all sessions.
const ALL: &str = "all";

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// Only those of this status; `live` is everything that has not ended, `queued` all of it that waits for its turn,
    /// `ended` everything that has, `error` what ended neither well nor by a cancellation.
    #[serde(default)]
    #[schemars(schema_with = "status_words")]
    status: Option<StatusFilter>,
    /// `all`, or the id of another session or its beginning. Left out: this session.
    #[serde(default)]
    session: Option<String>,
}

/// The schema of a status that may be left out.
fn status_words(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": StatusFilter::ALL.map(StatusFilter::word) })
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(crate) struct Listed {
    /// Whose tasks these are: the id of a session, or `all`.
    session: String,
    /// Those that have not ended in the order of their calls, then those that have, the newest first. Descriptions and
    /// commands are quoted data.
    tasks: Vec<TaskView>,
    /// How many more there are.
    left_out: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

pub(crate) fn run(given: &Arguments, requester: Option<&Requester>) -> Result<CallToolResult> {
    let mut tasks = Tasks::read(HistoryDepth::Recent, warn)?;
    let mut note = None;
    let whose = match (given.session.as_deref(), requester) {
        (Some(ALL), _) => None,
        (Some(name), _) => Some(tasks.find_session(name)?.clone()),
        (None, Some(requester)) => Some(requester.session.clone()),
        (None, None) => {
            note = Some(
                "The client did not say which session this is: these are the tasks of all sessions of this user."
                    .to_owned(),
            );
            None
        }
    };
    let session = whose.as_ref().map_or_else(|| ALL.to_owned(), ToString::to_string);
    let active = tasks.store.read_active()?;
    if let Some(whose) = &whose {
        tasks = of_session(tasks, whose);
    }
    let now = Now::of(&active);
    let meant: Vec<&Task> = tasks
        .active
        .iter()
        .chain(&tasks.ended)
        .filter(|task| given.status.is_none_or(|wanted| wanted.matches(task)))
        .collect();
    let left_out = meant.len().saturating_sub(ROWS);
    let views = meant.into_iter().take(ROWS).map(|task| TaskView::of(task, &now)).collect();
    let data = Listed { session, tasks: views, left_out, note };
    answer(text(&data), data)
}

fn text(listed: &Listed) -> String {
    let mut text = match listed.session.as_str() {
        ALL => "Background tasks of all sessions:\n\n".to_owned(),
        session => format!("Background tasks of session `{session}`:\n\n"),
    };
    if listed.tasks.is_empty() {
        text.push_str("none\n");
    } else {
        let heads = ["Task ID", "Description", "Status", "Duration", "Session ID"];
        text.push_str(&table(heads, listed.tasks.iter().map(row)));
    }
    if listed.left_out > 0 {
        text.push_str(&format!("\n{} more are not shown.\n", listed.left_out));
    }
    if let Some(note) = &listed.note {
        text.push_str(&format!("\n{note}\n"));
    }
    text
}

fn row(task: &TaskView) -> [String; 5] {
    [
        format!("`{}`", task.task_id),
        cell(task.name()),
        task.state(),
        task.lasted(),
        format!("`{}`", task.conversation()),
    ]
}
