//! Waits for a condition with a deadline, instead of sleeping and hoping.

use std::time::{Duration, Instant};

/// How long a test waits for something that should happen at once. Generous: a slow machine must not fail a test.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` holds. The panic after the deadline names `what`.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || condition().then_some(()));
}

/// Waits until `look` finds something, and returns it.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "timed out after {PATIENCE:?} waiting for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
