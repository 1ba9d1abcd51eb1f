//! Which model an agent will have, before Claude Code says so: the call's, else its definition's, else the session's.
//!
//! This is a guess, which Claude Code's answer corrects. The model that it used for the same call the last time takes
//! precedence over the guess.

use std::path::Path;

use serde_json::Value;
use sisyphus_base::atomic;
use sisyphus_hook::{Context, PreToolUse};
use sisyphus_process::caller;
use sisyphus_state::agents::Model;
use sisyphus_state::store::Active;
use sisyphus_tasks::agent_call::AgentCall;

use super::definition::defined_model;

/// How much of the end of a conversation is read, in bytes. That usually holds one answer of the model.
const TAIL: u64 = 256 * 1024;

/// The model that Claude Code will use for `call`; `None` if it can't be known.
pub(super) fn expected(
    context: &Context,
    event: &PreToolUse,
    call: &AgentCall,
    active: &Active,
) -> Option<String> {
    let learned = || active.agents.learned(&event.session_id, call).map(str::to_owned);
    let asked = || call.asked_model.clone().filter(|model| Model::parse(model).is_some());
    let defined = || defined_model(&context.environment, &event.cwd, &call.agent_type);
    learned().or_else(asked).or_else(defined).or_else(|| of_session(event))
}

fn of_session(event: &PreToolUse) -> Option<String> {
    let said = event.transcript_path.as_deref().and_then(last_model);
    said.or_else(argument)
}

/// The model of the newest answer in a transcript, which holds one line of JSON per entry.
fn last_model(path: &Path) -> Option<String> {
    let tail = atomic::read_linked_end(path, TAIL).ok()??;
    let lines = tail.split(|byte| *byte == b'\n').rev();
    lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok()).find_map(|entry| {
        let model = entry["message"]["model"].as_str()?;
        // Claude Code's own entries have a made-up model.
        let real = entry["type"] == "assistant" && !model.starts_with('<');
        real.then(|| model.to_owned())
    })
}

/// The model that Claude Code was started with.
fn argument() -> Option<String> {
    let args = caller().ok()?.args;
    let mut args = args.iter().map(|arg| arg.to_string_lossy());
    while let Some(arg) = args.next() {
        match arg.strip_prefix("--model") {
            Some("") => return args.next().map(std::borrow::Cow::into_owned),
            Some(rest) if rest.starts_with('=') => return Some(rest[1..].to_owned()),
            Some(_) | None => {}
        }
    }
    None
}
