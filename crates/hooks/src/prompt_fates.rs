//! If another hook blocks a prompt, the model gets neither the prompt nor what our hook added to it.
//!
//! Claude Code runs the hooks of one prompt in parallel, so ours can't know. The transcript shows it a moment later:
//! it has what our hook added, or the block. What it means that it has neither depends on the event that asks.

use std::path::Path;

use chrono::{DateTime, Duration, Utc};
use sisyphus_base::clock::Now;
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_hook::{Context, Transcript};
use sisyphus_state::store::Active;
use sisyphus_tasks::delivery::{Attempt, Delivery, DeliveryEvent};

/// How long Claude Code has to write a line of the transcript, after the hooks of the prompt have ended. It does so within
/// a tenth of a second.
pub(crate) const WRITTEN: Duration = Duration::milliseconds(1_500);

/// How long the waiter leaves a prompt to the other hooks. Claude Code's own limit for a hook has changed between its
/// versions, and a hook may set another one. So this is a choice: after a minute, a result that the model reads twice,
/// the second time marked, is better than one that it reads late.
const HOOKS_RUN: Duration = Duration::seconds(60);

/// What became of a prompt of which the transcript says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unmentioned {
    /// It passed, because a turn has ended. A prompt that a later one has overtaken did not.
    Passed,
    /// The model did not read it: a typed prompt or another Claude Code follows.
    Unread,
    /// Its other hooks may still run. After [`HOOKS_RUN`], the model did not read it.
    ///
    /// So may those of prompts that Claude Code took from its queue together with it. It writes none of these prompts
    /// before the hooks of all have ended: for nine of them that took 1.6 s on a busy machine.
    InProgress,
    /// A later event decides.
    Open,
}

/// What became of the prompts that carried results.
#[derive(Debug, Default)]
pub(crate) struct PromptFates {
    known: Vec<Fate>,
}

#[derive(Debug)]
struct Fate {
    task: TaskId,
    sent_at: DateTime<Utc>,
    event: DeliveryEvent,
}

impl PromptFates {
    /// Searches the transcript for the results that were sent long enough ago.
    pub(crate) fn read(
        context: &Context,
        active: &Active,
        session: &SessionId,
        transcript: Option<&Path>,
        unmentioned: Unmentioned,
    ) -> Self {
        let until = Utc::now() - WRITTEN;
        let mut sent = active.sent(session);
        sent.retain(|(_, at)| *at <= until);
        Self::of(context, &sent, transcript, unmentioned)
    }

    /// Searches it for these results, whenever they were sent.
    pub(crate) fn of(
        context: &Context,
        sent: &[(TaskId, DateTime<Utc>)],
        transcript: Option<&Path>,
        unmentioned: Unmentioned,
    ) -> Self {
        if sent.is_empty() {
            return Self::default();
        }
        let transcript = transcript.and_then(|path| read_transcript(context, path));
        let fate = |(task, sent_at): &(TaskId, DateTime<Utc>)| {
            let event = match &transcript {
                Some(transcript) => event(transcript, task, *sent_at, unmentioned)?,
                // Without a readable transcript, the results count as delivered.
                None => DeliveryEvent::Passed,
            };
            Some(Fate { task: task.clone(), sent_at: *sent_at, event })
        };
        Self { known: sent.iter().filter_map(fate).collect() }
    }

    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Owes the results again that the model has not read.
    pub(crate) fn apply(&self, active: &mut Active, now: Now) {
        for fate in &self.known {
            let Some(task) = active.task_mut(&fate.task) else { continue };
            if let Some(matches) = &mut task.matches {
                matches.resolve(fate.sent_at, &fate.event, now.tick);
            }
            // Another process may have decided since, and sent it with another prompt.
            if !matches!(task.delivery(), Delivery::Sent { at, .. } if *at == fate.sent_at) {
                continue;
            }
            task.deliver(fate.event.clone(), now.tick);
            // The next lease of a first attempt counts it once more. It does not count another attempt.
            if matches!(task.delivery(), Delivery::Owed { attempt: Attempt::First, .. }) {
                let (session, word) = (task.session.clone(), task.status().word());
                active.uncount_reported(&session, word);
            }
        }
    }
}

/// What the transcript says of a result; `None` if that is not decided yet.
fn event(
    transcript: &Transcript,
    task: &TaskId,
    sent_at: DateTime<Utc>,
    unmentioned: Unmentioned,
) -> Option<DeliveryEvent> {
    if transcript.is_told(task, sent_at) {
        return Some(DeliveryEvent::Passed);
    }
    if transcript.has_block_since(sent_at) {
        // The report may precede the part that was read, and the block be that of a later prompt.
        let is_sure = transcript.reaches_back_to(sent_at);
        return Some(if is_sure { DeliveryEvent::Blocked } else { DeliveryEvent::Unconfirmed });
    }
    // Claude Code writes prompts in their order, so the model did not read one that a later one has overtaken.
    let is_overtaken =
        || transcript.reaches_back_to(sent_at) && transcript.has_notice_since(sent_at);
    match unmentioned {
        Unmentioned::Open => None,
        Unmentioned::Passed | Unmentioned::InProgress if is_overtaken() => {
            Some(DeliveryEvent::Unconfirmed)
        }
        Unmentioned::Passed => Some(DeliveryEvent::Passed),
        Unmentioned::Unread => Some(DeliveryEvent::Unconfirmed),
        Unmentioned::InProgress => {
            (sent_at + HOOKS_RUN <= Utc::now()).then_some(DeliveryEvent::Unconfirmed)
        }
    }
}

/// The end of the transcript, if there is one that can be read.
pub(crate) fn read_transcript(context: &Context, path: &Path) -> Option<Transcript> {
    context.logged("transcript", Transcript::read_end(path)).flatten()
}
