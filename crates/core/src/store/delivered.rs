//! What a session was told, as far as it remembers.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{ClientTaskId, TaskId};

/// A result that was given to the model, in one line of text: the task, the client's task or `-`, the time. A notice of
/// the client asks for nothing but whether it is there, so it is not parsed: a session remembers hundreds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredDelivered", into = "String")]
pub struct Delivered(String);

/// How it stands in the file.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredDelivered {
    Line(String),
    /// As the first state files had it.
    Object {
        task: TaskId,
        client_id: Option<ClientTaskId>,
        at: DateTime<Utc>,
    },
}

impl From<StoredDelivered> for Delivered {
    fn from(stored: StoredDelivered) -> Self {
        match stored {
            StoredDelivered::Line(line) => Self(line),
            StoredDelivered::Object { task, client_id, at } => {
                Self::new(&task, client_id.as_ref(), at)
            }
        }
    }
}

impl From<Delivered> for String {
    fn from(delivered: Delivered) -> Self {
        delivered.0
    }
}

impl Delivered {
    pub(super) fn new(task: &TaskId, client_id: Option<&ClientTaskId>, at: DateTime<Utc>) -> Self {
        let client = client_id.map_or("-", ClientTaskId::as_str);
        Self(format!("{task} {client} {}", at.to_rfc3339_opts(SecondsFormat::Secs, true)))
    }

    /// When it was given.
    pub fn at(&self) -> Option<DateTime<Utc>> {
        let stamp = self.0.split(' ').nth(2)?;
        DateTime::parse_from_rfc3339(stamp).ok().map(|at| at.with_timezone(&Utc))
    }

    pub(super) fn is_task(&self, id: &TaskId) -> bool {
        self.0.split(' ').next() == Some(id.as_str())
    }

    pub(super) fn is_client_task(&self, id: &ClientTaskId) -> bool {
        self.0.split(' ').nth(1) == Some(id.as_str())
    }
}
