//! Passes on a notice that no desktop showed: a hook's answer carries it to the terminal.

use sisyphus_base::environment::{Attendance, Terminal};
use sisyphus_base::id::SessionId;
use sisyphus_state::notify::sequence;
use sisyphus_state::store::LOCK_WAIT_IN_HOOK;

use crate::context::Context;
use crate::event::{Event as _, PostToolUse, Stop, UserPromptSubmit};

/// The events whose answer may carry a notice. The answer to any other event goes elsewhere, or comes at a bad time.
const CARRIERS: [&str; 3] = [UserPromptSubmit::NAME, PostToolUse::NAME, Stop::NAME];

/// Takes the notices that are queued for this session, encoded for its terminal. If there are none, this costs one
/// check of a file.
pub(crate) fn take(context: &Context, event: &str, session: Option<&SessionId>) -> Option<String> {
    let environment = &context.environment;
    let is_seen = environment.attendance != Attendance::Unattended;
    if !is_seen || environment.terminal == Terminal::None || !CARRIERS.contains(&event) {
        return None;
    }
    let taken = context.store.take_for_terminal(LOCK_WAIT_IN_HOOK, session?, context.now.at);
    sequence(&context.logged("terminal", taken)?, environment.terminal)
}
