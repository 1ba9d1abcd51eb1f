//! The client's notice of an agent's end, for the books.

use sisyphus_core::agents::ended;
use sisyphus_core::task::{Kind, Task};
use sisyphus_hook::{Context, read_agent_end};

use super::{logged, update};

/// Hears the notice in a prompt, if it is one. The model reads it whatever becomes of this.
pub(crate) fn hear_agent(context: &Context, prompt: &str) {
    let Some((id, end)) = read_agent_end(prompt) else { return };
    let is_it = |task: &Task| task.kind == Kind::Agent && task.client_id() == Some(&id);
    let heard = context.store.read_active().and_then(|active| {
        if !active.tasks.iter().any(is_it) {
            return Ok(());
        }
        update(context, context.now, |transaction, limits| {
            ended(transaction, &id, end, limits, context.now)
        })
    });
    logged(context, heard);
}
