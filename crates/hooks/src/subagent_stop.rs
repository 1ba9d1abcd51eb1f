//! SubagentStop: what the subagent started belongs to the main conversation now, and the agent has finished, unless
//! work of its own is live. The hook prints nothing: Claude Code would give it to the subagent and keep that running.

use anyhow::Result;
use sisyphus_base::id::ClientTaskId;
use sisyphus_hook::{Context, Reply, SubagentStop};
use sisyphus_state::event::Event;
use sisyphus_tasks::task::{AgentLife, Task};

use crate::agent::{settle, stopped};

/// Handles the event.
pub fn handle(context: &Context, event: SubagentStop) -> Result<Reply> {
    let (session, agent) = (&event.session_id, &event.agent_id);
    let peek = context.peek()?;
    let words = event.last_assistant_message.as_deref();
    let id = ClientTaskId::new(agent.as_str())?;
    let mut events: Vec<Event> = stopped(context, &peek.active, id, words).into_iter().collect();
    let is_its = |task: &Task| {
        let lives = task.agent_life == AgentLife::Lives;
        &task.session == session && task.agent.as_ref() == Some(agent) && lives
    };
    if peek.active.tasks.iter().any(is_its) {
        let (session, agent) = (session.clone(), agent.clone());
        events.push(Event::SubagentStopped { session, agent });
    }
    if !events.is_empty() || peek.has_news() {
        context.commit(peek, &events, |_, _| ())?;
    }
    settle(context, context.now);
    Ok(Reply::Silent)
}
