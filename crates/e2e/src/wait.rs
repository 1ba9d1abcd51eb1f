//! Waiting for a condition, with a deadline.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const STEP: Duration = Duration::from_millis(25);

/// Calls `probe` again and again until it returns something; fails, naming `what`, after `limit`.
pub(crate) fn until<T>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = probe()? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            bail!("timed out after {} s, waiting for {what}", limit.as_secs());
        }
        thread::sleep(STEP);
    }
}

/// Like [`until`], for a condition that holds or not.
pub(crate) fn until_true(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> bool,
) -> Result<()> {
    until(what, limit, || Ok(probe().then_some(())))
}
