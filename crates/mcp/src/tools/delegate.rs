//! `delegate_task`.

use anyhow::{Context as _, Result, ensure};
use rmcp::RoleServer;
use rmcp::model::CallToolResult;
use rmcp::schemars::JsonSchema;
use rmcp::service::RequestContext;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sisyphus_base::text::one_line;
use sisyphus_control::delegate::{Ask, Asker, Launched, WorktreeAsk, delegate, narrowed_mode};
use sisyphus_control::open_store;
use sisyphus_state::requester::Requester;
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::session::{Delegated, PermissionMode};
use sisyphus_tasks::task::Task;
use tokio::sync::MutexGuard;

use super::output;
use crate::answer::answer;
use crate::completion::Completions;
use crate::request::blocking;
use crate::view::{Now, TaskView};
use crate::warn::warn;

pub(crate) const NAME: &str = "delegate_task";
pub(crate) const DESCRIPTION: &str = "Hands work to a Claude Code session of its own. It waits for a free slot, starts \
    by itself, runs with your permissions or fewer, and survives this conversation. You are notified when it finishes. With \
    `session_id` it continues a session that is over. The prompt is all that a new session knows.";

/// The agents that come with the plugin, for a caller that asks for a category.
const AGENTS: &str = "sisyphus:explore, sisyphus:librarian, sisyphus:oracle, sisyphus:momus, sisyphus:frontend-engineer";
/// Most characters of an agent's name in the answer.
const NAME_MAX: usize = 100;

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// A few words that no other task has.
    description: String,
    /// The whole task: goal, files, what is ruled out, form of the answer.
    prompt: String,
    /// An agent, such as `sisyphus:explore`. Left out: a general session.
    #[serde(default)]
    agent: Option<String>,
    /// The same as `agent`.
    #[serde(default)]
    #[schemars(skip)]
    subagent_type: Option<String>,
    /// Not supported.
    #[serde(default)]
    #[schemars(skip)]
    category: Option<String>,
    /// A model, such as `haiku`. Left out: the default.
    #[serde(default)]
    model: Option<String>,
    /// The Session ID of a delegated session that is over: the prompt continues it.
    #[serde(default)]
    session_id: Option<String>,
    /// False: this call waits for the result.
    #[serde(default)]
    run_in_background: Option<bool>,
    /// True, or a name: the session edits in a git worktree of its own.
    #[serde(default)]
    worktree: Option<WorktreeArgument>,
    /// What it may cost at most, in dollars.
    #[serde(default)]
    max_budget_usd: Option<f64>,
    /// Its time limit from its start, in milliseconds.
    #[serde(default)]
    timeout_ms: Option<u64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", inline)]
#[serde(untagged)]
enum WorktreeArgument {
    Wanted(bool),
    Named(String),
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(crate) struct DelegateAnswer {
    agent: String,
    /// Why it has fewer rights than this conversation, if it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<String>,
    note: String,
    /// What the session answered, if the call waited for that: data, whatever it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    #[serde(flatten)]
    task: TaskView,
}

impl Arguments {
    fn into_ask(self) -> Result<Ask> {
        ensure!(
            self.category.is_none(),
            "wrong arguments: there is no `category`; name an `agent`: {AGENTS}, or one of the project"
        );
        Ok(Ask {
            description: self.description,
            prompt: self.prompt,
            agent: self.agent.or(self.subagent_type),
            model: self.model,
            continues: self.session_id,
            worktree: match self.worktree {
                None | Some(WorktreeArgument::Wanted(false)) => None,
                Some(WorktreeArgument::Wanted(true)) => Some(WorktreeAsk::Any),
                Some(WorktreeArgument::Named(name)) => Some(WorktreeAsk::Named(name)),
            },
            max_budget_usd: self.max_budget_usd,
            limit_ms: self.timeout_ms,
        })
    }
}

/// `turn` is released when the session is launched. Answers as soon as the session is recorded; with `run_in_background: false`, when it is over.
pub(crate) async fn run(
    given: Arguments,
    requester: Option<Requester>,
    turn: MutexGuard<'_, ()>,
    completions: &Completions,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult> {
    let requester = requester.context(
        "could not delegate: Claude Code did not say which conversation this is; use `Agent` instead",
    )?;
    let waits = given.run_in_background == Some(false);
    let ask = given.into_ask()?;
    let asker = Asker::Model(requester.clone());
    let launched = blocking(move || delegate(&open_store()?, ask, &asker, warn)).await?;
    drop(turn);
    if waits {
        let request = output::OutputRequest::until_over(&launched.task);
        let result = output::run(request, Some(requester), completions, context).await?;
        return Ok(as_delegated(result, &launched.task));
    }
    blocking(move || launched_answer(&launched, &requester)).await
}

fn launched_answer(launched: &Launched, requester: &Requester) -> Result<CallToolResult> {
    let task = &launched.task;
    let session = task.delegated.as_deref().context("its record is missing")?;
    let active = open_store()?.read_active()?;
    let mut view = TaskView::of(task, &Now::of(&active));
    if let Admission::Queued { position } = launched.place {
        view.place_in_line = Some(position);
    }
    let permissions = narrowed_mode(requester, task).map(less);
    let data = DelegateAnswer {
        agent: agent_of(session),
        permissions,
        note: "You'll be notified when it finishes; there is no need to ask.".to_owned(),
        answer: None,
        task: view,
    };
    answer(text(&data), data)
}

/// The answer of `background_output` with what this tool promises beside it.
fn as_delegated(mut result: CallToolResult, task: &Task) -> CallToolResult {
    if let (Some(Value::Object(data)), Some(session)) =
        (&mut result.structured_content, task.delegated.as_deref())
    {
        data.insert("agent".to_owned(), agent_of(session).into());
        data.insert("note".to_owned(), "The session is over.".into());
        let output = data.remove("output").unwrap_or_default();
        data.insert("answer".to_owned(), output);
    }
    result
}

fn agent_of(session: &Delegated) -> String {
    session.agent.as_deref().map_or_else(|| "none".to_owned(), |it| one_line(it, NAME_MAX))
}

fn less(mode: PermissionMode) -> String {
    let argument = mode.argument();
    format!(
        "it runs in the mode `{argument}`, which is less than yours; the user's setting `sisyphus.delegate_bypass` changes that"
    )
}

fn text(data: &DelegateAnswer) -> String {
    let task = &data.task;
    let mut text = format!(
        "Background task launched successfully.\n\nTask ID: {}\nSession ID: {}\nDescription: {}\nAgent: {}\nStatus: {}\n",
        task.task_id,
        task.conversation(),
        task.name(),
        data.agent,
        task.state()
    );
    if let Some(permissions) = &data.permissions {
        text.push_str(&format!("Permissions: {permissions}\n"));
    }
    text + "\n" + &data.note + "\n"
}
