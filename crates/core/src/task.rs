//! A background task: what was asked, where it is, what is known of it.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::{AgentId, ClientTaskId, SessionId, TaskId, Ticket, ToolUseId};
use crate::outcome::Canceller;
use crate::output::KeptOutput;
use crate::status::Status;

/// One background command; one JSON object in a file. Fields that we don't know survive a rewrite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub id: TaskId,
    pub ticket: Ticket,
    pub session: SessionId,
    /// Unknown for a task that was first heard of in its notification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_use_id: Option<ToolUseId>,
    /// The subagent that started it; none for the main conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Client>,
    pub cwd: PathBuf,
    pub command: String,
    #[serde(default)]
    pub description: String,
    /// The call's `timeout` in milliseconds, counted from the real start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_ms: Option<u64>,
    /// When the client itself would stop the task, in milliseconds from the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_limit_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_asked: Option<StopAsked>,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<KeptOutput>,
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// The client's side of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    pub id: ClientTaskId,
    pub said_by: Witness,
}

/// Who said that the task is the client's task of that id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Witness {
    /// The runner read it off its standard output. A foreground call has such a file too, so alone it proves nothing.
    Runner,
    /// The client, in a tool result or a notification.
    Client,
}

/// Somebody asked for the task to be stopped. Whether it did is for its status to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopAsked {
    pub by: Canceller,
    pub at: DateTime<Utc>,
}

impl Task {
    /// The client's id, whoever said it.
    pub fn client_id(&self) -> Option<&ClientTaskId> {
        self.client.as_ref().map(|client| &client.id)
    }

    /// Whether the client itself called this a background task. Nothing else is ever told to the model.
    pub fn is_bound(&self) -> bool {
        matches!(self.client, Some(Client { said_by: Witness::Client, .. }))
    }

    /// What to call it: the description if the call had one, else its id.
    pub fn name(&self) -> &str {
        if self.description.is_empty() { self.id.as_str() } else { &self.description }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A pending task, for the tests of other modules.
    pub(crate) fn pending(id: &str, ticket: u64) -> Task {
        Task {
            id: TaskId::new(id).unwrap(),
            ticket: Ticket(ticket),
            session: SessionId::new("session-1").unwrap(),
            tool_use_id: Some(ToolUseId::new(format!("toolu_{id}")).unwrap()),
            agent: None,
            client: None,
            cwd: "/home/dev/proj".into(),
            command: "npm test".to_owned(),
            description: "run the tests".to_owned(),
            limit_ms: None,
            client_limit_ms: Some(600_000),
            stop_asked: None,
            status: Status::Pending {
                announced_at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            },
            output: None,
            unknown: Map::new(),
        }
    }

    #[test]
    fn unknown_fields_survive_a_round_trip() {
        let mut json = serde_json::to_value(pending("t1", 1)).unwrap();
        json["from_the_future"] = serde_json::json!({"a": [1, 2]});
        let task: Task = serde_json::from_value(json.clone()).unwrap();
        // As text: a value would hide a field that is written twice.
        assert_eq!(serde_json::to_string(&task).unwrap().len(), json.to_string().len());
        assert_eq!(serde_json::to_value(&task).unwrap(), json);
    }

    #[test]
    fn an_optional_field_may_be_missing() {
        let json = r#"{"id":"t1","ticket":1,"session":"s","cwd":"/","command":"true",
                       "status":{"state":"pending","announced_at":"2026-11-21T02:30:00Z"}}"#;
        let task: Task = serde_json::from_str(json).unwrap();
        assert_eq!(task.name(), "t1");
        assert!(!task.is_bound());
    }
}
