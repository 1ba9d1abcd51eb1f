//! Tying our record of a call to the client's task: the client's word counts.

use anyhow::Result;
use chrono::{DateTime, Utc};

use crate::announce::Call;
use crate::id::{ClientTaskId, SessionId};
use crate::status::{Status, Watch};
use crate::store::{Claimer, Transaction};
use crate::sys;
use crate::task::{Client, Task, Witness};

/// Records that the client, which is `process`, started `call` as its background task `client_id`. A call that nobody
/// announced becomes an observed task.
pub fn bind(
    transaction: &mut Transaction<'_>,
    call: Call,
    client_id: &ClientTaskId,
    process: Option<&Claimer>,
    now: DateTime<Utc>,
) -> Result<()> {
    let mut known = tasks_of(transaction, &call.session)?;
    let position = known
        .iter()
        .position(|task| call.tool_use_id.is_some() && task.tool_use_id == call.tool_use_id);
    let Some(position) = position else {
        let Some(task) = known.into_iter().find(|task| task.client_id() == Some(client_id)) else {
            return observe(transaction, call, client_id, process, now);
        };
        confirm(task, client_id, process);
        return Ok(());
    };

    let seen = known[position].client_id();
    if seen.is_none_or(|seen| seen == client_id) {
        confirm(known[position], client_id, process);
        return Ok(());
    }
    // Another shell with the same command took the announcement that was meant for this call's. This call's own shell
    // took another one, or still will.
    let command = known[position].command.clone();
    let is_still_free =
        |task: &Task| task.client.is_none() && !task.status.is_final() && task.command == command;
    let seen = known.iter().position(|task| task.client_id() == Some(client_id));
    let Some(twin) = seen.or_else(|| known.iter().position(|task| is_still_free(task))) else {
        // It was a foreground call: to us a stranger, never to be reported.
        known[position].tool_use_id = None;
        return observe(transaction, call, client_id, process, now);
    };
    let [mistaken, right] = known.get_disjoint_mut([position, twin])?;
    swap_calls(mistaken, right);
    confirm(right, client_id, process);
    Ok(())
}

/// Exchanges what two tasks know of the calls that they came from. The time limit stays: each runner enforces the one
/// of the announcement that it took.
pub(crate) fn swap_calls(one: &mut Task, other: &mut Task) {
    std::mem::swap(&mut one.tool_use_id, &mut other.tool_use_id);
    std::mem::swap(&mut one.description, &mut other.description);
    std::mem::swap(&mut one.agent, &mut other.agent);
    std::mem::swap(&mut one.agent_life, &mut other.agent_life);
    std::mem::swap(&mut one.cwd, &mut other.cwd);
    std::mem::swap(&mut one.client_limit_ms, &mut other.client_limit_ms);
}

/// Every task of the session that is not delivered: active ones, then those whose result is owed.
pub fn tasks_of<'a>(
    transaction: &'a mut Transaction<'_>,
    session: &SessionId,
) -> Result<Vec<&'a mut Task>> {
    let (active, outbox) = transaction.active_and_outbox(session)?;
    let active = active.tasks.iter_mut().filter(|task| &task.session == session);
    Ok(active.chain(outbox.held_mut()).collect())
}

fn confirm(task: &mut Task, client_id: &ClientTaskId, process: Option<&Claimer>) {
    let process = process.cloned();
    task.client = Some(Client { process, ..Client::new(client_id.clone(), Witness::Client) });
    if task.host.is_none() {
        task.host = sys::host();
    }
}

fn observe(
    transaction: &mut Transaction<'_>,
    call: Call,
    client_id: &ClientTaskId,
    process: Option<&Claimer>,
    now: DateTime<Utc>,
) -> Result<()> {
    if transaction.outbox(&call.session)?.has_told(client_id, |_| true) {
        return Ok(());
    }
    let status = Status::Running { started_at: now, watch: Watch::Observed };
    let mut task = call.into_task(transaction, status);
    confirm(&mut task, client_id, process);
    transaction.active.tasks.push(task);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ToolUseId;
    use crate::paths::StateDir;
    use crate::store::Store;
    use crate::task::Kind;
    use crate::task::tests::pending;
    use sisyphus_testing::TempDir;
    use std::time::Duration;

    fn call(tool_use: &str) -> Call {
        Call {
            session: SessionId::new("session-1").unwrap(),
            tool_use_id: Some(ToolUseId::new(tool_use).unwrap()),
            agent: None,
            kind: Kind::Command,
            cwd: "/".into(),
            command: "npm test".to_owned(),
            description: String::new(),
            limit_ms: None,
            client_limit_ms: None,
        }
    }

    fn seen_by_runner(id: &str, client_id: &str) -> Task {
        let mut task = pending(id, 1);
        task.client = Some(Client::new(ClientTaskId::new(client_id).unwrap(), Witness::Runner));
        task
    }

    /// Binds `toolu_t1` to `b1` with these tasks known, and shows every task as `id tool client witness watch`.
    fn bound(tasks: Vec<Task>) -> Vec<String> {
        let dir = TempDir::new();
        let store = Store::new(StateDir::at(dir.path()));
        let client_id = ClientTaskId::new("b1").unwrap();
        store
            .update(Duration::ZERO, |transaction| {
                transaction.active.tasks = tasks;
                bind(transaction, call("toolu_t1"), &client_id, None, Utc::now())
            })
            .unwrap();
        let show = |task: &Task| {
            let id = if task.id.as_str().len() > 3 { "new" } else { task.id.as_str() };
            let tool = task.tool_use_id.as_ref().map_or("-", ToolUseId::as_str);
            let client = task
                .client
                .as_ref()
                .map_or("-".to_owned(), |it| format!("{}/{:?}", it.id, it.said_by));
            format!("{id} {tool} {client} {}", task.status.word())
        };
        store.read_active().unwrap().tasks.iter().map(show).collect()
    }

    #[test]
    fn an_announced_call_is_confirmed() {
        assert_eq!(bound(vec![pending("t1", 1)]), ["t1 toolu_t1 b1/Client pending"]);
        assert_eq!(bound(vec![seen_by_runner("t1", "b1")]), ["t1 toolu_t1 b1/Client pending"]);
    }

    #[test]
    fn an_unannounced_call_is_observed() {
        assert_eq!(
            bound(vec![pending("t2", 1)]),
            ["t2 toolu_t2 - pending", "new toolu_t1 b1/Client running"]
        );
    }

    #[test]
    fn twins_that_took_each_others_announcement_are_set_right() {
        assert_eq!(
            bound(vec![seen_by_runner("t1", "b2"), seen_by_runner("t2", "b1")]),
            ["t1 toolu_t2 b2/Runner pending", "t2 toolu_t1 b1/Client pending"]
        );
    }

    #[test]
    fn a_twin_whose_shell_has_claimed_nothing_yet_is_no_stranger() {
        assert_eq!(
            bound(vec![seen_by_runner("t1", "b2"), pending("t2", 2)]),
            ["t1 toolu_t2 b2/Runner pending", "t2 toolu_t1 b1/Client pending"]
        );
    }

    #[test]
    fn a_foreground_twin_that_took_the_announcement_is_never_reported() {
        assert_eq!(
            bound(vec![seen_by_runner("t1", "b9")]),
            ["t1 - b9/Runner pending", "new toolu_t1 b1/Client running"]
        );
    }
}
