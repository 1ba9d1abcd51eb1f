//! SessionStart: attaches the session's shells to the runner, notes who else rewrites commands, and brings what is owed
//! to a session that was resumed or compacted.

use anyhow::Result;
use sisyphus_core::settings::Execution;
use sisyphus_hook::{Context, Reply, SessionSource, SessionStart};

use crate::attach::attach;
use crate::deliver::{Recipient, deliver};
use crate::others::survey;

/// Handles the event.
pub fn handle(context: &Context, event: SessionStart) -> Result<Reply> {
    if context.settings().execution == Execution::Off {
        return Ok(Reply::Silent);
    }
    // One after the other, and none stops the next: a session without attachment still gets its results.
    let steps = [
        ("attach", attach(context, &event.session_id)),
        (
            "survey",
            context
                .store
                .write_session(&event.session_id, survey(&context.environment, &event.cwd)),
        ),
    ];
    for (step, outcome) in steps {
        if let Err(error) = outcome {
            context.log(&format!("SessionStart {step}"), &error);
        }
    }
    context.fold();
    match event.source {
        SessionSource::Resume | SessionSource::Compact => {
            deliver(context, &event.session_id, &Recipient::MainConversation)
        }
        SessionSource::Startup | SessionSource::Clear | SessionSource::Other => Ok(Reply::Silent),
    }
}
