//! If another hook blocks a prompt, the model gets neither the prompt nor what our hook added to it.
//!
//! Claude Code runs the hooks of one prompt in parallel, so ours can't know. The transcript shows it a moment later.

use std::path::Path;

use chrono::{DateTime, Duration, Utc};
use sisyphus_base::clock::Now;
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_hook::{Context, Transcript};
use sisyphus_state::store::Active;
use sisyphus_tasks::delivery::DeliveryEvent;

/// How long Claude Code has to write a line of the transcript. It does so within a tenth of a second.
pub(crate) const WRITTEN: Duration = Duration::milliseconds(1_500);

/// What became of the prompts that carried results.
#[derive(Debug, Default)]
pub(crate) struct PromptFates {
    known: Vec<TaskId>,
    blocked: Vec<TaskId>,
}

impl PromptFates {
    /// Searches the transcript for the results that were sent long enough ago.
    pub(crate) fn read(
        context: &Context,
        active: &Active,
        session: &SessionId,
        transcript: Option<&Path>,
    ) -> Self {
        let until = Utc::now() - WRITTEN;
        let mut sent = active.sent(session);
        sent.retain(|(_, at)| *at <= until);
        Self::of(context, &sent, transcript)
    }

    /// Searches it for these results, whenever they were sent.
    pub(crate) fn of(
        context: &Context,
        sent: &[(TaskId, DateTime<Utc>)],
        transcript: Option<&Path>,
    ) -> Self {
        if sent.is_empty() {
            return Self::default();
        }
        // Without a readable transcript, the results count as delivered.
        let transcript = transcript.and_then(|path| read_transcript(context, path));
        let blocked = transcript.map(|it| it.blocked(sent)).unwrap_or_default();
        Self { known: sent.iter().map(|(id, _)| id.clone()).collect(), blocked }
    }

    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Owes the blocked results again.
    pub(crate) fn apply(&self, active: &mut Active, now: Now) {
        for id in &self.known {
            let Some(task) = active.task_mut(id) else { continue };
            if self.blocked.contains(id) {
                task.deliver(DeliveryEvent::Blocked, now.tick);
                let (session, word) = (task.session.clone(), task.status().word());
                active.uncount_reported(&session, word);
            } else {
                task.deliver(DeliveryEvent::Passed, now.tick);
            }
        }
    }
}

/// The end of the transcript, if there is one that can be read.
pub(crate) fn read_transcript(context: &Context, path: &Path) -> Option<Transcript> {
    context.logged("transcript", Transcript::read_end(path)).flatten()
}
