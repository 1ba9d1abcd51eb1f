//! A task as the tools show it.

use chrono::{DateTime, Utc};
use rmcp::schemars::JsonSchema;
use serde::Serialize;
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::client_config_dir;
use sisyphus_base::text::one_line;
use sisyphus_process::is_alive;
use sisyphus_settings::Settings;
use sisyphus_state::agents::Limits;
use sisyphus_state::expected_admission::expected_admission_of;
use sisyphus_state::line::Snapshot;
use sisyphus_state::reach::place_out_of_reach;
use sisyphus_state::sessions::throttle_on;
use sisyphus_state::store::Active;
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::code_zero::CodeZero;
use sisyphus_tasks::outcome::duration;
use sisyphus_tasks::status::{Status, Watch};
use sisyphus_tasks::task::{Kind, Task};
use sisyphus_wording::{command_line, held_back};

use crate::table::cell;
use crate::warn::warn;

/// Longest description, in characters.
const DESCRIPTION_MAX: usize = 120;
/// Longest name of a host, in characters.
const PLACE_MAX: usize = 100;

/// One background task.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(crate) struct TaskView {
    pub(crate) task_id: String,
    /// Claude Code's own id of it, for its TaskStop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<String>,
    /// `command`, `service`, `agent`, or `session` for a delegated one.
    pub(crate) kind: String,
    /// The conversation of a delegated session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session_id: Option<String>,
    /// What was said of it when it was started.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(default)]
    pub(crate) description: String,
    /// The command, or the prompt of a session, on one line, shortened.
    pub(crate) command: String,
    /// `pending` has not begun, and Claude Code may still deny it; `queued` waits for its turn; `running` runs. `completed`,
    /// `failed`, `killed`, `timed_out`, `cancelled`, `lost` and `unknown` have ended; `skipped` never started.
    pub(crate) status: String,
    /// The status in texts: one word for all that waits for its turn.
    #[serde(skip)]
    word: &'static str,
    /// The machine that it runs on, if nothing of it can be judged from this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) out_of_reach: Option<String>,
    /// How it ended, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<String>,
    /// Only if it was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exit_code: Option<i32>,
    /// Whose exit code 0 it is, if the codes of other programs of the command are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exit_code_of: Option<String>,
    /// 1 is the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place_in_line: Option<usize>,
    /// Why it waits for fewer slots than the user allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held_back: Option<String>,
    /// Since the real start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duration_ms: Option<u64>,
    pub(crate) session: String,
}

/// The user's settings, as they are now.
fn settings() -> Settings {
    client_config_dir(&Environment::read())
        .map(|dir| Settings::read_in(&dir, None))
        .unwrap_or_default()
}

/// What is needed to show a task: the queue and the time.
pub(crate) struct Now<'a> {
    active: &'a Active,
    /// `None` if the queue can't be read.
    line: Option<Snapshot>,
    limits: Limits,
    at: DateTime<Utc>,
}

impl<'a> Now<'a> {
    pub(crate) fn of(active: &'a Active) -> Self {
        let line = Snapshot::read(&Environment::read(), is_alive).inspect_err(warn).ok();
        Self { active, line, limits: Limits::of(&settings()), at: Utc::now() }
    }
}

impl TaskView {
    pub(crate) fn of(task: &Task, now: &Now<'_>) -> Self {
        let mut view = Self {
            task_id: task.id.to_string(),
            client_id: task.client_id().map(ToString::to_string),
            kind: kind(task.kind).to_owned(),
            session_id: task.delegated.as_ref().map(|it| it.conversation.to_string()),
            description: one_line(&task.description, DESCRIPTION_MAX),
            command: match &task.delegated {
                Some(session) => command_line(&session.prompt),
                None => command_line(&task.command),
            },
            status: task.status().word().to_owned(),
            word: task.word(),
            out_of_reach: place_out_of_reach(task).map(|place| one_line(place, PLACE_MAX)),
            outcome: None,
            exit_code: None,
            exit_code_of: task.code_zero().map(CodeZero::sentence),
            place_in_line: None,
            held_back: None,
            duration_ms: None,
            session: task.session.to_string(),
        };
        match task.status() {
            Status::Pending { .. } | Status::Queued { .. } => {
                let expected =
                    expected_admission_of(now.active, now.line.as_ref(), &task.id, &now.limits);
                if let Admission::Queued { position: number } = expected {
                    view.place_in_line = Some(number);
                    let throttles = &now.active.agents.throttles;
                    let throttle = throttle_on(throttles, task, &now.limits, now.at);
                    view.held_back = throttle.map(held_back);
                }
            }
            Status::Running { started_at, watch } => {
                view.duration_ms = u64::try_from((now.at - *started_at).num_milliseconds()).ok();
                if *watch == Watch::Observed {
                    view.outcome = Some("started, not known to have finished".to_owned());
                }
            }
            Status::Finished(ending) => {
                view.duration_ms = ending.duration_ms;
                view.outcome = Some(ending.sentence(task.kind));
                view.exit_code = ending.exit_code(task.kind);
            }
        }
        view
    }

    /// The conversation that a table shows: a session's own, else the one that started the task.
    pub(crate) fn conversation(&self) -> &str {
        self.session_id.as_deref().unwrap_or(&self.session)
    }

    /// What it is called in a table.
    pub(crate) fn name(&self) -> &str {
        if self.description.is_empty() { &self.command } else { &self.description }
    }

    /// The status, with the exit code or the number in the queue where that says more.
    pub(crate) fn state(&self) -> String {
        if let Some(place) = &self.out_of_reach {
            return format!("{}, out of reach on {}", self.word, cell(place));
        }
        match (self.exit_code, self.place_in_line) {
            (Some(code), _) if code != 0 => format!("{}({code})", self.word),
            (_, Some(number)) => {
                let why = self.held_back.as_ref().map(|why| format!("; {}", cell(why)));
                let why = why.unwrap_or_default();
                format!("{}, number {number} in the queue{why}", self.word)
            }
            (Some(_) | None, None) => self.word.to_owned(),
        }
    }

    pub(crate) fn lasted(&self) -> String {
        self.duration_ms.map_or_else(|| "-".to_owned(), duration)
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Command => "command",
        Kind::Service => "service",
        Kind::Agent => "agent",
        Kind::Session => "session",
    }
}
