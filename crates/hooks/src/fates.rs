//! What became of what carried results to the model.
//!
//! If another hook blocks a prompt, the model gets neither the prompt nor what our hook added to it. Claude Code runs the
//! hooks of one prompt in parallel, so ours can't know. The transcript shows it a moment later: it has what our hook
//! added, or the block. What it means that it has neither depends on the event that asks.
//!
//! No hook takes back an event that has happened. But Claude Code waits for all its hooks before it writes what ours
//! said. If the user presses Esc before that, it forgets what they said, and writes the interruption. If it is killed, only
//! the transcript shows the loss.

use std::cell::LazyCell;
use std::path::Path;

use chrono::{DateTime, Duration, Utc};
use sisyphus_base::clock::Now;
use sisyphus_hook::{Context, Transcript};
use sisyphus_state::store::{Active, News, Sent};
use sisyphus_tasks::delivery::{Attempt, Channel, Delivery, DeliveryEvent};
use sisyphus_tasks::recipient::Recipient;

/// How long Claude Code has to write a line of the transcript, after the hooks of a prompt or an event have ended. It does
/// so within a tenth of a second.
pub(crate) const WRITTEN: Duration = Duration::milliseconds(1_500);

/// Two processes recorded the time of a print and that of a line in the transcript.
const SLACK: Duration = Duration::seconds(1);

/// How long the waiter leaves a prompt to the other hooks. Claude Code's own limit for a hook has changed between its
/// versions, and a hook may set another one. So this is a choice: after a minute, a result that the model reads twice,
/// the second time marked, is better than one that it reads late.
const HOOKS_RUN: Duration = Duration::seconds(60);

/// What became of a prompt or an event of which the transcript says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unmentioned {
    /// It passed, because a turn has ended. A prompt that a later one has overtaken did not.
    Passed,
    /// The model did not read the prompt: a typed one or a compaction follows. Whether an event was read, a later event
    /// decides.
    Unread,
    /// The model read neither: another Claude Code, or another conversation, follows.
    Lost,
    /// The other hooks of a prompt may still run. After [`HOOKS_RUN`], the model did not read it. Whether an
    /// event was read, a later event decides.
    ///
    /// So may those of prompts that Claude Code took from its queue together with it. It writes none of these prompts
    /// before the hooks of all have ended: for nine of them that took 1.6 s on a busy machine.
    InProgress,
    /// A later event decides.
    Open,
}

/// What became of what carried results.
#[derive(Debug, Default)]
pub(crate) struct Fates {
    known: Vec<Fate>,
}

#[derive(Debug)]
struct Fate {
    sent: Sent,
    event: DeliveryEvent,
}

