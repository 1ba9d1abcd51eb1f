//! The command line of a session's Claude Code. The prompt is not on it: any process can read it.

use std::ffi::OsString;

use sisyphus_state::sessions::{Conversation, SessionRequest};
use sisyphus_tasks::session::PermissionMode;

/// Makes the arguments. Without a mode, the user's own default applies. Nothing here adds a right (CC-74).
pub(super) fn arguments(request: &SessionRequest, mode: Option<PermissionMode>) -> Vec<OsString> {
    let Some(session) = request.task.delegated.as_deref() else { return Vec::new() };
    let mut args: Vec<&str> = vec!["-p", "--output-format", "stream-json", "--verbose"];
    let conversation = session.conversation.as_str();
    match request.conversation {
        Conversation::New => args.extend(["--session-id", conversation]),
        Conversation::Continued { .. } => args.extend(["--resume", conversation]),
    }
    if let Some(mode) = mode {
        args.extend(["--permission-mode", mode.argument()]);
    }
    if let Some(agent) = &session.agent {
        args.extend(["--agent", agent]);
    }
    if let Some(model) = &session.model {
        args.extend(["--model", model]);
    }
    let budget = request.max_budget_usd.map(|budget| budget.to_string());
    if let Some(budget) = &budget {
        args.extend(["--max-budget-usd", budget]);
    }
    // A continued conversation is in its worktree already.
    if let (Some(worktree), Conversation::New) = (&session.worktree, request.conversation) {
        args.extend(["--worktree", worktree]);
    }
    args.extend(request.narrowing.iter().map(String::as_str));
    args.into_iter().map(OsString::from).collect()
}
