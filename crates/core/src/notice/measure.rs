//! How long a text is, and how amounts are written.

/// How much a text counts against a limit.
pub(super) fn length(text: &str) -> usize {
    text.chars().count()
}

/// "1 byte", "20 bytes".
pub(super) fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}
