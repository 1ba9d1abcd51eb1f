//! UserPromptSubmit: right behind the client's notice of an end, and behind what a person types, stand the results.

use anyhow::Result;
use sisyphus_core::fold::fold;
use sisyphus_core::store::LOCK_WAIT_IN_HOOK;
use sisyphus_hook::{Context, Prompt, Reply, UserPromptSubmit, read_prompt};

use crate::deliver::{Recipient, deliver, deliver_with_notices};

/// Handles the event.
pub fn handle(context: &Context, event: UserPromptSubmit) -> Result<Reply> {
    fold(&context.store, context.run_root().as_ref(), LOCK_WAIT_IN_HOOK, context.now)?;
    match read_prompt(&event.prompt) {
        Prompt::Notices(notices) => {
            deliver_with_notices(context, &event.session_id, &event.cwd, notices)
        }
        Prompt::Typed | Prompt::Foreign => {
            deliver(context, &event.session_id, &Recipient::MainConversation)
        }
    }
}
