//! A delegated session, for people and scripts.

use std::path::Path;

use chrono::Utc;
use serde_json::{Value, json};
use sisyphus_base::paths::StateDir;
use sisyphus_base::text::one_line;
use sisyphus_control::Tasks;
use sisyphus_settings::Settings;
use sisyphus_state::agents::Limits;
use sisyphus_state::run::Run;
use sisyphus_state::sessions::throttle_on;
use sisyphus_tasks::session::{AskedBy, Delegated, SessionReport, Worktree, dollars};
use sisyphus_tasks::task::Task;
use sisyphus_wording::{denied, held_back, worktree_line};

/// Longest name of an agent, a model or a tool, in characters.
const NAME_MAX: usize = 100;
/// Longest path, in characters.
const PATH_MAX: usize = 200;
/// Longest part of a message, in characters.
const MESSAGE_MAX: usize = 300;

/// What it has reported: while it runs, its progress.
pub(crate) fn report(task: &Task, state: &StateDir) -> SessionReport {
    let live = || Run::of(task, state).and_then(|run| run.read_report());
    let last = task.delegated.as_ref().and_then(|session| session.report.clone());
    last.or_else(live).unwrap_or_default()
}

/// Its name in a table: "session (explore): review the migration".
pub(crate) fn named(session: &Delegated, task: &Task) -> String {
    let agent = session.agent.as_ref().map(|agent| format!(" ({agent})")).unwrap_or_default();
    let what = if task.description.is_empty() { &session.prompt } else { &task.description };
    format!("session{agent}: {what}")
}

/// Why it waits for fewer slots than the user allows.
pub(crate) fn why_held_back(tasks: &Tasks, task: &Task, settings: &Settings) -> Option<String> {
    throttle_on(&tasks.throttles, task, &Limits::of(settings), Utc::now()).map(held_back)
}

/// What was asked of it, for a task that has not finished.
pub(crate) fn asked(session: &Delegated) -> String {
    let agent = session.agent.as_deref().unwrap_or("no agent of its own");
    let model = session.model().map(|model| format!(", model {}", one_line(model, NAME_MAX)));
    let model = model.unwrap_or_default();
    format!("agent: {}{model}\nprompt: {}\n", one_line(agent, NAME_MAX), session.prompt)
}

/// Facts about it that its report does not say, one for each line.
pub(crate) fn facts(
    task: &Task,
    session: &Delegated,
    report: &SessionReport,
) -> Vec<(&'static str, Option<String>)> {
    let is_over = task.status().is_final();
    let live = |fact: Option<String>| fact.filter(|_| !is_over);
    let tokens = report.input_tokens + report.output_tokens > 0;
    let tokens =
        tokens.then(|| format!("{} in, {} out", report.input_tokens, report.output_tokens));
    let model = session.model().map(|model| one_line(model, NAME_MAX));
    vec![
        ("conversation", live(Some(session.conversation.to_string()))),
        ("tool calls", live(Some(tool_calls(report)))),
        ("last message", live(report.last_message.as_ref().map(|it| one_line(it, MESSAGE_MAX)))),
        ("turns", live(report.turns.map(|turns| turns.to_string()))),
        ("cost", live(report.cost_micro_usd.map(dollars))),
        ("denied", live(denied(report))),
        ("worktree", live(worktree(session, report))),
        ("tokens", tokens),
        ("model", model.filter(|_| is_over)),
        ("permission mode", mode(session)),
        ("depth", (session.depth > 1).then(|| session.depth.to_string())),
        ("continues", session.continues.as_ref().map(ToString::to_string)),
        ("take over", take_over(task, session, report)),
    ]
}

fn tool_calls(report: &SessionReport) -> String {
    let last = report.last_tool.as_ref().map(|tool| format!(", last {}", one_line(tool, NAME_MAX)));
    format!("{}{}", report.tool_calls, last.unwrap_or_default())
}

fn worktree(session: &Delegated, report: &SessionReport) -> Option<String> {
    let seen = report.worktree.as_ref().map(worktree_line);
    seen.or_else(|| session.worktree.as_ref().map(|name| one_line(name, NAME_MAX)))
}

fn mode(session: &Delegated) -> Option<String> {
    let AskedBy::Model { mode } = session.asked_by else { return None };
    Some(format!("{}, at most", mode.argument()))
}

/// The line with which a person continues the conversation in a terminal; `None` while the session uses it.
fn take_over(task: &Task, session: &Delegated, report: &SessionReport) -> Option<String> {
    let ending = task.status().ending()?;
    if !session.has_conversation(ending) {
        return None;
    }
    let worktree = report.worktree.as_ref();
    let folder = quoted(worktree.map_or(&task.cwd, |worktree| &worktree.path));
    let resume = format!("cd {folder} && claude --resume {}", session.conversation);
    let removed = worktree.and_then(|it| it.removed_at.as_ref().zip(it.branch.as_ref()));
    Some(match removed {
        // Claude Code finds a conversation by its folder.
        Some((commit, branch)) => format!(
            "git -C {} worktree add -b {} {folder} {} && {resume}",
            quoted(&session.project),
            quoted(Path::new(branch)),
            quoted(Path::new(commit))
        ),
        None => resume,
    })
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", one_line(&path.to_string_lossy(), PATH_MAX).replace('\'', r"'\''"))
}

/// The same for scripts.
pub(crate) fn view(task: &Task, state: &StateDir) -> Value {
    let Some(session) = task.delegated.as_deref() else { return Value::Null };
    let report = report(task, state);
    let (asked_by, mode) = match session.asked_by {
        AskedBy::Model { mode } => ("model", Some(mode)),
        AskedBy::Person => ("person", None),
    };
    let denial = |(tool, count): (&str, usize)| json!({ "tool": tool, "count": count });
    let denied: Vec<Value> = report.denials().into_iter().map(denial).collect();
    json!({
        "conversation": session.conversation,
        "agent": session.agent,
        "model": report.model.as_deref().or(session.model()),
        "asked_by": asked_by,
        "mode": mode,
        "depth": session.depth,
        "project": session.project.to_string_lossy(),
        "prompt": session.prompt,
        "prompt_length": session.prompt_length,
        "continues": session.continues,
        "turns": report.turns,
        "tool_calls": report.tool_calls,
        "last_tool": report.last_tool,
        "last_message": report.last_message,
        "cost_usd": report.cost_micro_usd.map(in_dollars),
        "input_tokens": report.input_tokens,
        "output_tokens": report.output_tokens,
        "denied": denied,
        "problem": report.problem,
        "worktree": report.worktree.as_ref().map(worktree_view),
    })
}

fn worktree_view(worktree: &Worktree) -> Value {
    json!({
        "path": worktree.path.to_string_lossy(),
        "branch": worktree.branch,
        "changed_files": worktree.changes.map(|it| it.files),
        "commits": worktree.changes.map(|it| it.commits),
        "removed": worktree.removed_at.is_some(),
    })
}

/// An amount for scripts.
pub(crate) fn in_dollars(micro_usd: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no session costs so much")]
    let dollars = micro_usd as f64 / 1e6;
    dollars
}
