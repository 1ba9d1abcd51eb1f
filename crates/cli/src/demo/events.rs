//! The events that Claude Code sends to the hooks, and what it reads in their replies.

use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};

use super::commands::{Role, Stand};
use super::sandbox::Sandbox;

/// The model's call of a command.
pub(super) fn call(role: &Role) -> Value {
    let mut input = json!({
        "command": role.command(), "description": role.description, "run_in_background": true,
    });
    if let Some(timeout) = role.timeout_ms {
        input["timeout"] = timeout.into();
    }
    json!({
        "hook_event_name": "PreToolUse", "tool_name": "Bash",
        "tool_use_id": tool_use_id(role), "tool_input": input,
    })
}

fn tool_use_id(role: &Role) -> String {
    format!("toolu_{}", role.id)
}

/// The input as a hook has changed it. A hook may change the time limit of a queued command, and nothing else.
pub(super) fn changed_input(reply: &Value, call: &Value, role: &Role) -> Result<Option<Value>> {
    if reply.is_null() {
        return Ok(None);
    }
    let changed = &reply["hookSpecificOutput"]["updatedInput"];
    let less_limit = |input: &Value| {
        let mut fields: Map<String, Value> = input.as_object().cloned().unwrap_or_default();
        fields.remove("timeout");
        fields
    };
    let decision = &reply["hookSpecificOutput"]["permissionDecision"];
    let is_allowed = role.entrance != Stand::Runs
        && decision.is_null()
        && less_limit(changed) == less_limit(&call["tool_input"]);
    ensure!(is_allowed, "the PreToolUse hook changed the call: {reply}");
    Ok(Some(changed.clone()))
}

/// The text of a hook's reply that the model reads.
pub(super) fn context(reply: &Value) -> &str {
    reply["hookSpecificOutput"]["additionalContext"].as_str().unwrap_or_default()
}

/// Claude Code's notice that a command has ended.
pub(super) fn notice(sandbox: &Sandbox, role: &Role) -> Value {
    let (status, words) = role.noticed();
    let prompt = format!(
        "<task-notification>\n<task-id>{}</task-id>\n<tool-use-id>{}</tool-use-id>\n\
         <output-file>{}</output-file>\n<status>{status}</status>\n\
         <summary>Background command \"{}\" {words}</summary>\n</task-notification>",
        role.id,
        tool_use_id(role),
        sandbox.output(role).display(),
        role.description,
    );
    json!({ "hook_event_name": "UserPromptSubmit", "prompt": prompt })
}
