//! PreToolUse: announces a background command, and records which caller stops one or calls our own server.
//!
//! The hook never changes or approves a command. It may change only the `timeout` of a service, or of a command that
//! may be queued. It does so only headless, in a session where no other hook could have rewritten the call. It denies a
//! pointless sleep, and, if a setting says so, a command whose equal runs or whose group is full.

use anyhow::Result;
use serde_json::{Map, Value};
use sisyphus_base::id::{AgentId, SessionId, Ticket};
use sisyphus_base::sys::namespaces;
use sisyphus_hook::{BackgroundCommand, Context, PreToolUse, Reply, Tool};
use sisyphus_settings::{Settings, Switch};
use sisyphus_state::agents::Limits;
use sisyphus_state::announced::{Announced, sessions_with_announcements};
use sisyphus_state::duplicate::duplicate;
use sisyphus_state::event::Event;
use sisyphus_state::expected_admission::{expected_admission, slots};
use sisyphus_state::line::View;
use sisyphus_state::requester::Requester;
use sisyphus_state::store::Rewriting;
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::call::{Announcement, Confinement};
use sisyphus_tasks::classify_exit::CLIENT_LIMIT_MAX_MS;
use sisyphus_tasks::recipient::Recipient;
use sisyphus_tasks::survival::Survival;
use sisyphus_tasks::task::Kind;
use sisyphus_wording::duplicate_refused;

use crate::agent::before_agent;
use crate::ask::ask_for_group;
use crate::attach::put_back_runner;
use crate::call::{Caller, call, stopped_id};
use crate::queue::{is_attachable, line};
use crate::sleep_guard::refuse_sleep;

/// Handles the event.
pub fn handle(context: &Context, event: PreToolUse) -> Result<Reply> {
    let agent = match (&event.conversation, event.tool_name) {
        (Recipient::MainConversation, _) => None,
        (Recipient::Agent(agent), _) => Some(agent.clone()),
        (Recipient::UnknownAgent, Tool::Own) => return before_own(context, event),
        // We could not notify it of what it starts or stops.
        (Recipient::UnknownAgent, _) => return Ok(Reply::Silent),
    };
    match event.tool_name {
        Tool::Bash => before_bash(context, event, agent),
        Tool::TaskStop => before_task_stop(context, &event),
        Tool::Own => before_own(context, event),
        Tool::Agent => before_agent(context, event).map(|()| Reply::Silent),
        // No runner attaches to PowerShell: its commands are observed from PostToolUse on.
        Tool::PowerShell | Tool::Other => Ok(Reply::Silent),
    }
}

fn before_bash(context: &Context, event: PreToolUse, agent: Option<AgentId>) -> Result<Reply> {
    let Some(command) = BackgroundCommand::asked_for(&event.tool_input) else {
        let refused = refuse_sleep(context, &event)?;
        return if refused == Reply::Silent { ask_for_group(context, &event) } else { Ok(refused) };
    };
    let settings = context.settings();
    if settings.execution == Switch::Off {
        return Ok(Reply::Silent);
    }
    if settings.deny_duplicates == Switch::On
        && let Some(reason) = refuse_duplicate(context, &event, &command.command)?
    {
        return Ok(Reply::Deny { reason });
    }
    let caller = Caller {
        session: event.session_id,
        tool_use_id: event.tool_use_id,
        agent,
        cwd: event.cwd,
        tool: event.tool_name,
    };
    let names_limit = command.timeout.is_some();
    let mut call = call(caller, command, settings, context.environment.attendance);
    if cfg!(unix) {
        context.logged("PreToolUse", put_back_runner(context));
    }
    let is_too_short = || match call.kind {
        // Where Claude Code has a limit, it is ten minutes. A dev server must not end then.
        Kind::Service => !names_limit,
        // Without a runner, nothing would enforce the call's own limit.
        Kind::Command => {
            is_attachable(context) && (call.group.is_some() || may_wait(context, settings))
        }
        Kind::Agent | Kind::Session => false,
    };
    let is_limited = call.client_limit_ms.is_some() && is_too_short();
    let may_raise = is_limited && is_exact(&event.tool_input) && may_raise(context, &call.session);
    let raised = may_raise.then(|| {
        call.client_limit_ms = Some(CLIENT_LIMIT_MAX_MS);
        let mut input = event.tool_input.clone();
        input.insert("timeout".to_owned(), CLIENT_LIMIT_MAX_MS.into());
        Reply::UpdatedInput(input)
    });
    let announced = Announced::of(context.store.dir(), &call.session);
    let mut announcement = Announcement::new(call, context.now.at);
    announcement.client_tmp = Some(context.client_tmp().to_owned());
    announcement.namespaces = namespaces();
    announcement.confinement = confinement(context.settings(), &event.tool_input);
    if announcement.confinement == Confinement::Sandboxed {
        // Its runner can't leave the sandbox.
        announcement.call.survival = Survival::EndsWithSession;
    }
    context.store.dir().create()?;
    announced.announce(&announcement)?;
    Ok(raised.unwrap_or(Reply::Silent))
}

