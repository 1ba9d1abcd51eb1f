//! From one conversation to the next in the same client: `/clear` and `/resume` leave the client's tasks running, and their
//! notices come to the conversation that is then on the screen.

use std::fs;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::atomic;
use crate::id::SessionId;
use crate::store::{Claimer, LOCK_WAIT_IN_HOOK, Store};

/// How long after the end of the one the next may begin: tens of milliseconds on 2.1.329, the rest is for other hooks.
const PATIENCE: chrono::Duration = chrono::Duration::seconds(20);
/// Largest note, in bytes.
const MAX_BYTES: u64 = 1024;

/// `left/CLIENT.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Left {
    client_start: Option<u64>,
    session: SessionId,
    at: DateTime<Utc>,
}

/// Notes that `client` leaves `session` and goes on.
pub fn leave(
    store: &Store,
    client: &Claimer,
    session: &SessionId,
    now: DateTime<Utc>,
) -> Result<()> {
    store.dir().create_left_dir()?;
    let left = Left { client_start: client.start, session: session.clone(), at: now };
    let bytes = serde_json::to_vec(&left).context("could not encode a note")?;
    atomic::write(&store.dir().left(client.pid), &bytes)
}

/// Gives what runs in the conversation that `client` has just left, and what that was not told, to `session`.
pub fn follow(
    store: &Store,
    client: &Claimer,
    session: &SessionId,
    now: DateTime<Utc>,
) -> Result<()> {
    let path = store.dir().left(client.pid);
    let Some(bytes) = atomic::read(&path, MAX_BYTES)? else { return Ok(()) };
    fs::remove_file(&path).with_context(|| format!("could not remove `{}`", path.display()))?;
    let left: Left = serde_json::from_slice(&bytes)
        .with_context(|| format!("could not understand `{}`", path.display()))?;
    let is_this_client = client.start.is_some() && left.client_start == client.start;
    if !is_this_client || &left.session == session || now - left.at > PATIENCE {
        return Ok(());
    }
    store.update(LOCK_WAIT_IN_HOOK, |transaction| {
        let theirs =
            transaction.active.tasks.iter_mut().filter(|task| task.session == left.session);
        theirs.for_each(|task| task.hand_over(session));
        let from = transaction.outbox(&left.session)?.hand_over();
        transaction.outbox(session)?.take_over(from, session);
        Ok(())
    })
}
