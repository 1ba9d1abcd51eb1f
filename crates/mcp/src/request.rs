//! One call: whose it is, and with what it is answered.

use anyhow::Result;
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

/// Where the client says which of the model's calls this is (measured on 2.1.329).
const CALL_ID: &str = "claudecode/toolUseId";
/// Most characters of a complaint about arguments: it repeats them.
const COMPLAINT_MAX: usize = 400;

/// Who called: as our hook saw it, else as the environment says, which after `/clear` may be a session that is over.
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

/// Tells a client that asked for it how a call goes on.
pub(crate) struct Progress<'a> {
    context: &'a RequestContext<RoleServer>,
}

impl<'a> Progress<'a> {
    pub(crate) fn of(context: &'a RequestContext<RoleServer>) -> Self {
        Self { context }
    }

    /// Says that so many seconds of so many have passed. Best effort: without it the answer comes all the same.
    pub(crate) async fn say(&self, passed: f64, of: f64, message: String) {
        if let Some(token) = self.context.meta.get_progress_token() {
            let said =
                ProgressNotificationParam::new(token, passed).with_total(of).with_message(message);
            let _ = self.context.peer.notify_progress(said).await;
        }
    }
}
