//! Repairs JSON that holds half a character. A string in JavaScript may hold one, and JSON can spell it, but no string
//! in Rust can hold it.

/// What replaces half a character, as an escape. Claude Code replaces it the same way when it starts a shell.
const REPLACEMENT: &[u8] = b"\\ufffd";

/// Replaces surrogates that lack their other half, and bytes that are not UTF-8; `None` if there is nothing to replace.
pub(crate) fn repair(json: &[u8]) -> Option<Vec<u8>> {
    let mut repaired = Vec::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\\') {
        let (before, escape) = rest.split_at(at);
        repaired.extend_from_slice(before);
        let (spelled, length) = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (&escape[..12], 12),
            (Some(0xd800..=0xdfff), _) => (REPLACEMENT, 6),
            // A backslash and what it escapes, which may be another backslash.
            (Some(_) | None, _) => (&escape[..escape.len().min(2)], 2),
        };
        repaired.extend_from_slice(spelled);
        rest = escape.get(length..).unwrap_or_default();
    }
    repaired.extend_from_slice(rest);
    let repaired = match String::from_utf8_lossy(&repaired) {
        std::borrow::Cow::Borrowed(_) => repaired,
        std::borrow::Cow::Owned(text) => text.into_bytes(),
    };
    (repaired != json).then_some(repaired)
}

/// The code unit at the beginning of the bytes, if it is written as `\uXXXX`.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    u16::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| is_hex)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// S22: half a character costs itself, whatever stands around it.
    #[test]
    fn half_a_character_is_replaced() {
        let cases = [
            (r#""\ud83d""#, Some("\u{fffd}")),
            (r#""a\uDE00b""#, Some("a\u{fffd}b")),
            (r#""\ud83d\ud83d\ude00""#, Some("\u{fffd}😀")),
            (r#""\ude00\ud83d""#, Some("\u{fffd}\u{fffd}")),
            (r#""\ud83d\n\ude00""#, Some("\u{fffd}\n\u{fffd}")),
            (r#""\\\ud83d""#, Some("\\\u{fffd}")),
            (r#""\ud83d\\ude00""#, Some("\u{fffd}\\ude00")),
            // Nothing to do: pairs, a backslash before the letters, no strings at all.
            (r#""\ud83d\ude00 \u00e4 \" \\""#, None),
            (r#""\\ud83d""#, None),
            ("{}", None),
            ("", None),
            ("\"\\", None),
            ("\"\\u12", None),
            ("\"\\ud83", None),
        ];
        for (json, expected) in cases {
            let repaired = repair(json.as_bytes());
            let text =
                repaired.as_deref().map(|json| serde_json::from_slice::<Value>(json).unwrap());
            assert_eq!(text, expected.map(Value::from), "{json}");
        }
    }

    /// S22: bytes that are no text cost themselves.
    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(repair(b"\"a\xffb\"").unwrap(), "\"a\u{fffd}b\"".as_bytes());
    }
}
