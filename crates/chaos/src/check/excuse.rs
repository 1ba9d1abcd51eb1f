//! Commands that only killed processes knew of: they can't be reported, and are counted apart.

use super::story::{Stories, Story, Told};
use crate::ledger::{Fate, HookRun};

/// Why a command could not be reported; `None` if it could.
pub(super) fn excuse(stories: &Stories<'_>, story: &Story<'_>) -> Option<&'static str> {
    let is_client_gone = stories.killed_clients.contains(&story.call.session.as_str());
    let lived = |run: &&HookRun| run.fate == Fate::Exited;
    // The hook before the permission check does not know whether the call will run.
    let names_run = |run: &&HookRun| lived(run) && run.hook != "sisyphus-pre-tool-use";
    if !story.hooks.iter().any(lived) {
        return Some("each hook that named it was killed");
    }
    if !story.is_answered && !story.hooks.iter().any(names_run) {
        let by_client = "its client was killed before it wrote the answer";
        let by_hooks = "each hook that knew it to run was killed, and nothing was written";
        return Some(if is_client_gone { by_client } else { by_hooks });
    }
    let printed = |told: &Told<'_>| told.by.fate == Fate::Killed;
    if story.told.iter().any(printed) {
        return Some("the hook that reported it was killed after its last output");
    }
    let over = story.over_at()?;
    let of_session = |run: &HookRun| run.session == story.call.session;
    // A hook reads results when it commits, on a busy machine long after its start. A waiter reports nothing itself.
    let may_tell =
        |at: u64, run: &HookRun| of_session(run) && at >= over && run.hook != "sisyphus-wake";
    let (_, orphan) = stories.orphaned.iter().find(|(at, run)| may_tell(*at, run))?;
    // If a hook had to report it earlier and did not, the lost answer is no excuse.
    let had_to_tell = |run: &HookRun| {
        let exited = story.exited_at.is_some_and(|exited| exited <= run.since);
        of_session(run) && exited && run.since < orphan.since
    };
    let is_late = stories.prompts.iter().any(|run| had_to_tell(run));
    (!is_late).then_some("its client was killed while a hook's answer was on its way")
}
