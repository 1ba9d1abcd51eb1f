//! The shape of a task in `--json`, version 1. Fields may be added; none changes its meaning without a new version.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sisyphus_base::paths::StateDir;
use sisyphus_state::reach::place_out_of_reach;
use sisyphus_tasks::agent_call::AgentCall;
use sisyphus_tasks::outcome::{AgentFailure, Canceller, LostReason, Outcome};
use sisyphus_tasks::status::{Status, Watch};
use sisyphus_tasks::task::{Kind, Task};

/// The version of the shape.
pub(crate) const VERSION: u32 = 1;

/// A task as one flat object.
#[derive(Debug, Serialize)]
pub(crate) struct View<'a> {
    id: &'a str,
    /// `pending`, `queued`, `running`, `completed`, `failed`, `killed`, `timed_out`, `cancelled`, `lost`, `unknown`.
    status: &'static str,
    exit_code: Option<i32>,
    signal: Option<i32>,
    /// Where the cancellation came from: `model`, `user`, `session_end`, `unknown`.
    by: Option<Canceller>,
    lost_because: Option<LostReason>,
    /// Why an agent failed: `rate_limit`, `error`.
    failed_because: Option<AgentFailure>,
    /// `command`, `service`, `agent`.
    kind: Kind,
    agent_type: Option<&'a str>,
    model: Option<&'a str>,
    /// The machine that it runs on, if its state can't be known from this one.
    out_of_reach: Option<&'a str>,
    /// What sees it end: `supervised` (a runner), `observed` (Claude Code).
    watch: Option<Watch>,
    session: &'a str,
    client_id: Option<&'a str>,
    agent: Option<&'a str>,
    cwd: Cow<'a, str>,
    command: &'a str,
    description: &'a str,
    /// In milliseconds.
    limit_ms: Option<u64>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    duration_ms: Option<u64>,
    /// How long it waited for a slot before it started.
    waited_ms: Option<u64>,
    output_bytes: Option<u64>,
    output_dropped_bytes: Option<u64>,
    /// The kept output, if there is any.
    output_file: Option<String>,
}

impl<'a> View<'a> {
    pub(crate) fn of(task: &'a Task, state: &StateDir) -> Self {
        let mut view = Self {
            id: task.id.as_str(),
            status: task.status().word(),
            exit_code: None,
            signal: None,
            by: None,
            lost_because: None,
            failed_because: None,
            kind: task.kind,
            agent_type: task.launched.as_ref().map(|agent| agent.agent_type.as_str()),
            model: task.launched.as_ref().and_then(AgentCall::model),
            out_of_reach: place_out_of_reach(task),
            watch: None,
            session: task.session.as_str(),
            client_id: task.client_id().map(sisyphus_base::id::ClientTaskId::as_str),
            agent: task.agent.as_ref().map(sisyphus_base::id::AgentId::as_str),
            cwd: task.cwd.to_string_lossy(),
            command: &task.command,
            description: &task.description,
            limit_ms: task.limit_ms,
            started_at: None,
            ended_at: None,
            duration_ms: None,
            waited_ms: None,
            output_bytes: task.output.as_ref().map(|output| output.bytes),
            output_dropped_bytes: task.output.as_ref().map(|output| output.dropped),
            output_file: Some(state.output(&task.id))
                .filter(|path| path.exists())
                .map(|path| path.to_string_lossy().into_owned()),
        };
        match task.status() {
            Status::Pending { .. } | Status::Queued { .. } => {}
            Status::Running { started_at, watch } => {
                view.started_at = Some(*started_at);
                view.watch = Some(*watch);
            }
            Status::Finished(ending) => {
                view.started_at = ending.started_at;
                view.ended_at = Some(ending.ended_at);
                view.duration_ms = ending.duration_ms;
                view.waited_ms = ending.waited_ms;
                view.tell(&ending.outcome);
            }
        }
        view
    }

    fn tell(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Completed => {
                self.exit_code = (self.kind != Kind::Agent).then_some(0);
            }
            Outcome::Failed { exit_code } => self.exit_code = Some(*exit_code),
            Outcome::Killed { signal } => self.signal = Some(*signal),
            Outcome::TimedOut { limit_ms } => self.limit_ms = limit_ms.or(self.limit_ms),
            Outcome::Cancelled { by } => self.by = Some(*by),
            Outcome::Lost { why } => self.lost_because = Some(*why),
            Outcome::AgentFailed { why } => self.failed_because = Some(*why),
            Outcome::Unknown => {}
        }
    }
}
