//! What no desktop took: a hook's answer reaches the terminal.

use sisyphus_base::environment::{Attendance, Terminal};
use sisyphus_base::id::SessionId;
use sisyphus_state::notify::sequence;
use sisyphus_state::store::LOCK_WAIT_IN_HOOK;

use crate::event::{Event as _, PostToolUse, Stop, UserPromptSubmit};
use crate::run::Context;

/// The events whose answer may carry it: what is answered to others goes to somebody else, or comes at a bad time.
const CARRIERS: [&str; 3] = [UserPromptSubmit::NAME, PostToolUse::NAME, Stop::NAME];

/// Takes what waits for this session, as its terminal understands it. Nothing, in one look at a file, if nothing waits.
pub(crate) fn take(context: &Context, event: &str, session: Option<&SessionId>) -> Option<String> {
    let environment = &context.environment;
    let is_seen = environment.attendance != Attendance::Unattended;
    if !is_seen || environment.terminal == Terminal::None || !CARRIERS.contains(&event) {
        return None;
    }
    match context.store.take_for_terminal(LOCK_WAIT_IN_HOOK, session?, context.now.at) {
        Ok(lines) => sequence(&lines, environment.terminal),
        Err(error) => {
            context.log("terminal", &error);
            None
        }
    }
}
