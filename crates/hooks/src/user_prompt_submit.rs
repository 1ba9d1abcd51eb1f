//! UserPromptSubmit: right behind the client's notice of an end, and behind what a person types, stand the results; and
//! behind a prompt that asks for ultrawork what that needs.

use anyhow::Result;
use sisyphus_core::settings::Execution;
use sisyphus_hook::{Context, Prompt, Reply, UserPromptSubmit, read_prompt};

use crate::agent::{hear_agent, with_news};
use crate::deliver::{Recipient, deliver, deliver_with_notices};
use crate::silence::tell_silent;
use crate::take_back::take_back;
use crate::ultrawork::with_ultrawork;

/// Handles the event.
pub fn handle(context: &Context, event: UserPromptSubmit) -> Result<Reply> {
    context.fold();
    if let Err(error) = take_back(context, &event.session_id, event.transcript_path.as_deref()) {
        context.log("UserPromptSubmit", &error);
    }
    hear_agent(context, &event.prompt);
    let reply = reply_to(context, &event)?;
    Ok(match reply {
        // A prompt that is not worth a turn stays so: the next one carries the note.
        Reply::Swallow { .. } | Reply::Deny { .. } => reply,
        Reply::Silent | Reply::Note(_) | Reply::Results { .. } | Reply::Input(_) => {
            let silent = tell_silent(context, &event.session_id, &Recipient::MainConversation);
            // Last, because it takes no more room than the others leave.
            let reply = with_news(context, &event.session_id, reply.with_note(silent));
            with_ultrawork(context, &event.prompt, reply)
        }
    })
}

fn reply_to(context: &Context, event: &UserPromptSubmit) -> Result<Reply> {
    match read_prompt(&event.prompt) {
        Prompt::Notices(notices) if context.settings().execution == Execution::On => {
            deliver_with_notices(context, &event.session_id, &event.cwd, notices)
        }
        // The results that it was said for may have been told meanwhile: then there is nothing to take a turn for.
        Prompt::OwnWake => {
            let reply = deliver(context, &event.session_id, &Recipient::MainConversation)?;
            let silent = tell_silent(context, &event.session_id, &Recipient::MainConversation);
            let reply = with_news(context, &event.session_id, reply.with_note(silent));
            if reply != Reply::Silent {
                return Ok(reply);
            }
            Ok(Reply::Swallow { reason: "sisyphus: all results were delivered already".to_owned() })
        }
        // Switched off, nothing new is recorded; what was recorded before is still owed.
        Prompt::Notices(_) | Prompt::Typed | Prompt::Foreign => {
            deliver(context, &event.session_id, &Recipient::MainConversation)
        }
    }
}
