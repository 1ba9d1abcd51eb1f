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
        // No later event reads this transcript.
        (Unmentioned::Left, AgentLife::Stopped) => last_look(log, sent),
        // The subagent goes on after `/clear`, and its transcript in another file.
        (Unmentioned::Open, _) | (Unmentioned::Left, AgentLife::Lives) => None,
        (Unmentioned::Passed | Unmentioned::Unread | Unmentioned::InProgress, life) => {
            silent(log, sent, life)
        }
    })
}

/// The fate of an event that the transcript does not show, and will not.
fn last_look(log: &Log, sent: &Sent) -> Option<DeliveryEvent> {
    match log {
        Log::Read(transcript) if transcript.has_answer_since(sent.at) => {
            Some(DeliveryEvent::Passed)
        }
        Log::Read(_) => Some(DeliveryEvent::Unconfirmed),
        Log::Missing | Log::Unreadable => None,
    }
}

/// The fate of an event that the transcript does not show, while Claude Code goes on.
fn silent(log: &Log, sent: &Sent, life: AgentLife) -> Option<DeliveryEvent> {
    match (log, life) {
        // Other hooks of the event may still run. A line that the model says meanwhile may be its next call of the same
        // answer.
        (_, AgentLife::Lives) => None,
        // Older versions of Claude Code write no transcript of a subagent, or not what the hooks added.
        (Log::Missing | Log::Unreadable, AgentLife::Stopped) => Some(DeliveryEvent::Passed),
        (Log::Read(transcript), AgentLife::Stopped) if transcript.has_answer_since(sent.at) => {
            Some(DeliveryEvent::Passed)
        }
        // It was stopped, and Claude Code writes that a moment later.
        (Log::Read(_), AgentLife::Stopped) => {
            is_older(sent.at, WRITTEN).then_some(DeliveryEvent::Unconfirmed)
        }
    }
}
