//! What became of what carried results to the model.
//!
//! If another hook blocks a prompt, the model gets neither the prompt nor what our hook added to it. Claude Code runs the
//! hooks of one prompt in parallel, so ours can't know. The transcript shows it a moment later: it has what our hook
//! added, or the block. What it means that it has neither depends on the event that asks.
//!
//! No hook takes back an event that has happened. But Claude Code waits for all its hooks before it writes what ours
//! said. If the user presses Esc before that, it forgets what they said, and writes the interruption. If it is killed, only
//! the transcript shows the loss. The same is true of a subagent that is stopped, and of its own transcript.

mod logs;
mod of_agent;

use std::path::Path;

use chrono::{DateTime, Duration, Utc};
use sisyphus_base::clock::Now;
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_hook::{Context, Transcript};
use sisyphus_process::{client, is_gone};
use sisyphus_state::store::{Active, News, Sent, SentTo};
use sisyphus_tasks::delivery::{Attempt, Channel, Delivery, DeliveryEvent};

use logs::{Log, Logs};
use of_agent::of_agent;

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
    /// The model read neither: another Claude Code follows, or the same prompt comes again.
    Lost,
    /// The model read neither: another conversation of this Claude Code follows. Its subagents go on.
    Left,
    /// The other hooks of a prompt may still run. After [`HOOKS_RUN`], the model did not read it. Whether an
    /// event was read, a later event decides.
    ///
    /// So may those of prompts that Claude Code took from its queue together with it. It writes none of these prompts
    /// before the hooks of all have ended: for nine of them that took 1.6 s on a busy machine.
    InProgress,
    /// A later event decides.
    Open,
}

impl Unmentioned {
    /// What that means for what `to` got, if `client` asks. Two Claude Codes may have one conversation, and each has turns
    /// of its own.
    fn of_client(self, to: Option<&ProcessRef>, client: Option<&ProcessRef>) -> Self {
        let other = to.filter(|to| client.is_some_and(|client| client != *to));
        match (self, other) {
            (Self::Passed, Some(other)) if is_gone(other) => Self::Lost,
            (Self::Passed, Some(_)) => Self::Open,
            (asked, _) => asked,
        }
    }
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
            (Channel::Event | Channel::AgentEvent, _)
            | (Channel::Prompt, Unmentioned::Lost | Unmentioned::Left | Unmentioned::Open) => true,
            (
                Channel::Prompt,
                Unmentioned::Passed | Unmentioned::Unread | Unmentioned::InProgress,
            ) => is_older(sent.at, WRITTEN),
        });
        // As in most events.
        if sent.is_empty() {
            return Self::default();
        }
        let mut logs = Logs::new(context, transcript);
        let client = client();
        let fate = |sent: Sent| {
            let unmentioned = unmentioned.of_client(sent.client.as_ref(), client.as_ref());
            let event = match &sent.to {
                SentTo::MainConversation => of_main(logs.main(), &sent, unmentioned)?,
                SentTo::Agent { id, life } => of_agent(logs.of(id), &sent, *life, unmentioned)?,
            };
            Some(Fate { sent, event })
        };
        Self { known: sent.into_iter().filter_map(fate).collect() }
    }

    /// Adds those others that the model may not have read. What it has read stays sent until the turn ends: other hooks of
    /// the same prompt still look for that.
    pub(crate) fn add_doubts(&mut self, others: Self) {
        self.known
            .extend(others.known.into_iter().filter(|fate| fate.event != DeliveryEvent::Passed));
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
            if let (SentTo::Agent { .. }, DeliveryEvent::Unconfirmed) = (&fate.sent.to, &fate.event)
            {
                // No event names each agent that was stopped. One that runs again still gets what is owed.
                task.release();
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

/// A little earlier. The state may hold any time.
fn earlier(at: DateTime<Utc>) -> DateTime<Utc> {
    at.checked_sub_signed(SLACK).unwrap_or(at)
}

/// Whether that was so long ago. A time that is still to come is old: the clock was set back.
fn is_older(at: DateTime<Utc>, age: Duration) -> bool {
    let now = Utc::now();
    now - at >= age || at > now
}

/// What became of what went to the main conversation; `None` if that is not decided yet.
fn of_main(log: &Log, sent: &Sent, unmentioned: Unmentioned) -> Option<DeliveryEvent> {
    match (log, sent.with) {
        (Log::Read(transcript), _) if is_told(transcript, sent) => Some(DeliveryEvent::Passed),
        (Log::Read(transcript), Channel::Prompt) => of_prompt(transcript, sent, unmentioned),
        (Log::Read(transcript), Channel::Event | Channel::AgentEvent) => {
            shown(transcript, sent).or_else(|| of_event(unmentioned))
        }
        // A conversation that got no prompt has no transcript.
        (Log::Missing, Channel::Event | Channel::AgentEvent) => of_event(unmentioned),
        // Without a transcript that can be read, the results count as delivered.
        (Log::Missing, Channel::Prompt) | (Log::Unreadable, _) => Some(DeliveryEvent::Passed),
    }
}

/// Whether its reader has read it.
fn is_told(transcript: &Transcript, sent: &Sent) -> bool {
    let since = match sent.what {
        News::Result => earlier(sent.at),
        // Other lines of the same task may have gone out just before.
        News::Lines => sent.at,
    };
    transcript.is_told(&sent.task, sent.words(), since)
}

/// The fate of an event that the transcript shows although it does not have what the event carried.
fn shown(transcript: &Transcript, sent: &Sent) -> Option<DeliveryEvent> {
    if transcript.has_interruption_since(sent.at) {
        return Some(DeliveryEvent::Unconfirmed);
    }
    // As much as is read was written since, so Claude Code did not end at that moment.
    transcript.begins_after(sent.at).then_some(DeliveryEvent::Passed)
}

/// The fate of a prompt that the transcript does not show.
fn of_prompt(
    transcript: &Transcript,
    sent: &Sent,
    unmentioned: Unmentioned,
) -> Option<DeliveryEvent> {
    if transcript.has_block_since(earlier(sent.at)) {
        // The report may precede the part that was read, and the block be that of a later prompt.
        let is_sure = transcript.reaches_back_to(sent.at);
        return Some(if is_sure { DeliveryEvent::Blocked } else { DeliveryEvent::Unconfirmed });
    }
    // Claude Code writes prompts in their order, so the model did not read one that a later one has overtaken. While hooks
    // run, only a notice shows that: Claude Code writes its own commands at once, like typed prompts.
    let is_overtaken_by = |has_later: fn(&Transcript, DateTime<Utc>) -> bool| {
        transcript.reaches_back_to(sent.at) && has_later(transcript, sent.at)
    };
    match unmentioned {
        Unmentioned::Open => None,
        Unmentioned::Passed if is_overtaken_by(Transcript::has_prompt_since) => {
            Some(DeliveryEvent::Unconfirmed)
        }
        Unmentioned::InProgress if is_overtaken_by(Transcript::has_notice_since) => {
            Some(DeliveryEvent::Unconfirmed)
        }
        Unmentioned::Passed => Some(DeliveryEvent::Passed),
        Unmentioned::Unread | Unmentioned::Lost | Unmentioned::Left => {
            Some(DeliveryEvent::Unconfirmed)
        }
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
        Unmentioned::Lost | Unmentioned::Left => Some(DeliveryEvent::Unconfirmed),
    }
}
