//! Delegated sessions: what a runner is asked to start, which slots sessions share, and what changes for those that
//! have not started.
//!
//! Sessions have slots of their own, apart from those of commands, and one set for each depth. A session of depth 1
//! waits only for a slot of depth 1. While it runs, its commands wait for slots of commands, and the sessions that it
//! asks for wait for slots of depth 2. A command waits for no session. So whatever holds a slot waits only for slots of
//! a later kind in this order: session of depth 1, of depth 2, of depth 3, group of commands, command. No cycle is
//! possible.

#[cfg(test)]
mod model;
mod place;
mod request;
mod slot_set;
mod throttle;
mod worktree;

use sisyphus_base::id::SessionId;
use sisyphus_tasks::session::{AskedBy, PermissionMode};
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Kind, Task};

use crate::active::Active;

pub use place::place_of;
pub use request::{Conversation, SessionRequest};
pub use slot_set::SlotSet;
pub(crate) use throttle::rate_limited;
pub use throttle::{LiveThrottles, lowered, throttle_on};
pub use worktree::{ensure_same_rules, repository, worktree_branch, worktree_path};

/// Most sessions that one conversation may have waiting. A model that never stops delegating must not fill the machine.
pub const PENDING_MAX: usize = 50;

/// The sessions that have not started.
fn unstarted(active: &Active) -> impl Iterator<Item = &Task> {
    active.live().filter(|task| is_unstarted(task))
}

fn is_unstarted(task: &Task) -> bool {
    task.kind == Kind::Session
        && matches!(task.status(), Status::Pending { .. } | Status::Queued { .. })
}

/// How many sessions of this conversation have not started.
pub fn count_unstarted(active: &Active, session: &SessionId) -> usize {
    unstarted(active).filter(|task| &task.session == session).count()
}

/// Whether a session that has not started would get more than its caller, which has this permission mode now.
pub fn is_narrower(active: &Active, session: &SessionId, mode: PermissionMode) -> bool {
    let granted = |task: &Task| Some(task.delegated.as_ref()?.asked_by);
    unstarted(active)
        .filter(|task| &task.session == session)
        .any(|task| matches!(granted(task), Some(AskedBy::Model { mode: had }) if had > mode))
}

/// Lowers the mode of this conversation's sessions that have not started.
pub(crate) fn narrow(active: &mut Active, session: &SessionId, mode: PermissionMode) {
    for task in &mut active.tasks {
        if &task.session != session || !is_unstarted(task) {
            continue;
        }
        let Some(delegated) = &mut task.delegated else { continue };
        if let AskedBy::Model { mode: had } = &mut delegated.asked_by {
            *had = mode.min(*had);
        }
    }
}
