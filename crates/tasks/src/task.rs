//! A background task: what was asked, where it is, what is known of it.

#[cfg(any(test, feature = "samples"))]
#[expect(clippy::unwrap_used, reason = "only tests call it, with literals")]
pub mod samples;
mod transition;

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sisyphus_base::clock::Tick;
use sisyphus_base::id::{AgentId, ClientTaskId, SessionId, TaskId, Ticket, ToolUseId};
use sisyphus_base::machine::Machine;
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_base::text::one_line;

use crate::agent_call::AgentCall;
use crate::call::Confinement;
use crate::delivery::{Delivery, DeliveryEvent, Revision};
use crate::kept_output::KeptOutput;
use crate::outcome::Canceller;
use crate::recipient::Recipient;
use crate::status::Status;

pub use transition::{Effect, Event, Ignored};

/// Most characters of a description in a heading.
pub const HEADING_MAX: usize = 120;

/// One background command or agent; one JSON object in one file. Fields that this version does not know survive a
/// rewrite. Status and delivery change in [`apply`](Self::apply) and [`deliver`](Self::deliver) alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub id: TaskId,
    pub ticket: Ticket,
    pub session: SessionId,
    /// The conversation that it was started in, if another one of the same client has taken it over since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_in: Option<SessionId>,
    /// Unknown for a task that was first heard of in its notification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_use_id: Option<ToolUseId>,
    /// The subagent that started it; none for the main conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// Whether that subagent is there to be told.
    #[serde(default, skip_serializing_if = "AgentLife::is_default")]
    pub agent_life: AgentLife,
    /// Claude Code's side of it. A command has one from its first record on; the call of an agent gets it with its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Client>,
    /// Whether its shell may be in the client's sandbox.
    #[serde(default, skip_serializing_if = "Confinement::is_outside")]
    pub confinement: Confinement,
    /// The client's temporary folder at the time of the call. Kept with the task, because another session may have been
    /// started with another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_tmp: Option<PathBuf>,
    /// The name of its run folder, if a runner of 0.1.0 has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_run: Option<TaskId>,
    /// The machine that it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    #[serde(default)]
    pub kind: Kind,
    /// What is known of it if it is an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launched: Option<AgentCall>,
    pub cwd: PathBuf,
    /// The beginning of the command; empty for an agent.
    pub command: String,
    #[serde(default)]
    pub description: String,
    /// The call's `timeout` in milliseconds, counted from the real start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_ms: Option<u64>,
    /// When the client itself would stop the task, in milliseconds from the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_limit_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "stop_asked")]
    pub stop_request: Option<StopRequest>,
    status: Status,
    #[serde(default)]
    delivery: Delivery,
    #[serde(default, skip_serializing_if = "Revision::is_first")]
    revision: Revision,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<KeptOutput>,
    /// When Claude Code announced its end: after that it says no more of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_word: Option<Tick>,
    /// When its session was told that it prints nothing.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "told_silent_at")]
    pub stall_reported_at: Option<DateTime<Utc>>,
    /// When its end was noted for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noted_for_people_at: Option<DateTime<Utc>>,
    /// How often in a row the client did not list it among its background tasks. For a task that only the client sees.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unlisted: u32,
    /// How many events came late or twice.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ignored_events: u32,
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Whether the subagent that started a task can still be told of its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentLife {
    /// As far as we know it lives, or there is none.
    #[default]
    Lives,
    /// It stopped: the main conversation is told.
    Stopped,
}

impl AgentLife {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a task asks of the queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A command that ends by itself: it takes a slot, and has a time limit.
    #[default]
    Command,
    /// One that runs until somebody stops it: no slot, and no time limit of ours.
    Service,
    /// A subagent of the client's. It has no process, no runner and no run folder; its result is told by the client.
    Agent,
}

/// The client's side of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    pub id: ClientTaskId,
    /// The process that started the task. It alone tells of the end of one that only the client sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessRef>,
}

/// How long after somebody asked an end may follow from that, in seconds: the client sends TERM at once and KILL 2 s
/// later, our own cancel gives 5 s of grace; the rest is for a slow machine.
const ASKED_EXPLAINS: i64 = 12;

