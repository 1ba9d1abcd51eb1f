//! One call: its requester, its arguments, its thread, its progress.

use std::time::Duration;

use anyhow::{Context as _, Result};
use rmcp::RoleServer;
use rmcp::model::ProgressNotificationParam;
use rmcp::service::RequestContext;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sisyphus_base::id::ToolUseId;
use sisyphus_base::paths::StateDir;
use sisyphus_base::text::one_line;
use sisyphus_control::own_requester;
use sisyphus_state::requester::Requester;

/// The field in which Claude Code sends the id of the model's call (CC-66).
const CALL_ID: &str = "claudecode/toolUseId";
/// Longest message about arguments, in characters: it repeats them.
const COMPLAINT_MAX: usize = 400;

/// The caller, as our hook saw it. Otherwise the environment's session, which after `/clear` may have ended.
pub(crate) fn requester(
    context: &RequestContext<RoleServer>,
    state: &StateDir,
) -> Option<Requester> {
    let call = context.meta.get(CALL_ID).and_then(Value::as_str);
    let call = call.and_then(|id| ToolUseId::new(id).ok());
    call.and_then(|call| Requester::take(state, &call)).or_else(own_requester)
}

/// Reads the arguments of a tool.
pub(crate) fn arguments<T: DeserializeOwned>(given: Option<Map<String, Value>>) -> Result<T> {
    serde_json::from_value(Value::Object(given.unwrap_or_default())).map_err(|error| {
        anyhow::anyhow!("wrong arguments: {}", one_line(&error.to_string(), COMPLAINT_MAX))
    })
}

/// Runs work that may wait for a file's lock on a thread of its own, so that other calls go on.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("a call broke off")?
}

/// Reports to a client that asked for it how much of the time of a call has passed, if that has an end. Best effort: the
/// answer does not depend on it.
pub(crate) async fn report_progress(
    context: &RequestContext<RoleServer>,
    passed: Duration,
    of: Option<Duration>,
    message: String,
) {
    if let Some(token) = context.meta.get_progress_token() {
        let mut said = ProgressNotificationParam::new(token, passed.as_secs_f64());
        said.total = of.map(|of| of.as_secs_f64());
        let said = said.with_message(message);
        let _ = context.peer.notify_progress(said).await;
    }
}
