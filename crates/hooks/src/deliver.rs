//! Giving the model the results that are owed to it.

use std::path::Path;

use anyhow::Result;
use chrono::{DateTime, Utc};
use sisyphus_core::client_end::{ClientNotice, Heard, hear};
use sisyphus_core::id::{ClientTaskId, SessionId};
use sisyphus_core::notice::{Rest, TOLD_AT_ONCE, reminder};
use sisyphus_core::paths::client_tmp_dir;
use sisyphus_core::status::Status;
use sisyphus_core::store::{Delivery, LOCK_WAIT_IN_HOOK, Tally, Transaction};
use sisyphus_core::task::{Kind, Task};
use sisyphus_hook::{Context, Notification, Receipt, Reply};
use sisyphus_process::{is_alive, this_process};

pub(crate) use sisyphus_core::asker::Recipient;

/// Delivers everything that is ready, if anything is.
pub(crate) fn deliver(context: &Context, session: &SessionId, to: &Recipient) -> Result<Reply> {
    let ready = |task: &Task| task.is_bound() && to.is_of(task);
    if !context.store.read_outbox(session)?.held().any(ready) {
        return Ok(Reply::Silent);
    }
    let taken =
        context.store.update(LOCK_WAIT_IN_HOOK, |transaction| take(transaction, session, to))?;
    Ok(tell(context, session, taken))
}

/// How long the client has to announce an end before we do.
const GRACE: chrono::Duration = chrono::Duration::seconds(3);

/// Delivers everything that is ready to the main conversation, if the client has had its time to announce one of the
/// results and did not. What it announces later is swallowed.
pub(crate) fn rescue(context: &Context, session: &SessionId) -> Result<Reply> {
    let overdue = |task: &Task| due(task).is_some_and(|due| due < context.now);
    if context.store.read_outbox(session)?.held().any(overdue) {
        return deliver(context, session, &Recipient::MainConversation);
    }
    Ok(Reply::Silent)
}

/// When a result that is owed to the main conversation should be told without the client.
pub(crate) fn due(task: &Task) -> Option<DateTime<Utc>> {
    match &task.status {
        Status::Finished(ending) if task.is_bound() && Recipient::MainConversation.is_of(task) => {
            Some(ending.ended_at + GRACE)
        }
        Status::Finished(_)
        | Status::Pending { .. }
        | Status::Queued { .. }
        | Status::Running { .. } => None,
    }
}

/// Hears the client's notices and delivers everything that is ready with them. A notice that brings nothing new because
/// its result was delivered before is swallowed.
pub(crate) fn deliver_with_notices(
    context: &Context,
    session: &SessionId,
    cwd: &Path,
    notices: Vec<Notification>,
) -> Result<Reply> {
    let client_tmp = client_tmp_dir(&context.environment);
    let heard: Vec<(ClientTaskId, String, Heard)> = notices
        .into_iter()
        .map(|notice| {
            let (id, name) = (notice.client_id.clone(), notice.description.clone());
            let notice = ClientNotice {
                session: session.clone(),
                client_id: notice.client_id,
                tool_use_id: notice.tool_use_id,
                description: notice.description,
                output_file: notice.output_file,
                cwd: cwd.to_owned(),
                end: notice.end,
            };
            (id, name, notice.prepare(&context.store, &client_tmp))
        })
        .collect();
    let (taken, told_before) = context.store.update(LOCK_WAIT_IN_HOOK, |transaction| {
        let outbox = transaction.outbox(session)?;
        let told_before: Vec<String> = heard
            .iter()
            .filter(|(id, ..)| outbox.has_told(id, is_alive))
            .map(|(_, name, _)| format!("\"{name}\""))
            .collect();
        let all_told_before = told_before.len() == heard.len();
        for (.., heard) in heard {
            hear(transaction, heard, context.now)?;
        }
        let taken = take(transaction, session, &Recipient::MainConversation)?;
        Ok((taken, all_told_before.then_some(told_before)))
    })?;
    match told_before {
        Some(names) if taken.deliveries.is_empty() => Ok(Reply::Swallow {
            reason: format!("sisyphus: the result of {} was delivered already", names.join(", ")),
        }),
        Some(_) | None => Ok(tell(context, session, taken)),
    }
}

/// What was claimed for one delivery, and what was running at that moment.
struct Taken {
    deliveries: Vec<Delivery>,
    rest: Rest,
}

fn take(transaction: &mut Transaction<'_>, session: &SessionId, to: &Recipient) -> Result<Taken> {
    let outbox = transaction.outbox(session)?;
    let deliveries = outbox.claim(&this_process(), TOLD_AT_ONCE, |task| to.is_of(task), is_alive);
    let is_live = |task: &&Task| {
        let is_command = task.kind != Kind::Agent;
        &task.session == session && is_command && task.is_bound() && to.is_of(task)
    };
    let owed = outbox.owed.iter().filter(|task| task.is_bound() && to.is_of(task)).count();
    let live = transaction.active.tasks.iter().filter(is_live).count();
    let is_all =
        !deliveries.is_empty() && live == 0 && owed == 0 && to == &Recipient::MainConversation;
    let sum = if is_all { transaction.outbox(session)?.sum_up() } else { Tally::default() };
    Ok(Taken { deliveries, rest: Rest { live, owed, sum } })
}

fn tell(context: &Context, session: &SessionId, taken: Taken) -> Reply {
    let lines = context.settings().output_lines;
    let receipt = Receipt { session: session.clone(), claimer: this_process() };
    match reminder(&taken.deliveries, &taken.rest, context.store.dir(), lines) {
        Some(reminder) => Reply::Results { reminder, receipt },
        None => Reply::Silent,
    }
}
