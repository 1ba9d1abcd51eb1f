//! `notify.shown.json`: what of each session stands on the desktop, so that the summary takes its place. It is a file
//! because a notifier lives for seconds.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sisyphus_base::atomic;
use sisyphus_base::id::SessionId;
use sisyphus_base::paths::StateDir;
use sisyphus_state::notify::Ended;

use crate::desktop::Shown;

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;
/// How many sessions are kept, and how long: what is older was seen, or is buried.
const SESSIONS: usize = 20;
const KEPT: TimeDelta = TimeDelta::hours(12);
/// How many ends of a session are kept. The summary names a few of them.
const ENDS: usize = 20;

/// All of it. Only the notifier that holds its lock reads and writes it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Standing {
    /// The server that the ids are of. Without one nothing is kept.
    server: Option<String>,
    sessions: Vec<OfSession>,
}

/// What stands there of one session.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OfSession {
    session: SessionId,
    pub(crate) shown: Vec<Shown>,
    pub(crate) ended: Vec<Ended>,
    at: DateTime<Utc>,
}

impl Standing {
    /// What stands on the desktop of this server.
    pub(crate) fn read(state: &StateDir, server: Option<String>, now: DateTime<Utc>) -> Self {
        let read: Self = atomic::read_json(&state.notify_shown(), MAX_BYTES).unwrap_or_default();
        let mut sessions = if read.server == server { read.sessions } else { Vec::new() };
        sessions.retain(|it| now - it.at < KEPT);
        Self { server, sessions }
    }

    /// Takes what stands there of a session.
    pub(crate) fn take(&mut self, session: &SessionId) -> Option<OfSession> {
        self.sessions.extract_if(.., |it| &it.session == session).next()
    }

    /// Adds a notification of a session.
    pub(crate) fn add(&mut self, session: SessionId, shown: Shown, ended: Vec<Ended>) {
        let at = Utc::now();
        let before = self.take(&session);
        let before = before.unwrap_or(OfSession { session, shown: vec![], ended: vec![], at });
        let mut after = OfSession { at, ..before };
        after.shown.retain(|it| *it != shown);
        after.shown.push(shown);
        after.ended.extend(ended);
        after.ended.drain(..after.ended.len().saturating_sub(ENDS));
        self.sessions.push(after);
        self.sessions.drain(..self.sessions.len().saturating_sub(SESSIONS));
    }

    /// Keeps it for the next notifier. Without it the summary is a notification more.
    pub(crate) fn write(&self, state: &StateDir) -> anyhow::Result<()> {
        // The user may have removed the state folder. Nothing here creates it again.
        if self.server.is_none() || !state.root().exists() {
            return Ok(());
        }
        atomic::write(&state.notify_shown(), &serde_json::to_vec(self)?)
    }
}
