//! `inbox/`: events that processes post, one file each, for the next process that holds the lock.
//!
//! A process posts its event first and tries the lock afterwards. A process that unlocks checks the inbox once more
//! and, if it is not empty, tries the lock again. So one of the two applies the event: the process that posted it, or
//! the holder of the lock that kept it out.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _};

use anyhow::{Context as _, Result};
use sisyphus_base::atomic;
use sisyphus_base::clock::Tick;
use sisyphus_base::hook_log;
use sisyphus_base::paths::{StateDir, create_dir};

use crate::active::EventName;
use crate::event::Event;
use crate::file;

/// Most events that one commit applies. After a holder of the lock was stopped for an hour, commits catch up in steps.
pub(super) const BATCH: usize = 256;
/// Largest event, in bytes: a call with its command, as in an announcement.
const EVENT_MAX: u64 = 2 * 1024 * 1024;

/// Posts an event.
pub(super) fn post(state: &StateDir, event: &Event) -> Result<EventName> {
    let dir = state.inbox_dir();
    create_dir(&dir)?;
    let tail = RandomState::new().build_hasher().finish();
    let name = EventName(format!("{:020}-{tail:016x}.json", Tick::now().0));
    let bytes = event.encode()?;
    atomic::write(&dir.join(&name.0), &bytes)?;
    Ok(name)
}

/// The names of all events in the inbox, the earliest first.
pub(super) fn names(state: &StateDir) -> Vec<EventName> {
    let Ok(entries) = fs::read_dir(state.inbox_dir()) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let posted = names.filter(|name| name.strip_suffix(".json").is_some());
    let mut names: Vec<EventName> = posted.map(EventName).collect();
    names.sort();
    names
}

/// Reads an event; `None` if it can't be read, which is logged. Sets a broken one aside, so that it blocks nothing
/// else.
pub(super) fn read(state: &StateDir, name: &EventName) -> Option<Event> {
    let path = state.inbox_dir().join(&name.0);
    let parsed = atomic::read(&path, EVENT_MAX).and_then(|bytes| {
        let Some(bytes) = bytes else { return Ok(None) };
        Event::parse(&bytes).map(Some).with_context(|| format!("`{}`", path.display()))
    });
    match parsed {
        Ok(event) => event,
        Err(error) => {
            hook_log::append(state, "inbox", &format!("{error:#}"));
            let _ = file::set_aside(&path, &error);
            None
        }
    }
}

/// Removes an applied event. Best effort: it stays marked as applied while its file is there.
pub(super) fn remove(state: &StateDir, name: &EventName) {
    let _ = fs::remove_file(state.inbox_dir().join(&name.0));
}
