//! PreToolUse of a call for an agent: records it, so that SubagentStart knows that it has to wait for the answer.
//!
//! A call in the foreground is left alone: the user waits for it. So is a call of a subagent, which might wait for the
//! agent and hold the slot that the agent needs.

use anyhow::Result;
use sisyphus_hook::{AgentLaunch, Context, Place, PreToolUse};
use sisyphus_process::client;
use sisyphus_settings::Switch;
use sisyphus_state::agents::called;
use sisyphus_tasks::recipient::Recipient;

use super::LOCK_WAIT_FOR_AGENT;
use super::after::launch;

/// Handles a call.
pub(crate) fn before_agent(context: &Context, event: PreToolUse) -> Result<()> {
    let Some(asked) = AgentLaunch::of(&event.tool_input) else { return Ok(()) };
    let is_left_alone =
        event.conversation != Recipient::MainConversation || asked.place == Place::Foreground;
    if is_left_alone || context.settings().execution == Switch::Off {
        return Ok(());
    }
    // This Claude Code answers such a call only when the agent is over.
    if asked.place == Place::NotSaid
        && let Some(foreground) = &context.store.read_active()?.agents.foreground
        && client().as_ref() == Some(foreground)
    {
        return Ok(());
    }
    let launch = launch(asked, event.session_id, event.tool_use_id, None, event.cwd);
    let at = context.now.at;
    context.store.update(&context.world(), LOCK_WAIT_FOR_AGENT, |active, _| {
        called(active, launch, at);
    })
}
