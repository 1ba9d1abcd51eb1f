//! What Claude Code has kept of the hooks of a conversation.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::home::Home;
use crate::leftovers::flattened;

/// What Claude Code keeps of a hook that did not fail.
const HARMLESS: [&str; 2] = ["hook_success", "hook_additional_context"];

/// Claude Code kept records of hooks, and none of a hook that failed, which it would have shown in red.
pub(super) fn check(home: &Home, session: &str) -> Result<()> {
    let projects = home.path.join(".claude/projects");
    let transcript = projects.join(flattened(&home.project)).join(session);
    let transcript = fs::read_to_string(transcript.with_extension("jsonl"))
        .context("could not read the conversation that Claude Code has kept")?;
    let entries = transcript.lines().filter_map(|line| serde_json::from_str(line).ok());
    let hooks = entries.map(|mut entry: Value| entry["attachment"].take());
    let hooks: Vec<Value> = hooks.filter(|it| has_word(it, "hook_")).collect();
    ensure!(!hooks.is_empty(), "Claude Code has kept no record of a hook");
    let red = hooks.iter().find(|it| !HARMLESS.iter().any(|harmless| it["type"] == *harmless));
    ensure!(red.is_none(), "a hook failed: {red:?}");
    Ok(())
}

/// Whether an attachment's type starts so.
fn has_word(attachment: &Value, start: &str) -> bool {
    attachment["type"].as_str().is_some_and(|word| word.starts_with(start))
}
