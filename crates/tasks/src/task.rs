//! A background task: the call, its status, and what is known about it.

#[cfg(any(test, feature = "samples"))]
#[expect(clippy::unwrap_used, reason = "only tests call it, with literals")]
pub mod samples;
#[cfg(test)]
mod tests;
mod transition;
mod word;

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
use crate::code_zero::{CodeZero, Options};
use crate::confinement::Confinement;
use crate::delivery::{Channel, Delivery, DeliveryEvent, Revision};
use crate::from_terminal::FromTerminal;
use crate::kept_output::KeptOutput;
use crate::matches::Matches;
use crate::memory_limit::MemoryLimit;
use crate::outcome::Canceller;
use crate::recipient::Recipient;
use crate::session::{AskedBy, Delegated};
use crate::status::{Status, Watch};
use crate::survival::Survival;

pub use crate::kind::Kind;
pub use crate::recipient::AgentLife;
pub use transition::{Effect, Event, Ignored};

/// Most characters of a description in a heading.
pub const HEADING_MAX: usize = 120;

/// One background command or agent; one JSON object in one file. A rewrite keeps fields that this version does not
/// know. Only [`apply`](Self::apply) changes the status, and only [`deliver`](Self::deliver) changes the delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub id: TaskId,
    pub ticket: Ticket,
    pub session: SessionId,
    /// The conversation that it was started in, if another one of the same Claude Code process has taken it over since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_in: Option<SessionId>,
    /// Unknown for a task that we first saw in its notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_use_id: Option<ToolUseId>,
    /// The subagent that started it; none for the main conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// Whether that subagent can still be notified.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub agent_life: AgentLife,
    /// Claude Code's side of it. A command has one from its first record on. For an agent, Claude Code's answer adds
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Client>,
    /// Whether its shell may be in Claude Code's sandbox.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub confinement: Confinement,
    /// Claude Code's temporary folder at the time of the call. It is kept with the task, because another session may
    /// have been started with another one.
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
    /// The user's group whose limit it shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What the end of its session does to it.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub survival: Survival,
    /// When the session that it belongs to ended and left it running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_at: Option<DateTime<Utc>>,
    /// What is known about it if it is an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launched: Option<AgentCall>,
    /// What is known about it if it is a delegated session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegated: Option<Box<Delegated>>,
    /// What is known about it if a person ran it in a terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_terminal: Option<Box<FromTerminal>>,
    pub cwd: PathBuf,
    /// The beginning of the command; empty for an agent and a session.
    pub command: String,
    #[serde(default)]
    pub description: String,
    /// Whose exit code it is if it ends with 0. None if that says enough about the whole command, and in doubt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_zero: Option<CodeZero>,
    /// The call's `timeout` in milliseconds, counted from the real start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_ms: Option<u64>,
    /// What the user lets its processes have together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<MemoryLimit>,
    /// When Claude Code itself would stop the task, in milliseconds from the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_limit_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "stop_asked")]
    pub stop_request: Option<StopRequest>,
    status: Status,
    #[serde(default)]
    delivery: Delivery,
    #[serde(default, skip_serializing_if = "crate::is_default")]
    revision: Revision,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<KeptOutput>,
    /// What was found in its output while it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<Box<Matches>>,
    /// When Claude Code announced its result. After that Claude Code says nothing more about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_word: Option<Tick>,
    /// When its session was notified that it prints nothing.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "told_silent_at")]
    pub stall_reported_at: Option<DateTime<Utc>>,
    /// When its result was noted for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noted_for_people_at: Option<DateTime<Utc>>,
    /// How often in a row Claude Code did not list it among its background tasks. Only for a task that only Claude Code
    /// sees.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub unlisted: u32,
    /// How many events came late or twice.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub ignored_events: u32,
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// Claude Code's side of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    pub id: ClientTaskId,
    /// The process that started the task. If only Claude Code sees the task, only this process reports its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessRef>,
}

/// How long after a stop request an exit may follow from it, in seconds. Claude Code sends TERM at once and KILL 2 s
/// later. Our own cancel gives 5 s of grace. The rest is for a slow machine.
const ASKED_EXPLAINS: i64 = 12;

/// A request to stop the task. The status shows whether it worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRequest {
    pub by: Canceller,
    pub at: DateTime<Utc>,
    #[serde(default)]
    pub progress: StopProgress,
}

/// The progress of a stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopProgress {
    /// Claude Code may still deny it.
    #[default]
    Asked,
    /// Claude Code has said that it stopped the task. That accounts for whatever is found later.
    Done,
}

impl StopRequest {
    pub fn new(by: Canceller, at: DateTime<Utc>) -> Self {
        Self { by, at, progress: StopProgress::Asked }
    }

    /// Whether the request may be the cause of an exit at this time. A denied stop is not the cause of a later exit.
    pub fn accounts_for(&self, ended_at: DateTime<Utc>) -> bool {
        let after = ended_at - self.at;
        // Two processes recorded the two times, so an exit slightly before the request counts too.
        (chrono::Duration::seconds(-1)..=chrono::Duration::seconds(ASKED_EXPLAINS)).contains(&after)
    }
}

impl Task {
    /// A task of which only the session, folder and status are known.
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
            group: None,
            survival: Survival::default(),
            left_at: None,
            launched: None,
            delegated: None,
            from_terminal: None,
            cwd,
            command: String::new(),
            description: String::new(),
            code_zero: None,
            limit_ms: None,
            memory_limit: None,
            client_limit_ms: None,
            stop_request: None,
            status,
            delivery: Delivery::NotDue,
            revision: Revision::default(),
            output: None,
            matches: None,
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

