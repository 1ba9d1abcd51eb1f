//! Reads a tool call as a background command.

use sisyphus_core::call::Call;
use sisyphus_core::classify_exit::{CLIENT_LIMIT_MAX_MS, CLIENT_LIMIT_MS};
use sisyphus_core::environment::Attendance;
use sisyphus_core::id::{AgentId, SessionId, ToolUseId};
use sisyphus_core::service::is_service;
use sisyphus_core::settings::Settings;
use sisyphus_core::task::Kind;
use sisyphus_hook::BackgroundCommand;
use std::path::PathBuf;

/// Who made a call, and where.
pub(crate) struct Caller {
    pub(crate) session: SessionId,
    pub(crate) tool_use_id: ToolUseId,
    pub(crate) agent: Option<AgentId>,
    pub(crate) cwd: PathBuf,
}

/// The call as a task to be: what it asks of the queue follows from the user's settings.
///
/// In a terminal the client has no time limit for background commands, and the `timeout` of a call is by the tool's own
/// words one for foreground commands: a command that the client lets run on after it is not stopped by us either. It
/// may lengthen our own limit.
pub(crate) fn call(
    caller: Caller,
    command: BackgroundCommand,
    settings: &Settings,
    attendance: Attendance,
) -> Call {
    let asked_ms = command.limit_ms();
    let kind = if is_service(&command.command, &settings.service_patterns) {
        Kind::Service
    } else {
        Kind::Command
    };
    let own_ms = settings.task_ttl_ms;
    let limit_ms = match (kind, attendance) {
        (Kind::Command, Attendance::Somebody) => Some(asked_ms.unwrap_or(own_ms).max(own_ms)),
        (Kind::Command, Attendance::Nobody | Attendance::Unknown) => asked_ms.or(Some(own_ms)),
        // It is meant to run until it is stopped, unless the call itself says for how long.
        (Kind::Service | Kind::Agent, Attendance::Somebody) => None,
        (Kind::Service | Kind::Agent, Attendance::Nobody | Attendance::Unknown) => asked_ms,
    };
    let client_limit_ms = match attendance {
        Attendance::Somebody => None,
        Attendance::Nobody | Attendance::Unknown => {
            Some(asked_ms.unwrap_or(CLIENT_LIMIT_MS).min(CLIENT_LIMIT_MAX_MS))
        }
    };
    Call {
        session: caller.session,
        tool_use_id: Some(caller.tool_use_id),
        agent: caller.agent,
        kind,
        cwd: caller.cwd,
        command: command.command,
        description: command.description,
        limit_ms,
        client_limit_ms,
    }
}