impl Fates {
    /// Searches the transcript for the results. Those of a prompt must have been sent long enough ago.
    pub(crate) fn read(
        context: &Context,
        mut sent: Vec<Sent>,
        transcript: Option<&Path>,
        unmentioned: Unmentioned,
    ) -> Self {
        sent.retain(|sent| match (sent.with, unmentioned) {
            // Claude Code writes what an event carried before it ends or interrupts the turn. For a session that is over it
            // writes nothing more.
            (Channel::Event, _) | (Channel::Prompt, Unmentioned::Lost | Unmentioned::Open) => true,
            (
                Channel::Prompt,
                Unmentioned::Passed | Unmentioned::Unread | Unmentioned::InProgress,
            ) => is_older(sent.at, WRITTEN),
        });
        let transcript = LazyCell::new(|| {
            transcript.and_then(|path| context.logged("transcript", Transcript::read_end(path)))
        });
        let fate = |sent: Sent| {
            if is_certain(&sent, unmentioned) {
                return Some(Fate { sent, event: DeliveryEvent::Passed });
            }
            let event = match (&*transcript, sent.with) {
                (Some(Some(transcript)), _) => event(transcript, &sent, unmentioned)?,
                // A conversation that got no prompt has no transcript.
                (Some(None), Channel::Event) => of_event(unmentioned)?,
                // Without a transcript that can be read, the results count as delivered.
                (Some(None), Channel::Prompt) | (None, _) => DeliveryEvent::Passed,
            };
            Some(Fate { sent, event })
        };
        Self { known: sent.into_iter().filter_map(fate).collect() }
    }

    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Owes the results again that the model has not read.
    pub(crate) fn apply(&self, active: &mut Active, now: Now) {
        for fate in &self.known {
            let Some(task) = active.task_mut(&fate.sent.task) else { continue };
            if let Some(matches) = &mut task.matches {
                matches.resolve(fate.sent.at, &fate.event, now.tick);
            }
            // Another process may have decided since, and sent it again.
            if !matches!(task.delivery(), Delivery::Sent { at, .. } if *at == fate.sent.at) {
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

/// Whether an event was read, whatever the transcript says: the reader is a subagent, which has a transcript of its own,
/// and its Claude Code goes on.
fn is_certain(sent: &Sent, unmentioned: Unmentioned) -> bool {
    match (sent.with, unmentioned) {
        (Channel::Event, Unmentioned::Passed | Unmentioned::Unread | Unmentioned::InProgress) => {
            sent.to != Recipient::MainConversation
        }
        (Channel::Event, Unmentioned::Lost | Unmentioned::Open) | (Channel::Prompt, _) => false,
    }
}

/// Whether that was so long ago. A time that is still to come is old: the clock was set back.
fn is_older(at: DateTime<Utc>, age: Duration) -> bool {
    let now = Utc::now();
    at + age <= now || at > now
}

/// What the transcript says of it; `None` if that is not decided yet.
fn event(transcript: &Transcript, sent: &Sent, unmentioned: Unmentioned) -> Option<DeliveryEvent> {
    let since = match sent.what {
        News::Result => sent.at - SLACK,
        // Other lines of the same task may have gone out just before.
        News::Lines => sent.at,
    };
    if transcript.is_told(&sent.task, sent.words(), since) {
        return Some(DeliveryEvent::Passed);
    }
    match sent.with {
        Channel::Prompt => of_prompt(transcript, sent, unmentioned),
        Channel::Event if transcript.has_interruption_since(sent.at) => {
            Some(DeliveryEvent::Unconfirmed)
        }
        // As much as is read was written since, so Claude Code did not end at that moment.
        Channel::Event if transcript.begins_after(sent.at) => Some(DeliveryEvent::Passed),
        Channel::Event => of_event(unmentioned),
    }
}

/// The fate of a prompt that the transcript does not show.
fn of_prompt(
    transcript: &Transcript,
    sent: &Sent,
    unmentioned: Unmentioned,
) -> Option<DeliveryEvent> {
    if transcript.has_block_since(sent.at - SLACK) {
        // The report may precede the part that was read, and the block be that of a later prompt.
        let is_sure = transcript.reaches_back_to(sent.at);
        return Some(if is_sure { DeliveryEvent::Blocked } else { DeliveryEvent::Unconfirmed });
    }
    // Claude Code writes prompts in their order, so the model did not read one that a later one has overtaken.
    let is_overtaken =
        || transcript.reaches_back_to(sent.at) && transcript.has_notice_since(sent.at);
    match unmentioned {
        Unmentioned::Open => None,
        Unmentioned::Passed | Unmentioned::InProgress if is_overtaken() => {
            Some(DeliveryEvent::Unconfirmed)
        }
        Unmentioned::Passed => Some(DeliveryEvent::Passed),
        Unmentioned::Unread | Unmentioned::Lost => Some(DeliveryEvent::Unconfirmed),
        Unmentioned::InProgress => {
            is_older(sent.at, HOOKS_RUN).then_some(DeliveryEvent::Unconfirmed)
        }
    }
}

/// The fate of an event that the transcript does not show.
fn of_event(unmentioned: Unmentioned) -> Option<DeliveryEvent> {
    match unmentioned {
        Unmentioned::Passed => Some(DeliveryEvent::Passed),
        // What a hook said at the start of a session is written with the first prompt, after the hooks of that prompt.
        Unmentioned::Unread | Unmentioned::InProgress | Unmentioned::Open => None,
        Unmentioned::Lost => Some(DeliveryEvent::Unconfirmed),
    }
}