    /// Changes the delivery of its result.
    pub fn deliver(&mut self, event: DeliveryEvent, now: Tick) {
        let delivery = std::mem::take(&mut self.delivery);
        self.delivery = delivery.after(event, self.revision, now);
    }

    /// What requested its stop, if the request accounts for an exit at this time.
    pub fn stop_requested_by(&self, ended_at: DateTime<Utc>) -> Option<Canceller> {
        self.stop_request.filter(|asked| asked.accounts_for(ended_at)).map(|asked| asked.by)
    }

    /// The conversation that it was started in. Its files carry that conversation's name.
    pub fn started_in(&self) -> &SessionId {
        self.started_in.as_ref().unwrap_or(&self.session)
    }

    /// Gives it to the conversation that continues in the same Claude Code process.
    pub fn transfer(&mut self, to: &SessionId) {
        let before = std::mem::replace(&mut self.session, to.clone());
        self.started_in.get_or_insert(before);
    }

    /// Gives the result of a subagent's task to the main conversation.
    pub fn release(&mut self) {
        if self.agent.is_some() {
            self.agent_life = AgentLife::Stopped;
        }
    }

    /// Whether its result or its lines wait for a subagent that lives as far as we know, or are on their way to it.
    pub fn is_held_back(&self) -> bool {
        let is_sent = matches!(self.delivery, Delivery::Sent { with: Channel::AgentEvent, .. });
        let has_lines = self.matches.as_ref().is_some_and(|matches| !matches.is_read());
        let lives = self.agent.is_some() && self.agent_life == AgentLife::Lives;
        lives && (is_sent || has_lines || self.delivery.is_open())
    }

    /// Its name for people and the model: its id and, if it has one, its description, as plain text on one line.
    pub fn heading(&self) -> String {
        self.heading_within(HEADING_MAX)
    }

    /// Like [`Task::heading`], with at most `max` characters of the description.
    pub fn heading_within(&self, max: usize) -> String {
        match one_line(&self.description, max) {
            description if description.is_empty() => self.id.to_string(),
            description => format!("{} ({description:?})", self.id),
        }
    }

    /// Whose exit code 0 it ended with. `None` if it did not, if that says enough about the whole command, and in doubt.
    pub fn code_zero(&self) -> Option<&CodeZero> {
        let ending = self.status.ending()?;
        let is_certain = ending.exit_code(self.kind) == Some(0) && ending.options == Options::Usual;
        self.code_zero.as_ref().filter(|_| is_certain)
    }

    /// Whether the end of its session leaves it running: it is kept, and a runner has it.
    pub fn outlives_session(&self) -> bool {
        self.survival == Survival::Kept && self.has_runner()
    }

    /// Claude Code's id of it.
    pub fn client_id(&self) -> Option<&ClientTaskId> {
        self.client.as_ref().map(|client| &client.id)
    }

    /// Whether a runner of ours has it. An agent never has one.
    pub fn has_runner(&self) -> bool {
        let may_have = matches!(
            self.status,
            Status::Queued { .. } | Status::Running { watch: Watch::Supervised, .. }
        );
        may_have && self.kind != Kind::Agent
    }

    /// Whether Claude Code runs it, or is about to, and nothing of ours sees it exit.
    pub fn is_observed(&self) -> bool {
        match self.status {
            Status::Running { watch: Watch::Observed, .. } => true,
            Status::Queued { .. } => self.kind == Kind::Agent,
            Status::Pending { .. } | Status::Running { .. } | Status::Finished(_) => false,
        }
    }

    /// Whether a process of ours started its runner: for a delegated session, or for a person's command. Claude Code
    /// knows nothing of such a task.
    pub fn is_started_by_us(&self) -> bool {
        self.delegated.is_some() || self.from_terminal.is_some()
    }

    /// Whether Claude Code itself called this a background task, or its runner recorded it as ours. The model never
    /// reads about any other task.
    pub fn is_confirmed(&self) -> bool {
        self.client.is_some() || self.is_started_by_us()
    }

    /// Its name in the queue: Claude Code's id, or ours if Claude Code does not know it.
    pub fn name_in_queue(&self) -> Option<&str> {
        if self.is_started_by_us() {
            return Some(self.id.as_str());
        }
        self.client_id().map(ClientTaskId::as_str)
    }

    /// Whether a person asked for it in a terminal. No model reads its result.
    pub fn is_persons(&self) -> bool {
        let delegated = self.delegated.as_ref();
        self.from_terminal.is_some()
            || delegated.is_some_and(|session| session.asked_by == AskedBy::Person)
    }

    /// Whether its end is reported to a model. Claude Code reports an agent's, and nothing of a person's has a reader.
    pub(crate) fn has_reader(&self) -> bool {
        self.kind != Kind::Agent && !self.is_persons()
    }

    /// Whether its result waits for this reader.
    pub fn is_owed_to(&self, reader: &Recipient) -> bool {
        self.delivery.is_open() && self.is_for(reader)
    }

    /// Whether this reader reads its result.
    pub fn is_for(&self, reader: &Recipient) -> bool {
        match (reader, &self.agent) {
            (Recipient::MainConversation, None) => true,
            (Recipient::MainConversation, Some(_)) => self.agent_life == AgentLife::Stopped,
            // A subagent that fires an event again is alive again.
            (Recipient::Agent(agent), Some(of)) => agent == of,
            (Recipient::Agent(_), None) | (Recipient::UnknownAgent, _) => false,
        }
    }
}
