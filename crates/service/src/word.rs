//! Whether one word of a pattern fits one word of a command.

/// Whether `word` is one of these words.
pub(super) fn holds(words: &str, word: &str) -> bool {
    words.split_whitespace().any(|one| one == word)
}

/// Whether one word of a pattern fits one word of a command.
pub(super) fn fits(wanted: &str, word: &str) -> bool {
    let first = word.as_bytes().first();
    // A hook asks hundreds of patterns, and the first byte answers nearly all of them.
    let may_fit = |wanted: &str| {
        let start = wanted.as_bytes().first();
        start.is_some_and(|byte| *byte == b'*' || Some(byte) == first)
    };
    wanted.split('|').any(|wanted| may_fit(wanted) && glob(wanted, word))
}

/// Whether `wanted`, in which `*` matches any characters, fits all of `word`.
pub(super) fn glob(wanted: &str, word: &str) -> bool {
    let mut parts = wanted.split('*');
    let Some(rest) = parts.next().and_then(|first| word.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    let Some(mut rest) = rest.strip_suffix(last) else { return false };
    parts.all(|part| match rest.find(part) {
        Some(start) => {
            rest = &rest[start + part.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_characters() {
        let cases = [
            ("a", "a", true),
            ("a", "ab", false),
            ("a", "", false),
            ("*", "", true),
            ("*", "abc", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "abc", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("ab*ba", "aba", false),
            ("*aa*", "aba", false),
            ("ä*", "äö", true),
            ("python3.*", "python3.12", true),
            ("python3.*", "python3", false),
        ];
        for (wanted, word, expected) in cases {
            assert_eq!(glob(wanted, word), expected, "{wanted} {word}");
        }
    }
}
