//! Asks once before a foreground command of a group whose slots are all held, if the user wants that. In the background
//! the command would wait for its turn by itself.
//!
//! In doubt the command runs.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use anyhow::Result;
use serde_json::Value;
use sisyphus_hook::{Context, PreToolUse, Reply};
use sisyphus_process::is_alive;
use sisyphus_service::is_in_group;
use sisyphus_settings::{Foreground, Group, Switch};
use sisyphus_state::line::{RuntimeDir, Snapshot};
use sisyphus_state::store::LOCK_WAIT_IN_HOOK;
use sisyphus_wording::group_refused;

/// Answers a Bash call that does not ask for the background.
pub(crate) fn ask_for_group(context: &Context, event: &PreToolUse) -> Result<Reply> {
    // Most users have no groups. Then this is all that their foreground commands cost. A folder that is refused holds no
    // slot: the hooks of background commands log why.
    let runtime = RuntimeDir::open(&context.environment).ok().flatten();
    if !runtime.is_some_and(|runtime| runtime.groups().exists()) {
        return Ok(Reply::Silent);
    }
    let settings = context.settings();
    let Some(command) = event.tool_input.get("command").and_then(Value::as_str) else {
        return Ok(Reply::Silent);
    };
    let is_its = |group: &&Group| is_in_group(command, &group.patterns);
    let group = settings.groups.iter().find(is_its);
    let asks = |group: &&Group| group.foreground == Foreground::Asks;
    let Some(group) = group.filter(asks).filter(|_| settings.execution == Switch::On) else {
        return Ok(Reply::Silent);
    };
    let line = Snapshot::read(&context.environment, is_alive)?;
    let held = line.groups.get(&group.name).map_or(0, |queue| queue.holders.len());
    if held < group.limit.get() {
        return Ok(Reply::Silent);
    }
    let mut hasher = DefaultHasher::new();
    command.hash(&mut hasher);
    let key = hasher.finish();
    let may_ask = context.store.update(&context.world(), LOCK_WAIT_IN_HOOK, |active, now| {
        active.may_ask(&event.session_id, key, now.tick)
    })?;
    if !may_ask {
        return Ok(Reply::Silent);
    }
    let active = context.store.read_active()?;
    Ok(Reply::Deny { reason: group_refused(&active, &line, &group.name, group.limit) })
}
