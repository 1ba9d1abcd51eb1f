//! What became of an event that carried results to a subagent.
//!
//! Claude Code writes a subagent's transcript as it writes that of the main conversation. But no event says that the hooks of
//! a subagent's event have ended, because the main conversation's turns are others. So while the subagent runs, only its
//! transcript decides.

use sisyphus_state::store::Sent;
use sisyphus_tasks::delivery::DeliveryEvent;
use sisyphus_tasks::task::AgentLife;

use super::logs::Log;
use super::{Unmentioned, WRITTEN, is_older, is_told, shown};

/// What the subagent's transcript says of it; `None` if that is not decided yet.
pub(super) fn of_agent(
    log: &Log,
    sent: &Sent,
    life: AgentLife,
    unmentioned: Unmentioned,
) -> Option<DeliveryEvent> {
    let shown = match log {
        Log::Read(transcript) if is_told(transcript, sent) => Some(DeliveryEvent::Passed),
        Log::Read(transcript) => shown(transcript, sent),
        Log::Missing => None,
        // Without a transcript that can be read, the results count as delivered.
        Log::Unreadable => Some(DeliveryEvent::Passed),
    };
    shown.or_else(|| match (unmentioned, life) {
        (Unmentioned::Lost, _) => Some(DeliveryEvent::Unconfirmed),
        // Other hooks of the event may still run. A line that the model says meanwhile may be its next call of the same
        // answer. After `/clear` the subagent goes on, and its transcript in another file.
        (Unmentioned::Open, _) | (_, AgentLife::Lives) => None,
        (
            Unmentioned::Passed | Unmentioned::Unread | Unmentioned::InProgress | Unmentioned::Left,
            AgentLife::Stopped,
        ) => of_stopped(log, sent, unmentioned),
    })
}

/// What the transcript of a subagent that is over leaves open, while Claude Code goes on.
fn of_stopped(log: &Log, sent: &Sent, unmentioned: Unmentioned) -> Option<DeliveryEvent> {
    // No later event reads the transcripts of a conversation that the user has left.
    let is_last_look = unmentioned == Unmentioned::Left;
    // Older versions of Claude Code write no transcript of a subagent, or not what the hooks added.
    let Log::Read(transcript) = log else {
        return (!is_last_look).then_some(DeliveryEvent::Passed);
    };
    if transcript.has_answer_since(sent.at) {
        return Some(DeliveryEvent::Passed);
    }
    // It was stopped, and Claude Code writes that a moment later.
    (is_last_look || is_older(sent.at, WRITTEN)).then_some(DeliveryEvent::Unconfirmed)
}
