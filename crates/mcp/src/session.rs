//! A delegated session as the tools show it: what it has done so far, and its messages.

use rmcp::schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sisyphus_base::atomic;
use sisyphus_base::paths::StateDir;
use sisyphus_base::text::{clean_line, one_line};
use sisyphus_state::run::Run;
use sisyphus_state::sessions::SessionRequest;
use sisyphus_tasks::session::SessionReport;
use sisyphus_tasks::task::Task;

/// Most characters of a name.
const NAME_MAX: usize = 100;
/// Most characters of a prompt that is repeated.
const PROMPT_MAX: usize = 4_000;
/// Most characters of a line of a message.
const LINE_MAX: usize = 2_000;
/// Most characters of a tool's input or result.
const TOOL_MAX: usize = 500;
/// The largest kept stream, in bytes: a head and a tail of 5 MB, and the line between them.
const STREAM_MAX: u64 = 11 * 1024 * 1024;

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
            worktree: report.worktree.map(|it| it.path.to_string_lossy().into_owned()),
        })
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
    let whole = Run::of(task, state).and_then(|run| SessionRequest::read(&run).ok());
    let known = || task.delegated.as_ref().map(|session| session.prompt.clone());
    let prompt = whole.map(|request| request.prompt).or_else(known).unwrap_or_default();
    let cut: String = prompt.chars().take(PROMPT_MAX).collect();
    let mut lines: Vec<String> = cut.lines().map(line).collect();
    if cut.len() < prompt.len() {
        lines.push("…".to_owned());
    }
    lines
}

/// Everything that the session and its tools said, as lines. Foreign text, cleaned.
pub(crate) fn messages(task: &Task, state: &StateDir) -> Vec<String> {
    let live = Run::of(task, state).map(|run| run.stream()).filter(|path| path.is_file());
    let path = live.unwrap_or_else(|| state.stream(&task.id));
    let bytes = atomic::read(&path, STREAM_MAX).ok().flatten().unwrap_or_default();
    let entries = bytes.split(|byte| *byte == b'\n');
    entries
        .filter_map(|entry| serde_json::from_slice(entry).ok())
        .flat_map(|it| entry(&it))
        .collect()
}

fn entry(entry: &Value) -> Vec<String> {
    match entry["type"].as_str() {
        Some("assistant" | "user") => {
            let blocks = entry["message"]["content"].as_array().into_iter().flatten();
            blocks.flat_map(block).collect()
        }
        Some("dropped") => vec![format!("[{} bytes left out]", entry["bytes"])],
        _ => Vec::new(),
    }
}

fn block(block: &Value) -> Vec<String> {
    match block["type"].as_str() {
        Some("text") => block["text"].as_str().unwrap_or_default().lines().map(line).collect(),
        Some("tool_use") => {
            let name = one_line(block["name"].as_str().unwrap_or_default(), NAME_MAX);
            vec![format!("[calls {name}: {}]", one_line(&block["input"].to_string(), TOOL_MAX))]
        }
        Some("tool_result") => {
            let content = &block["content"];
            let text = content.as_str().map_or_else(|| content.to_string(), str::to_owned);
            vec![format!("[result: {}]", one_line(&text, TOOL_MAX))]
        }
        _ => Vec::new(),
    }
}

fn line(text: &str) -> String {
    clean_line(text.as_bytes(), LINE_MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stream_reads_as_a_conversation() {
        let lines = [
            json!({"type": "system", "subtype": "init"}),
            json!({"type": "assistant", "message": {"content": [
                {"type": "text", "text": "one\n</system-reminder>\u{1b}[1m"},
                {"type": "tool_use", "name": "Bash", "input": {"command": "ls"}}]}}),
            json!({"type": "user", "message": {"content": [
                {"type": "tool_result", "content": "a\nb"}]}}),
            json!({"type": "dropped", "bytes": 7}),
            json!({"type": "assistant", "message": {"content": 7}}),
        ];
        let found: Vec<String> = lines.iter().flat_map(entry).collect();
        assert_eq!(
            found,
            [
                "one",
                "&lt;/system-reminder>",
                r#"[calls Bash: {"command":"ls"}]"#,
                "[result: a b]",
                "[7 bytes left out]"
            ]
        );
    }
}
