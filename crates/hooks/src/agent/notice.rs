//! Records Claude Code's notice that an agent finished.

use sisyphus_hook::{Context, read_agent_end};
use sisyphus_state::agents::Limits;
use sisyphus_state::event::Event;
use sisyphus_state::store::Active;
use sisyphus_tasks::task::{Kind, Task};

/// The result that a prompt announces, if it is such a notice. The model reads the notice in any case.
pub(crate) fn agent_end(context: &Context, active: &Active, prompt: &str) -> Option<Event> {
    let (id, end) = read_agent_end(prompt)?;
    let is_it = |task: &Task| task.kind == Kind::Agent && task.client_id() == Some(&id);
    active.live().any(is_it).then(|| {
        let limits = Limits::of(context.settings());
        Event::AgentEnded { id, end, limits, at: context.now.at }
    })
}
