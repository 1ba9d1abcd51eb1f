//! How an agent ends: with Claude Code's notice, or with SubagentStop.

use sisyphus_base::id::{ClientTaskId, SessionId};
use sisyphus_hook::{Context, read_agent_end, read_agent_message, read_stopped_agents};
use sisyphus_state::agents::{AgentEnd, Limits, has_own_work, is_rate_limit, live_agents};
use sisyphus_state::event::Event;
use sisyphus_state::store::Active;
use sisyphus_tasks::agent_call::Activity;
use sisyphus_tasks::outcome::{AgentFailure, Canceller};
use sisyphus_tasks::task::Task;

use super::is_live;
use super::message::{keep, keep_noticed};

/// The result that a prompt announces, if it is such a notice. The model reads the notice in any case.
pub(crate) fn agent_end(
    context: &Context,
    active: &Active,
    session: &SessionId,
    prompt: &str,
) -> Option<Event> {
    let (id, end) = read_agent_end(prompt)?;
    keep_noticed(context, active, session, &id, read_agent_message(prompt));
    is_live(active, &id).then(|| ended(context, id, end))
}

/// The ends of all agents that the user stopped together, if the prompt is Claude Code's notice of that.
pub(crate) fn agents_stopped(
    context: &Context,
    active: &Active,
    session: &SessionId,
    prompt: &str,
) -> Vec<Event> {
    let Some(names) = read_stopped_agents(prompt) else { return Vec::new() };
    let theirs = || live_agents(active).filter(|agent| &agent.session == session);
    // Of two with one description, the prompt does not say which was stopped. Then the list of the next Stop does.
    let is_named = |agent: &&Task| {
        let bearers = theirs().filter(|other| other.description == agent.description).count();
        names.matches(&format!("\"{}\"", agent.description)).count() >= bearers
    };
    let named = theirs().filter(is_named);
    let ids = named.filter_map(|agent| agent.client_id().cloned());
    ids.map(|id| ended(context, id, AgentEnd::Stopped(Canceller::User))).collect()
}

/// Records that an agent stopped, with these last words. While work of its own is live, it only waits for that.
pub(crate) fn stopped(
    context: &Context,
    active: &Active,
    id: ClientTaskId,
    words: Option<&str>,
) -> Option<Event> {
    if !is_live(active, &id) {
        return None;
    }
    if has_own_work(active, &id) {
        return Some(Event::AgentActivity { id, activity: Activity::Rests });
    }
    keep(context, active, &id, words);
    let end = if words.is_some_and(is_rate_limit) {
        AgentEnd::Failed(AgentFailure::RateLimit)
    } else {
        AgentEnd::Finished
    };
    Some(ended(context, id, end))
}

fn ended(context: &Context, id: ClientTaskId, end: AgentEnd) -> Event {
    Event::AgentEnded { id, end, limits: Limits::of(context.settings()), at: context.now.at }
}
