//! A prompt that another hook blocks takes with it what we had added: the model gets neither.
//!
//! Hooks of one prompt run side by side, so that ours can't know. The client's transcript tells it a moment later.

use std::path::Path;

use anyhow::Result;
use chrono::Utc;
use sisyphus_core::id::{SessionId, TaskId};
use sisyphus_core::store::{LOCK_WAIT_IN_HOOK, Sent};
use sisyphus_hook::{Context, blocked};

/// How long the client has to write down what became of a prompt: it does so within a tenth of a second.
const WRITTEN: chrono::Duration = chrono::Duration::milliseconds(1_500);

/// Looks what became of the prompts that results went out with, and owes again what was blocked.
pub(crate) fn take_back(
    context: &Context,
    session: &SessionId,
    transcript: Option<&Path>,
) -> Result<()> {
    let until = Utc::now() - WRITTEN;
    let outbox = context.store.read_outbox(session)?;
    let sent: Vec<&Sent> = outbox.sent().iter().filter(|sent| sent.at <= until).collect();
    if sent.is_empty() {
        return Ok(());
    }
    let blocked = transcript.map_or(Ok(Vec::new()), |path| blocked(path, &sent));
    // What can't be read says nothing against them.
    let blocked: Vec<TaskId> = match blocked {
        Ok(blocked) => blocked.into_iter().cloned().collect(),
        Err(error) => {
            context.log("transcript", &error);
            Vec::new()
        }
    };
    let tasks =
        if blocked.is_empty() { Vec::new() } else { context.store.read_finished(&blocked)? };
    context.store.update(LOCK_WAIT_IN_HOOK, |transaction| {
        transaction.outbox(session)?.learn_fates(until, tasks);
        Ok(())
    })
}