/// Why the command is not to start; `None` if no equal one runs.
fn refuse_duplicate(
    context: &Context,
    event: &PreToolUse,
    command: &str,
) -> Result<Option<String>> {
    let peek = context.peek()?;
    if peek.has_news() {
        context.commit(peek, &[], |_, _| ())?;
    }
    let active = context.store.read_active()?;
    let (session, now) = (&event.session_id, context.now.at);
    let equal = duplicate(&active, command, &event.cwd, Ticket(u64::MAX), now);
    Ok(equal.map(|equal| duplicate_refused(equal, session, now)))
}

/// Whether the reply can repeat the input exactly. It can't if the input was repaired when it was read.
fn is_exact(input: &Map<String, Value>) -> bool {
    let text = serde_json::to_string(input);
    text.is_ok_and(|text| !text.contains(char::REPLACEMENT_CHARACTER))
}

/// Whether a command that is called now may be queued. Its runner counts its limit from the actual start, but Claude
/// Code's limit would run while it is queued. Nothing orders calls that are only announced, as those of one message
/// are.
fn may_wait(context: &Context, settings: &Settings) -> bool {
    let active = context.store.read_active().unwrap_or_default();
    let limits = Limits::of(settings);
    line(context, View::Room { slots: slots(&active, &limits) }).is_some_and(|line| {
        expected_admission(&active, &line, Ticket(u64::MAX), &limits) != Admission::Immediate
            || !sessions_with_announcements(context.store.dir()).is_empty()
    })
}

/// Whether no other hook of the session can have rewritten the call. Of two answers the last one wins, and ours must
/// not undo another hook's.
fn may_raise(context: &Context, session: &SessionId) -> bool {
    let known = context.store.read_session(session);
    known.is_ok_and(|session| session.rewriting == Rewriting::Exclusive)
}

/// Passes the caller on to our server.
fn before_own(context: &Context, event: PreToolUse) -> Result<Reply> {
    let project = context.environment.claude_project_dir.clone().or(Some(event.cwd));
    let mode = event.permission_mode.unwrap_or_default();
    let (session, conversation) = (event.session_id, event.conversation);
    let requester = Requester { session, conversation, mode, project };
    requester.leave(context.store.dir(), &event.tool_use_id)?;
    Ok(Reply::Silent)
}

fn before_task_stop(context: &Context, event: &PreToolUse) -> Result<Reply> {
    let Some(client_id) = stopped_id(&event.tool_input) else { return Ok(Reply::Silent) };
    let peek = context.peek()?;
    if peek.active.named(&event.session_id, &client_id, None).is_some() {
        let session = event.session_id.clone();
        let asked = Event::StopRequested { session, client_id, at: context.now.at };
        context.commit(peek, &[asked], |_, _| ())?;
    }
    Ok(Reply::Silent)
}

/// Whether Claude Code may start the command in its sandbox.
fn confinement(settings: &Settings, input: &Map<String, Value>) -> Confinement {
    let is_exempt = input.get("dangerouslyDisableSandbox") == Some(&Value::Bool(true));
    match settings.sandbox {
        Switch::On if !is_exempt => Confinement::Sandboxed,
        Switch::On | Switch::Off => Confinement::Outside,
    }
}
