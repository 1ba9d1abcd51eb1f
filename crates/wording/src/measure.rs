//! How long a text is, and how amounts are written.

/// How much a text counts against a limit: what a program in JavaScript, as the client is, takes for its length. It is
/// never less than the number of its characters.
pub(super) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// "1 byte", "20 bytes".
pub(super) fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}
