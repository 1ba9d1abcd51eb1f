//! Tasks for tests, here and in the crates above.

use chrono::DateTime;
use sisyphus_base::clock::Tick;
use sisyphus_base::id::{ClientTaskId, SessionId, TaskId, Ticket, ToolUseId};

use super::{Client, Event, Kind, Task};
use crate::outcome::Outcome;
use crate::session::{AskedBy, Delegated, PermissionMode, SessionReport};
use crate::status::{Ending, Status};

/// A task that ended this way.
pub fn finished(id: &str, outcome: Outcome) -> Task {
    let mut task = confirmed(id, 1);
    let ended_at = DateTime::from_timestamp(1_800_000_060, 0).unwrap();
    task.apply(Event::Ended(Ending::unseen(outcome, ended_at)), Tick(1));
    task
}

/// A pending task.
pub fn pending(id: &str, ticket: u64) -> Task {
    let announced_at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let mut task = Task::new(
        TaskId::new(id).unwrap(),
        Ticket(ticket),
        SessionId::new("session-1").unwrap(),
        "/home/dev/proj".into(),
        Status::Pending { announced_at },
    );
    task.tool_use_id = Some(ToolUseId::new(format!("toolu_{id}")).unwrap());
    task.command = String::from("npm test");
    task.description = String::from("run the tests");
    task.client_limit_ms = Some(600_000);
    task
}

/// The same with more known about its ending.
pub fn with_ending(mut task: Task, change: impl FnOnce(&mut Ending)) -> Task {
    if let Status::Finished(ending) = &mut task.status {
        change(ending);
    }
    task
}

/// A task that Claude Code calls a background task.
pub fn confirmed(id: &str, ticket: u64) -> Task {
    let mut task = pending(id, ticket);
    task.client = Some(Client { id: ClientTaskId::new(format!("b{id}")).unwrap(), process: None });
    task
}

/// The same task in another status.
pub fn in_status(mut task: Task, status: Status) -> Task {
    task.status = status;
    task
}

/// The same task as a delegated session that the model asked for, with what it has reported.
pub fn delegated(mut task: Task, report: Option<SessionReport>) -> Task {
    task.kind = Kind::Session;
    task.client = None;
    task.client_limit_ms = None;
    task.command = String::new();
    let conversation = SessionId::new("6f1c2d3e-0000-4000-8000-000000000001").unwrap();
    let mut delegated = Delegated {
        conversation,
        asked_by: AskedBy::Model { mode: PermissionMode::AcceptEdits },
        project: task.cwd.clone(),
        prompt: String::new(),
        prompt_length: 0,
        agent: None,
        model: None,
        worktree: None,
        budget_micro_usd: None,
        depth: 1,
        continues: None,
        caller: None,
        report,
    };
    delegated.set_prompt("Read the migration and list risks.");
    delegated.set_names(Some("explore"), Some("haiku"));
    task.delegated = Some(Box::new(delegated));
    task
}
