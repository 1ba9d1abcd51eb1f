//! Moves tasks from one conversation to the next in the same Claude Code. `/clear` and `/resume` leave tasks running,
//! and their notices go to the conversation that is then on the screen.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use sisyphus_base::atomic;
use sisyphus_base::clock::Tick;
use sisyphus_base::id::SessionId;
use sisyphus_base::json;
use sisyphus_base::paths::{StateDir, create_dir};
use sisyphus_base::process_ref::ProcessRef;

use crate::event::Event;

/// How long after one conversation ends the next may begin: tens of milliseconds (CC-48), the rest is for other hooks.
const TRANSFER_WAIT: Duration = Duration::from_secs(20);
/// Largest note, in bytes.
const NOTE_MAX: u64 = 1024;

/// `transfers/CLIENT.json`: a Claude Code left this session and continues with another.
#[derive(Debug, Serialize, Deserialize)]
struct SessionTransfer {
    client_start: Option<u64>,
    session: SessionId,
    at: Tick,
}

/// Posts that `client` leaves `session` and continues with another.
pub fn post_transfer(state: &StateDir, client: &ProcessRef, session: &SessionId) -> Result<()> {
    create_dir(&state.transfers_dir())?;
    let transfer =
        SessionTransfer { client_start: client.start, session: session.clone(), at: Tick::now() };
    let bytes = json::line(&transfer).context("could not encode a note")?;
    atomic::write(&state.transfer(client.pid), &bytes)
}

/// Claims what `client` posted: the event that transfers it to `session`, if there is any.
pub fn claim_transfer(
    state: &StateDir,
    client: &ProcessRef,
    session: &SessionId,
) -> Result<Option<Event>> {
    let path = state.transfer(client.pid);
    let Some(bytes) = atomic::read(&path, NOTE_MAX)? else { return Ok(None) };
    fs::remove_file(&path).with_context(|| format!("could not remove `{}`", path.display()))?;
    let left: SessionTransfer = serde_json::from_slice(&bytes)
        .with_context(|| format!("could not parse `{}`", path.display()))?;
    let is_this_client = client.start.is_some() && left.client_start == client.start;
    let is_fresh = left.at.age(Tick::now()) <= TRANSFER_WAIT;
    if !is_this_client || &left.session == session || !is_fresh {
        return Ok(None);
    }
    Ok(Some(Event::SessionTransferred { from: left.session, to: session.clone() }))
}
