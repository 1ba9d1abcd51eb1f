//! Recording a call before it runs: step 2 of a background command's way.

use std::path::PathBuf;

use anyhow::Result;
use chrono::{DateTime, Utc};

use crate::id::{AgentId, SessionId, TaskId, ToolUseId};
use crate::run_folder::{Announced, Announcement, RunRoot};
use crate::status::{Status, Watch};
use crate::store::{LOCK_WAIT_IN_HOOK, Store, Transaction};
use crate::sys;
use crate::task::{Kind, Task};

/// A background call, as the client describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub session: SessionId,
    pub tool_use_id: Option<ToolUseId>,
    pub agent: Option<AgentId>,
    pub kind: Kind,
    pub cwd: PathBuf,
    pub command: String,
    pub description: String,
    /// The time limit in milliseconds from the real start.
    pub limit_ms: Option<u64>,
    /// When the client itself would stop the task, in milliseconds from the call.
    pub client_limit_ms: Option<u64>,
}

impl Call {
    /// Makes a task of the call, with the next ticket.
    pub(crate) fn into_task(self, transaction: &mut Transaction<'_>, status: Status) -> Task {
        let ticket = transaction.active.draw_ticket();
        Task {
            tool_use_id: self.tool_use_id,
            agent: self.agent,
            kind: self.kind,
            command: self.command,
            description: self.description,
            limit_ms: self.limit_ms,
            client_limit_ms: self.client_limit_ms,
            ..Task::new(TaskId::random(), ticket, self.session, self.cwd, status)
        }
    }
}

/// Records the call as pending, and announces it to the shell that will run it.
pub fn announce(store: &Store, root: &RunRoot, call: Call, now: DateTime<Utc>) -> Result<()> {
    let task = store.update(LOCK_WAIT_IN_HOOK, |transaction| {
        let mut task = call.into_task(transaction, Status::Pending { announced_at: now });
        task.run_root = Some(root.path().to_owned());
        task.host = sys::host();
        transaction.active.tasks.push(task.clone());
        Ok(task)
    })?;
    root.folder(&task.id).create()?;
    let announcement = Announcement {
        task: task.id,
        ticket: task.ticket,
        kind: task.kind,
        command: task.command,
        limit_ms: task.limit_ms,
    };
    Announced::of(root, &task.session).announce(&announcement)
}

/// Forgets the session's calls that never ran: denied, or answered by another hook. A call of a subagent may still be
/// on its way while the main conversation stops, so `of` says whose calls are over.
pub fn forget_unclaimed(store: &Store, session: &SessionId, of: Unclaimed) -> Result<()> {
    let is_over = |task: &Task| {
        let whose = match of {
            Unclaimed::MainConversation => task.agent.is_none(),
            Unclaimed::WholeSession => true,
        };
        whose
            && &task.session == session
            && task.client.is_none()
            && matches!(task.status, Status::Pending { .. })
    };
    if !store.read_active()?.tasks.iter().any(is_over) {
        return Ok(());
    }
    store.update(LOCK_WAIT_IN_HOOK, |transaction| {
        let stays = |task: &Task| !is_over(task) || withdraw(task) == Withdrawal::Claimed;
        transaction.active.tasks.retain(stays);
        Ok(())
    })
}

/// What became of an announcement that was to be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawal {
    /// No shell will claim it any more.
    Withdrawn,
    /// A shell was quicker.
    Claimed,
}

/// Takes a pending call's announcement back, and its run folder with it.
pub fn withdraw(task: &Task) -> Withdrawal {
    let root = match RunRoot::of(task) {
        Ok(Some(root)) => root,
        Ok(None) => return Withdrawal::Withdrawn,
        // What is in a folder that is not ours alone can't be known: better left than taken from a running command.
        Err(_) => return Withdrawal::Claimed,
    };
    let folder = root.folder(&task.id);
    let retracted = Announced::of(&root, task.started_in()).retract(task.ticket, &task.id);
    if !retracted && folder.claimed().exists() {
        return Withdrawal::Claimed;
    }
    folder.remove();
    Withdrawal::Withdrawn
}

/// Whether nobody but the client will see the task end. The announcement of a call that has not been claimed is taken
/// back first, so that this stays so.
pub fn is_left_to_client(task: &Task) -> bool {
    match &task.status {
        Status::Pending { .. } => withdraw(task) == Withdrawal::Withdrawn,
        Status::Running { watch: Watch::Observed, .. } => true,
        Status::Queued { .. }
        | Status::Running { watch: Watch::Supervised, .. }
        | Status::Finished(_) => false,
    }
}

/// Whose unclaimed calls can't run any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclaimed {
    /// The main conversation's turn is over.
    MainConversation,
    /// The session is over.
    WholeSession,
}
