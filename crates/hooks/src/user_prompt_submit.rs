//! UserPromptSubmit: adds the results to Claude Code's notice that a command finished, and to what the user types. Adds
//! the instructions for ultrawork to a prompt that asks for it.

use anyhow::Result;
use sisyphus_base::clock::Now;
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_hook::{Context, Notification, Prompt, Reply, UserPromptSubmit, read_prompt};
use sisyphus_settings::Switch;
use sisyphus_state::completion::Known;
use sisyphus_state::event::Event;
use sisyphus_state::store::{Active, Carrier, LOCK_WAIT_FOR_NOTICE, LOCK_WAIT_IN_HOOK, Sent};
use sisyphus_tasks::delivery::{Channel, Delivery};
use sisyphus_tasks::task::Task;
use sisyphus_wording::ends_on_screen;

use crate::agent::{agent_end, agents_stopped, with_news};
use crate::deliver::{Reader, Recipient, Taken};
use crate::fates::{Fates, Unmentioned};
use crate::listens::new_addresses;
use crate::mode::mode_seen;
use crate::notice::completion;
use crate::stall::report_stalls;
use crate::ultrawork::with_ultrawork;

/// Handles the event.
pub fn handle(context: &Context, event: UserPromptSubmit) -> Result<Reply> {
    let session = &event.session_id;
    let peek = context.peek()?;
    let transcript = event.transcript_path.as_deref();
    let prompt = read_prompt(&event.prompt);
    let unmentioned = match prompt {
        Prompt::Typed => Unmentioned::Unread,
        Prompt::Notices(_) | Prompt::OwnWake | Prompt::Foreign => Unmentioned::InProgress,
    };
    let notices = match &prompt {
        // When the plugin is switched off, nothing new is recorded. What was recorded before is still owed.
        Prompt::Notices(notices) if context.settings().execution == Switch::On => {
            notices.as_slice()
        }
        Prompt::Notices(_) | Prompt::OwnWake | Prompt::Typed | Prompt::Foreign => &[],
    };
    let mut sent = peek.active.sent(session);
    let carrier = peek.active.carrier(session).filter(|it| is_requeued(&prompt, &event.prompt, it));
    let went_with_it = |sent: &Sent| {
        sent.with == Channel::Prompt && carrier.is_some_and(|carrier| sent.at == carrier.at)
    };
    let requeued: Vec<Sent> = sent.extract_if(.., |sent| went_with_it(sent)).collect();
    let mut fates = Fates::read(context, sent, transcript, unmentioned);
    fates.add_doubts(Fates::read(context, requeued, transcript, Unmentioned::Lost));
    let mut events: Vec<Event> = notices
        .iter()
        .map(|notice| completion(context, &peek.active, session, &event.cwd, notice))
        .collect();
    // The model needs no reminder of a task that it stopped itself, and the first notice of it is not a repetition.
    let over: Vec<TaskId> =
        events.iter().filter_map(|event| over_before(event, &peek.active)).collect();
    events.extend(agent_end(context, &peek.active, session, &event.prompt));
    events.extend(agents_stopped(context, &peek.active, session, &event.prompt));
    events.extend(mode_seen(&peek.active, session, event.permission_mode));
    let reader = Reader::new(session, Recipient::MainConversation, &peek.active);
    let before: Vec<Task> =
        notices.iter().filter_map(|it| named(&peek.active, session, it)).cloned().collect();
    let addresses = new_addresses(context, &peek.active, session, &reader.recipient);
    let is_needed = !events.is_empty()
        || !fates.is_empty()
        || !addresses.is_empty()
        || reader.is_owed(&peek.active)
        || peek.has_news();
    let decision = if is_needed {
        let wait = if notices.is_empty() { LOCK_WAIT_IN_HOOK } else { LOCK_WAIT_FOR_NOTICE };
        context.commit_within(wait, peek, &events, |active, now| {
            addresses.apply(active, now);
            let decision = decide(active, &reader, &fates, notices, &before, &over, now);
            if !decision.taken.is_empty() {
                // The print gets the same time, by which the next hook finds what went with the prompt.
                active.carried(session, Carrier::new(&event.prompt, context.now.at));
            }
            decision
        })?
    } else {
        Decision::default()
    };
    // Claude Code draws its own notices. If our waiter woke the session, it has drawn none of these results.
    let on_screen = match prompt {
        Prompt::OwnWake => decision.taken.on_screen(),
        Prompt::Notices(_) | Prompt::Typed | Prompt::Foreign => None,
    };
    let reply = match decision.known {
        Some(ends) if decision.taken.is_empty() => {
            Reply::Block { reason: format!("{ends}; Claude knows") }
        }
        Some(_) | None => decision.taken.render(context),
    };
    Ok(complete(context, &event, &prompt, reply).on_screen(on_screen))
}

