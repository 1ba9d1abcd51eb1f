//! The last message of an agent, kept with its task. Claude Code reports it. Ours is for a model that has lost it to a
//! compaction, and for people. No hook delivers it.

use sisyphus_base::id::{ClientTaskId, SessionId, TaskId};
use sisyphus_hook::Context;
use sisyphus_settings::Switch;
use sisyphus_state::agents::live_agents;
use sisyphus_state::output::{has_message, keep_message};
use sisyphus_state::store::Active;
use sisyphus_tasks::task::{Kind, Task};

/// Keeps what an agent that is about to end has said, unless the user wants none kept. The file is written before the
/// end is recorded: a hook that is killed in between leaves a message, and no end without one.
pub(super) fn keep(context: &Context, active: &Active, id: &ClientTaskId, message: Option<&str>) {
    let Some(message) = message.filter(|it| is_wanted(context, it)) else { return };
    if let Some(agent) = live_agents(active).find(|agent| agent.client_id() == Some(id)) {
        write(context, &agent.id, message);
    }
}

/// The same for what Claude Code's notice says (CC-61), if no message is kept: SubagentStop was missing (CC-60), or its
/// hook was killed.
pub(super) fn keep_noticed(
    context: &Context,
    active: &Active,
    session: &SessionId,
    id: &ClientTaskId,
    message: Option<&str>,
) {
    let Some(message) = message.filter(|it| is_wanted(context, it)) else { return };
    let is_it = |task: &&Task| task.kind == Kind::Agent && task.client_id() == Some(id);
    // The newest: an agent that was revived has a record for each of its lives.
    let recorded = active.tasks.iter().rev().find(is_it).cloned();
    let retired = || context.store.find_retired(session, id);
    let Some(agent) = recorded.or_else(retired).filter(|task| task.kind == Kind::Agent) else {
        return;
    };
    if !has_message(context.store.dir(), &agent.id) {
        write(context, &agent.id, message);
    }
}

fn is_wanted(context: &Context, message: &str) -> bool {
    !message.trim().is_empty() && context.settings().keep_agent_messages == Switch::On
}

fn write(context: &Context, task: &TaskId, message: &str) {
    let kept = keep_message(context.store.dir(), task, message);
    context.logged("agents", kept);
}
