//! Measures the length of a text, and formats amounts.

use chrono::{DateTime, Utc};
use sisyphus_tasks::outcome::duration;

/// How much a text counts against a limit: its length as a program in JavaScript, such as Claude Code, measures it. It
/// is never less than the number of characters.
pub(super) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// "1 byte", "20 bytes".
pub(super) fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}

/// The number with the words for one or for several: "1 slot is held", "2 slots are held".
pub fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// How much time has passed, in words.
pub(super) fn elapsed(since: DateTime<Utc>, now: DateTime<Utc>) -> String {
    duration(u64::try_from((now - since).num_milliseconds()).unwrap_or(0))
}
