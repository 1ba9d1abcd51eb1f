//! A delegated session as the tools show it: what it has done so far.

use rmcp::schemars::JsonSchema;
use serde::Serialize;
use sisyphus_base::paths::StateDir;
use sisyphus_base::text::{clean_line, one_line};
use sisyphus_state::request::read_request;
use sisyphus_state::run::Run;
use sisyphus_state::sessions::SessionRequest;
use sisyphus_tasks::session::SessionReport;
use sisyphus_tasks::task::Task;
use sisyphus_wording::worktree_line;

use crate::table::cell;

/// Most characters of a name.
const NAME_MAX: usize = 100;
/// Most characters of a prompt that is repeated.
const PROMPT_MAX: usize = 4_000;
/// Most characters of a line of a message.
const LINE_MAX: usize = 2_000;

/// What is known about a session beside its task.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(crate) struct SessionView {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    pub(crate) tool_calls: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_tool: Option<String>,
    /// The beginning of its last message: quoted data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) turns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cost_usd: Option<f64>,
    /// The tools whose calls were denied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub(crate) denied: Vec<String>,
    /// Why it failed, in its own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    /// Where it worked, and what it changed there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) worktree: Option<String>,
}

impl SessionView {
    /// The session of a task; `None` for a task of another kind.
    pub(crate) fn of(task: &Task, state: &StateDir) -> Option<Self> {
        let session = task.delegated.as_deref()?;
        let report = report(task, state);
        Some(Self {
            agent: session.agent.as_deref().map(|it| one_line(it, NAME_MAX)),
            model: report.model.as_deref().or(session.model()).map(|it| one_line(it, NAME_MAX)),
            tool_calls: report.tool_calls,
            last_tool: report.last_tool,
            last_message: report.last_message,
            turns: report.turns,
            cost_usd: report.cost_micro_usd.map(dollars),
            denied: report.denied,
            problem: report.problem,
            worktree: report.worktree.as_ref().map(worktree_line),
        })
    }

    /// The rows that say what a session has done so far.
    pub(crate) fn progress(&self) -> Vec<[String; 2]> {
        let mut rows = vec![["Tool calls".to_owned(), self.tool_calls.to_string()]];
        let more = [
            ("Agent", &self.agent),
            ("Last tool", &self.last_tool),
            ("Last message", &self.last_message),
        ];
        let known = more.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?)));
        rows.extend(known.map(|(name, text)| [name.to_owned(), cell(text)]));
        rows
    }

    /// What a session did and cost.
    pub(crate) fn cost(&self) -> String {
        let turns = self.turns.map(|turns| format!("{turns} turns, ")).unwrap_or_default();
        let cost = self.cost_usd.map(|cost| format!(", ${cost:.2}")).unwrap_or_default();
        let mut text = format!("Work: {turns}{} tool calls{cost}\n", self.tool_calls);
        if !self.denied.is_empty() {
            text.push_str(&format!("Denied calls: {}\n", self.denied.join(", ")));
        }
        if let Some(problem) = &self.problem {
            text.push_str(&format!("Problem: {problem}\n"));
        }
        if let Some(worktree) = &self.worktree {
            text.push_str(&format!("Worktree: {}\n", cell(worktree)));
        }
        text
    }
}

/// The last report: while it runs, that of its runner.
fn report(task: &Task, state: &StateDir) -> SessionReport {
    let live = || Run::of(task, state).and_then(|run| run.read_report());
    let last = task.delegated.as_ref().and_then(|session| session.report.clone());
    last.or_else(live).unwrap_or_default()
}

fn dollars(micro_usd: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no session costs so much")]
    let dollars = micro_usd as f64 / 1e6;
    dollars
}

/// The beginning of the prompt, as lines; while the session is not over, of the whole one.
pub(crate) fn prompt(task: &Task, state: &StateDir) -> Vec<String> {
    let whole = Run::of(task, state).and_then(|run| read_request::<SessionRequest>(&run).ok());
    let known = || task.delegated.as_ref().map(|session| session.prompt.clone());
    let prompt = whole.map(|request| request.prompt).or_else(known).unwrap_or_default();
    let cut: String = prompt.chars().take(PROMPT_MAX).collect();
    let mut lines: Vec<String> = cut.lines().map(line).collect();
    if cut.len() < prompt.len() {
        lines.push("…".to_owned());
    }
    lines
}

fn line(text: &str) -> String {
    clean_line(text.as_bytes(), LINE_MAX)
}
