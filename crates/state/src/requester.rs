//! Which conversation calls a tool of our MCP server. Claude Code gives the server only the id of a call. So the hook
//! that sees the call first posts what it knows, and the server claims that. One server outlives many sessions of its
//! Claude Code, and subagents call it too.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use sisyphus_base::atomic;
use sisyphus_base::id::{SessionId, ToolUseId};
use sisyphus_base::json;
use sisyphus_base::paths::{StateDir, create_private_dir};
use sisyphus_tasks::recipient::Recipient;
use sisyphus_tasks::session::PermissionMode;
use sisyphus_tasks::task::Task;

/// Largest file that names a requester, in bytes.
const MAX_BYTES: u64 = 4096;

/// A conversation of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requester {
    pub session: SessionId,
    pub conversation: Recipient,
    /// The permission mode that it has. Without one, as from an older hook, the narrowest that can work counts.
    #[serde(default)]
    pub mode: PermissionMode,
    /// The folder of its project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<PathBuf>,
}

impl Requester {
    /// The main conversation of a session.
    pub fn main(session: SessionId) -> Self {
        let mode = PermissionMode::default();
        Self { session, conversation: Recipient::MainConversation, mode, project: None }
    }

    /// Whether the requester is notified when this task finishes.
    pub fn awaits(&self, task: &Task) -> bool {
        self.session == task.session && task.is_for(&self.conversation)
    }

    /// Posts the requester of this call for the server.
    pub fn leave(&self, state: &StateDir, call: &ToolUseId) -> Result<()> {
        state.create()?;
        create_private_dir(&state.claims_dir())?;
        let bytes = json::line(self).context("could not encode a requester")?;
        atomic::write(&state.call(call), &bytes)
    }

    /// Claims the requester of this call; `None` if it is missing or unreadable.
    pub fn take(state: &StateDir, call: &ToolUseId) -> Option<Self> {
        let path = state.call(call);
        let requester = atomic::read_json(&path, MAX_BYTES);
        let _ = std::fs::remove_file(&path);
        requester
    }
}

#[cfg(test)]
mod tests {
    use sisyphus_base::id::AgentId;
    use sisyphus_tasks::task::AgentLife;
    use sisyphus_tasks::task::samples::pending;
    use sisyphus_testing::TempDir;

    use super::*;

    fn agent(id: &str) -> Recipient {
        Recipient::Agent(AgentId::new(id).unwrap())
    }

    #[test]
    fn what_was_left_about_a_call_is_taken_once() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path().join("state"));
        let session = SessionId::new("s1").unwrap();
        let askers = [
            Requester::main(session.clone()),
            Requester {
                conversation: agent("a1"),
                mode: PermissionMode::Auto,
                ..Requester::main(session)
            },
        ];
        let call = ToolUseId::new("toolu_1").unwrap();
        for requester in askers {
            requester.leave(&state, &call).unwrap();
            assert_eq!(Requester::take(&state, &call), Some(requester));
            assert_eq!(Requester::take(&state, &call), None);
        }
        std::fs::write(state.call(&call), "{").unwrap();
        assert_eq!(Requester::take(&state, &call), None);
        assert!(!state.call(&call).exists());
    }

    #[test]
    fn a_task_is_awaited_by_who_started_it() {
        let main = Requester::main(SessionId::new("session-1").unwrap());
        let other = Requester::main(SessionId::new("session-2").unwrap());
        let sub = Requester { conversation: agent("a1"), ..main.clone() };
        let mut task = pending("t1", 1);
        assert_eq!([&main, &other, &sub].map(|it| it.awaits(&task)), [true, false, false]);
        task.agent = Some(AgentId::new("a1").unwrap());
        assert_eq!([&main, &other, &sub].map(|it| it.awaits(&task)), [false, false, true]);
        task.agent_life = AgentLife::Stopped;
        assert_eq!([&main, &other, &sub].map(|it| it.awaits(&task)), [true, false, true]);
    }
}
