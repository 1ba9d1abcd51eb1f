//! The answer of a tool, once as text and once as data.

use anyhow::{Context as _, Error, Result};
use rmcp::model::{CallToolResult, ContentBlock};
use serde::Serialize;
use sisyphus_base::text::one_line;
use sisyphus_control::NoSuchTask;

/// Longest error message, in characters.
const ERROR_MAX: usize = 1_000;

/// The answer to a valid call. If there is data, Claude Code shows the model the data alone (CC-67), so both hold
/// everything.
pub(crate) fn answer(text: String, data: impl Serialize) -> Result<CallToolResult> {
    let data = serde_json::to_value(data).context("could not write the answer")?;
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = Some(data);
    Ok(result)
}

/// An error of the tool. The model reads it and can correct the call; the protocol goes on.
pub(crate) fn failed(tool: &str, error: &Error) -> CallToolResult {
    let hint = match error.downcast_ref::<NoSuchTask>() {
        Some(NoSuchTask::Unknown(_)) => {
            "; background_list shows this session's, with session: \"all\" those of every session"
        }
        Some(NoSuchTask::UnknownSession(_)) => "; leave `session` out for this one's",
        Some(
            NoSuchTask::Nameless
            | NoSuchTask::Ambiguous { .. }
            | NoSuchTask::Ended(_)
            | NoSuchTask::Around(_),
        )
        | None => "",
    };
    let said = one_line(&format!("{error:#}"), ERROR_MAX);
    CallToolResult::error(vec![ContentBlock::text(format!("{tool}: {said}{hint}"))])
}
