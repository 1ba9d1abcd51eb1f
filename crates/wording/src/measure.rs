//! Measures the length of a text, and formats amounts.

/// How much a text counts against a limit: its length as a program in JavaScript, such as Claude Code, measures it. It
/// is never less than the number of characters.
pub(super) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// "1 byte", "20 bytes".
pub(super) fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}
