//! Which sessions may continue, and what they need. No file says that a session is over for good: it may have been
//! killed, or be resumed.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use sisyphus_base::id::SessionId;
use sisyphus_state::store::{Store, is_held};

use super::listing::Entry;
use super::needed::Needed;

/// A session that was inactive for this long is over, however short a time outputs are kept. Claude Code itself has
/// forgotten the conversation then.
pub(super) const LONG: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The sessions that may continue.
pub(super) struct Live<'a> {
    pub(super) needed: &'a Needed,
    /// Sessions with a young file.
    pub(super) heard_of: HashSet<SessionId>,
}

impl Live<'_> {
    fn has(&self, session: &SessionId) -> bool {
        self.heard_of.contains(session) || self.needed.session(session)
    }

    /// The state files of other sessions.
    pub(super) fn unneeded(&self, mut notes: Vec<Entry>) -> Vec<Entry> {
        notes.retain(|it| it.session().is_some_and(|session| !self.has(&session)));
        notes
    }

    /// The files of other sessions' waiters.
    pub(super) fn unneeded_waiters(&self, store: &Store, mut waiters: Vec<Entry>) -> Vec<Entry> {
        waiters.retain(|it| {
            it.waiter_of().is_some_and(|session| {
                !self.has(&session) && !is_held(&store.dir().wake_lock(&session)).unwrap_or(true)
            })
        });
        waiters
    }

    /// Runners of other versions, if every session that may continue started after the current one was installed. Each
    /// shell names the runner that its session started with.
    pub(super) fn unneeded_runners(
        &self,
        current: &Path,
        sessions: &[Entry],
        mut runners: Vec<Entry>,
    ) -> Vec<Entry> {
        let made = current.metadata().and_then(|it| it.created().or_else(|_| it.modified())).ok();
        let may_name_another = |session: &SessionId| {
            let note = sessions.iter().find(|it| it.session().as_ref() == Some(session));
            note.is_none_or(|note| made.is_none_or(|made: SystemTime| note.modified < made))
        };
        if self.heard_of.iter().chain(self.needed.sessions()).any(may_name_another) {
            return Vec::new();
        }
        runners.retain(|it| it.path != current);
        runners
    }
}