/// Adds the other texts to the reply. They don't unblock a prompt that is not worth a turn: the next one carries them.
fn complete(context: &Context, event: &UserPromptSubmit, prompt: &Prompt, reply: Reply) -> Reply {
    if matches!(reply, Reply::Block { .. }) {
        return reply;
    }
    let session = &event.session_id;
    let silent = report_stalls(context, session, &Recipient::MainConversation);
    // This is last, because it uses only the room that the others leave.
    let reply = with_news(context, session, reply.with_note(silent));
    if *prompt == Prompt::OwnWake && reply == Reply::Silent {
        // Another event has delivered the results since, so there is nothing to take a turn for.
        return Reply::Block { reason: "Claude knows all results".to_owned() };
    }
    with_ultrawork(context, &event.prompt, reply)
}

/// What the commit decides.
#[derive(Debug, Default)]
struct Decision {
    taken: Taken,
    /// How the announced tasks ended, if the model has read all their results.
    known: Option<String>,
}

fn decide(
    active: &mut Active,
    reader: &Reader<'_>,
    fates: &Fates,
    notices: &[Notification],
    before: &[Task],
    over: &[TaskId],
    now: Now,
) -> Decision {
    fates.apply(active, now);
    // The commit of another process may have applied the notices since this one posted them. Then a task whose result was
    // read has retired.
    let retired =
        |notice: &Notification| before.iter().find(|it| it.client_id() == Some(&notice.client_id));
    let task_of = |notice| named(active, reader.session, notice).or_else(|| retired(notice));
    let is_of_known = |notice| task_of(notice).is_some_and(|task| is_known(task, reader, over));
    let is_all = !notices.is_empty() && notices.iter().all(is_of_known);
    // How they ended, as the user reads it.
    let known = is_all.then(|| ends_on_screen(notices.iter().filter_map(task_of))).flatten();
    Decision { taken: reader.take(active, now), known }
}

/// The task of a notice.
fn named<'a>(active: &'a Active, session: &SessionId, notice: &Notification) -> Option<&'a Task> {
    active.named(session, &notice.client_id, notice.tool_use_id.as_ref())
}

/// Whether the model has read how the task finished, or another process is about to deliver it.
fn is_known(task: &Task, reader: &Reader<'_>, over: &[TaskId]) -> bool {
    match task.delivery() {
        Delivery::NotNeeded => over.contains(&task.id),
        Delivery::Leased { by, revision, .. } => {
            *revision == task.revision() && reader.may_print(by)
        }
        Delivery::NotDue
        | Delivery::Owed { .. }
        | Delivery::Sent { .. }
        | Delivery::Delivered { .. } => task.delivery().has_reached(task.revision()),
    }
}

/// Whether the carrier comes again now: the user pressed Esc while other hooks of that prompt ran (CC-96). Claude Code sends a
/// prompt of its own once. A user may type the same prompt twice.
fn is_requeued(prompt: &Prompt, text: &str, carrier: &Carrier) -> bool {
    match prompt {
        Prompt::Notices(_) | Prompt::OwnWake | Prompt::Foreign => carrier.is(text),
        Prompt::Typed => false,
    }
}

/// The task of a notice, if it had finished before the notice came.
fn over_before(event: &Event, active: &Active) -> Option<TaskId> {
    let Event::Completed(completion) = event else { return None };
    let id = completion.known.id();
    let was_over = match &completion.known {
        Known::Retired(_) => true,
        Known::Recorded(id) => active.task(id).is_some_and(|task| task.status().is_final()),
        Known::Announced(_) | Known::New(_) => false,
    };
    was_over.then(|| id.clone())
}

#[cfg(test)]
mod tests {
    use sisyphus_base::id::ClientTaskId;
    use sisyphus_state::completion::ClientEnd;
    use sisyphus_tasks::delivery::DeliveryEvent;
    use sisyphus_tasks::outcome::Outcome;
    use sisyphus_tasks::task::samples::finished;

    use super::*;

    /// The commit of another process applies a notice between the hook's look and its own commit.
    #[test]
    fn a_notice_of_what_has_retired_since_is_blocked() {
        let mut task = finished("t1", Outcome::Completed);
        let notice = Notification {
            client_id: task.client_id().cloned().unwrap(),
            tool_use_id: None,
            output_file: None,
            description: String::new(),
            end: ClientEnd::ExitCode(0),
        };
        let other = Notification { client_id: ClientTaskId::new("b2").unwrap(), ..notice.clone() };
        let is_known = |notices: &[Notification], before: &Task| {
            let mut active = Active::default();
            let reader = Reader::new(&before.session, Recipient::MainConversation, &active);
            let (fates, before) = (Fates::default(), [before.clone()]);
            decide(&mut active, &reader, &fates, notices, &before, &[], Now::read()).known.is_some()
        };
        let notices = [notice, other];
        assert!(!is_known(&notices[..1], &task), "the model has not read it");
        task.deliver(DeliveryEvent::Read { revision: task.revision() }, Now::read().tick);
        assert!(is_known(&notices[..1], &task));
        assert!(!is_known(&notices, &task), "one of them is of another task");
    }
}
