//! The answer of a tool, once as text and once as data.

use anyhow::{Context as _, Error, Result};
use rmcp::model::{CallToolResult, ContentBlock};
use serde::Serialize;
use sisyphus_base::text::one_line;
use sisyphus_control::NoSuchTask;

/// Longest error message, in characters.
const ERROR_MAX: usize = 1_000;

/// How a valid call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    /// Not everything went as requested.
    Bad,
}

/// An answer. If there is data, Claude Code shows the model the data alone (CC-67), so both hold everything.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    pub(crate) text: String,
    pub(crate) data: T,
    pub(crate) verdict: Verdict,
}

impl<T: Serialize> Answer<T> {
    pub(crate) fn into_result(self) -> Result<CallToolResult> {
        let data = serde_json::to_value(self.data).context("could not write the answer")?;
        let mut result = match self.verdict {
            Verdict::Good => CallToolResult::success(vec![ContentBlock::text(self.text)]),
            Verdict::Bad => CallToolResult::error(vec![ContentBlock::text(self.text)]),
        };
        result.structured_content = Some(data);
        Ok(result)
    }
}

/// An error of the tool. The model reads it and can correct the call; the protocol goes on.
pub(crate) fn failed(tool: &str, error: &Error) -> CallToolResult {
    let hint = match error.downcast_ref::<NoSuchTask>() {
        Some(NoSuchTask::Unknown(_)) => {
            "; background_list shows this session's, with session: \"all\" those of every session"
        }
        Some(NoSuchTask::UnknownSession(_)) => "; leave `session` out for this one's",
        Some(NoSuchTask::Nameless | NoSuchTask::Ambiguous(_)) | None => "",
    };
    let said = one_line(&format!("{error:#}"), ERROR_MAX);
    CallToolResult::error(vec![ContentBlock::text(format!("{tool}: {said}{hint}"))])
}