/// Somebody asked for the task to be stopped. Whether it did is for its status to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRequest {
    pub by: Canceller,
    pub at: DateTime<Utc>,
    #[serde(default)]
    pub progress: StopProgress,
}

/// How far a stop is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopProgress {
    /// It may still be denied.
    #[default]
    Asked,
    /// The client has said that it stopped the task: whatever is found of it later, that is why.
    Done,
}

impl StopRequest {
    pub fn new(by: Canceller, at: DateTime<Utc>) -> Self {
        Self { by, at, progress: StopProgress::Asked }
    }

    /// Whether an end at this time may be what was asked for. A stop that was denied explains nothing later.
    pub fn accounts_for(&self, ended_at: DateTime<Utc>) -> bool {
        let after = ended_at - self.at;
        // Two processes noted the two times: a little before is after too.
        (chrono::Duration::seconds(-1)..=chrono::Duration::seconds(ASKED_EXPLAINS)).contains(&after)
    }
}

impl Task {
    /// A task of which nothing is known but whose it is, where it runs and how far it is.
    pub fn new(
        id: TaskId,
        ticket: Ticket,
        session: SessionId,
        cwd: PathBuf,
        status: Status,
    ) -> Self {
        Self {
            id,
            ticket,
            session,
            started_in: None,
            tool_use_id: None,
            agent: None,
            agent_life: AgentLife::default(),
            client: None,
            confinement: Confinement::default(),
            client_tmp: None,
            old_run: None,
            machine: None,
            kind: Kind::default(),
            launched: None,
            cwd,
            command: String::new(),
            description: String::new(),
            limit_ms: None,
            client_limit_ms: None,
            stop_request: None,
            status,
            delivery: Delivery::NotDue,
            revision: Revision::default(),
            output: None,
            last_word: None,
            stall_reported_at: None,
            noted_for_people_at: None,
            unlisted: 0,
            ignored_events: 0,
            unknown: Map::new(),
        }
    }

    pub fn status(&self) -> &Status {
        &self.status
    }

    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Changes how far the delivery of its result is.
    pub fn deliver(&mut self, event: DeliveryEvent, now: Tick) {
        let delivery = std::mem::take(&mut self.delivery);
        self.delivery = delivery.after(event, self.revision, now);
    }

    /// Who asked for it to be stopped, if an end at this time can be the answer.
    pub fn stop_requested_by(&self, ended_at: DateTime<Utc>) -> Option<Canceller> {
        self.stop_request.filter(|asked| asked.accounts_for(ended_at)).map(|asked| asked.by)
    }

    /// The conversation that it was started in: its files are named after that one.
    pub fn started_in(&self) -> &SessionId {
        self.started_in.as_ref().unwrap_or(&self.session)
    }

    /// Gives it to the conversation that goes on in the same client.
    pub fn transfer(&mut self, to: &SessionId) {
        let before = std::mem::replace(&mut self.session, to.clone());
        self.started_in.get_or_insert(before);
    }

    /// Its name for people and the model: its id and, where it has one, its description, as plain text on one line.
    pub fn heading(&self) -> String {
        self.heading_within(HEADING_MAX)
    }

    /// The same with at most `max` characters of the description.
    pub fn heading_within(&self, max: usize) -> String {
        match one_line(&self.description, max) {
            description if description.is_empty() => self.id.to_string(),
            description => format!("{} ({description:?})", self.id),
        }
    }

    /// The client's id.
    pub fn client_id(&self) -> Option<&ClientTaskId> {
        self.client.as_ref().map(|client| &client.id)
    }

    /// Whether the client itself called this a background task. Nothing else is ever reported to the model.
    pub fn is_confirmed(&self) -> bool {
        self.client.is_some()
    }

    /// Whether its result waits for this reader.
    pub fn is_owed_to(&self, reader: &Recipient) -> bool {
        self.delivery.is_open() && reader.is_of(self)
    }
}

#[cfg(test)]
mod tests {
    use super::samples::*;
    use super::*;
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
        assert!(!task.is_confirmed());
    }
}
