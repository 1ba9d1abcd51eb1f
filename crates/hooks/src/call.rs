//! Reads a tool call as a background command, and ties it to its run.

use std::path::PathBuf;

use serde_json::{Map, Value};
use sisyphus_base::environment::Attendance;
use sisyphus_base::id::{AgentId, ClientTaskId, SessionId, ToolUseId};
use sisyphus_base::machine::Machine;
use sisyphus_hook::{BackgroundCommand, Context, Tool};
use sisyphus_process::client;
use sisyphus_service::{is_in_group, is_service};
use sisyphus_settings::{Group, Settings, Switch};
use sisyphus_shell::code_zero;
use sisyphus_state::announced::Announced;
use sisyphus_state::run::Run;
use sisyphus_tasks::call::{Announcement, Call, Join};
use sisyphus_tasks::classify_exit::{CLIENT_LIMIT_MAX_MS, CLIENT_LIMIT_MS};
use sisyphus_tasks::code_zero::{CodeZero, Place};
use sisyphus_tasks::survival::Survival;
use sisyphus_tasks::task::Kind;

/// The origin of a call.
pub(crate) struct Caller {
    pub(crate) session: SessionId,
    pub(crate) tool_use_id: ToolUseId,
    pub(crate) agent: Option<AgentId>,
    pub(crate) cwd: PathBuf,
    /// The tool of the shell.
    pub(crate) tool: Tool,
}

/// Makes a call of it. The user's settings determine what it asks of the queue.
///
/// In a terminal, Claude Code has no time limit for background commands. The tool describes the `timeout` of a call as
/// a limit for foreground commands: Claude Code lets the command run on after it, so the runner does not stop it then
/// either. The `timeout` may extend our own limit.
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
    // A service would never give its slot back.
    let group = match kind {
        Kind::Command => {
            let is_its = |group: &&Group| is_in_group(&command.command, &group.patterns);
            settings.groups.iter().find(is_its).map(|group| group.name.clone())
        }
        Kind::Service | Kind::Agent | Kind::Session => None,
    };
    let is_kept = is_in_group(&command.command, &settings.keep_patterns);
    let survival = if is_kept { Survival::Kept } else { Survival::EndsWithSession };
    let own_ms = settings.task_ttl_ms;
    let limit_ms = match (kind, attendance) {
        (Kind::Command, Attendance::Attended) => Some(asked_ms.unwrap_or(own_ms).max(own_ms)),
        (Kind::Command, Attendance::Unattended | Attendance::Unknown) => asked_ms.or(Some(own_ms)),
        // A service runs until it is stopped, unless the call itself has a limit.
        (_, Attendance::Attended) => None,
        (_, Attendance::Unattended | Attendance::Unknown) => asked_ms,
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
        group,
        survival,
        cwd: caller.cwd,
        code_zero: read_code_zero(caller.tool, &command.command),
        command: command.command,
        description: command.description,
        limit_ms,
        memory_limit_mb: settings.memory_limit_mb,
        client_limit_ms,
    }
}

/// Whose exit code 0 the command ends with. PowerShell has rules of its own.
fn read_code_zero(tool: Tool, command: &str) -> Option<CodeZero> {
    let found = match tool {
        Tool::Bash => code_zero(command)?,
        Tool::PowerShell | Tool::TaskStop | Tool::Own | Tool::Agent | Tool::Other => return None,
    };
    let place = match found.place {
        sisyphus_shell::Place::PipelineEnd => Place::PipelineEnd,
        sisyphus_shell::Place::AtEnd => Place::AtEnd,
        sisyphus_shell::Place::AfterOr => Place::AfterOr,
    };
    Some(CodeZero { program: found.program, place })
}

/// Joins a call that Claude Code has answered to its run, and records that for the runner; this needs no lock. `None`
/// if the plugin is switched off.
pub(crate) fn join_run(
    context: &Context,
    caller: Caller,
    command: BackgroundCommand,
    id: ClientTaskId,
) -> Option<Join> {
    if context.settings().execution == Switch::Off {
        return None;
    }
    let (session, tool_use) = (caller.session.clone(), caller.tool_use_id.clone());
    let announced = Announced::of(context.store.dir(), &session);
    let run = Run::outside(context.store.dir(), &session, &id);
    let join = |announcement| Join::new(announcement, id.clone(), client(), Machine::here());
    // The announced call has precedence: its `timeout` may have been raised.
    let join = if let Some(announcement) = announced.read(&tool_use) {
        join(announcement)
    } else {
        let attendance = context.environment.attendance;
        let call = call(caller, command, context.settings(), attendance);
        let mut announcement = Announcement::new(call, context.now.at);
        announcement.client_tmp = Some(context.client_tmp().to_owned());
        let join = join(announcement);
        // Claude Code moved the command to the background while it ran. No shell attaches to a call that was not
        // announced.
        if run.is_attached() { join } else { join.without_runner(context.now.at) }
    };
    context.logged("join", run.join(&join));
    // A shell that starts after this answer asks as long as the folder exists.
    announced.expect(&tool_use, &id);
    // Below `/tmp`, any sandboxed command can claim that a runner attached.
    if run.is_attached() {
        announced.forget(&id);
    }
    Some(join)
}

/// Claude Code's id in the input of TaskStop, or of its older form KillShell.
pub(crate) fn stopped_id(input: &Map<String, Value>) -> Option<ClientTaskId> {
    let id = ["task_id", "shell_id"].iter().find_map(|key| input.get(*key)?.as_str())?;
    ClientTaskId::new(id).ok()
}

#[cfg(test)]
mod tests {
    use sisyphus_state::store::Active;

    use super::*;

    /// The program behind a pipe is read from the whole command, for the tool whose rules are known.
    #[test]
    fn only_commands_of_bash_are_judged() {
        let long = format!("echo {} | tail -1", "x".repeat(3_000));
        for (tool, command, program) in [
            (Tool::Bash, "npm test | tail", Some("tail")),
            (Tool::Bash, &long, Some("tail")),
            (Tool::Bash, "npm test", None),
            (Tool::PowerShell, "npm test | tail", None),
        ] {
            let found = read_code_zero(tool, command);
            assert_eq!(found.as_ref().map(|zero| zero.program.as_str()), program, "{command}");
        }
    }

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
                tool: Tool::Bash,
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
