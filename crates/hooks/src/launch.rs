//! Reads a tool call as a background command.

use std::path::PathBuf;

use sisyphus_core::environment::Attendance;
use sisyphus_core::id::{AgentId, SessionId, ToolUseId};
use sisyphus_core::service::is_service;
use sisyphus_core::settings::Settings;
use sisyphus_hook::BackgroundCommand;
use sisyphus_tasks::call::Call;
use sisyphus_tasks::classify_exit::{CLIENT_LIMIT_MAX_MS, CLIENT_LIMIT_MS};
use sisyphus_tasks::task::Kind;

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
        (Kind::Command, Attendance::Attended) => Some(asked_ms.unwrap_or(own_ms).max(own_ms)),
        (Kind::Command, Attendance::Unattended | Attendance::Unknown) => asked_ms.or(Some(own_ms)),
        // It is meant to run until it is stopped, unless the call itself says for how long.
        (Kind::Service | Kind::Agent, Attendance::Attended) => None,
        (Kind::Service | Kind::Agent, Attendance::Unattended | Attendance::Unknown) => asked_ms,
    };
    let client_limit_ms = match attendance {
        Attendance::Attended => None,
        Attendance::Unattended | Attendance::Unknown => {
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

#[cfg(test)]
mod tests {
    use sisyphus_core::id::ClientTaskId;
    use sisyphus_core::store::Active;
    use sisyphus_tasks::call::{Announcement, Join};

    use super::*;

    /// S15: records and events hold the beginning of a command, however long it is.
    #[test]
    fn long_commands_make_short_records() {
        let mut active = Active::default();
        for number in 0..600 {
            let caller = Caller {
                session: SessionId::new("s").unwrap(),
                tool_use_id: ToolUseId::new(format!("toolu_{number}")).unwrap(),
                agent: None,
                cwd: "/home/dev/proj".into(),
            };
            let command = BackgroundCommand {
                command: "ä".repeat(55_000),
                description: "x".repeat(110_000),
                timeout: None,
            };
            let call = call(caller, command, &Settings::default(), Attendance::default());
            let announcement = Announcement::new(call, chrono::Utc::now());
            let id = ClientTaskId::new(format!("b{number}")).unwrap();
            let join = Join::new(announcement, id, None, None);
            assert!(serde_json::to_string(&join).unwrap().len() < 8_000);
            active.insert(join.into_task());
        }
        assert!(serde_json::to_string(&active).unwrap().len() < 4_000_000);
    }
}
