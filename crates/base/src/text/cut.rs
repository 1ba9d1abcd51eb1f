//! Cuts the middle out of long text, and marks how much is missing.

/// The mark if there is no room for the amount.
const ELLIPSIS: &str = "…";

/// The beginning and the end of `bytes`, together at most `max`, cut between characters; `None` if it is no longer.
pub(super) fn ends(bytes: &[u8], max: usize) -> Option<(&[u8], &[u8])> {
    if bytes.len() <= max {
        return None;
    }
    let is_inside = |byte: &&u8| **byte & 0b1100_0000 == 0b1000_0000;
    let (head, tail) = (&bytes[..=max / 2], &bytes[bytes.len() - max / 2..]);
    // A character has at most three more bytes behind its first.
    let behind = head.iter().rev().take(3).take_while(is_inside).count();
    let before = tail.iter().take(3).take_while(is_inside).count();
    Some((&head[..max / 2 - behind], &tail[before..]))
}

/// The text, with its middle cut out if it is longer than `max` characters.
pub(super) fn cut_middle(text: &str, max: usize) -> String {
    let length = text.chars().count();
    if length <= max {
        return text.to_owned();
    }
    let mark_of = |count: usize| mark(&format!("{count} characters"), max);
    // The mark takes room too. The number of missing characters has no more digits than that of all, so its mark is no
    // longer.
    let widest = mark_of(length);
    let kept = max.saturating_sub(width(&widest));
    let mark = if widest == ELLIPSIS { widest } else { mark_of(length - kept) };
    join(text, text, &mark, max.min(kept + width(&mark)))
}

/// The mark that replaces a missing middle in a text of at most `max` characters.
pub(super) fn mark(missing: &str, max: usize) -> String {
    let mark = format!(" [… {missing} …] ");
    // Otherwise the mark would leave little room for the text.
    if width(&mark) > max / 2 { ELLIPSIS.to_owned() } else { mark }
}

/// The beginning of `head` and the end of `tail` around a mark, together at most `max` characters.
pub(super) fn join(head: &str, tail: &str, mark: &str, max: usize) -> String {
    let room = max.saturating_sub(width(mark));
    let begin = head.chars().take(room - room / 2);
    let skipped = width(tail).saturating_sub(room / 2);
    begin.chain(mark.chars()).chain(tail.chars().skip(skipped)).take(max).collect()
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_that_of_what_is_missing_at_any_length() {
        for max in [0, 1, 16, 41, 42, 43, 60, 100] {
            for length in (0..250).chain(990..1_010).chain(9_990..10_150) {
                let cut = cut_middle(&"x".repeat(length), max);
                assert!(width(&cut) <= max, "{length} in {max}: {cut}");
                let shown = cut.matches('x').count();
                let missing: String = cut.chars().filter(char::is_ascii_digit).collect();
                match missing.parse::<usize>() {
                    Ok(missing) => assert_eq!(shown, length - missing, "{length} in {max}: {cut}"),
                    Err(_) if length <= max => assert_eq!(shown, length),
                    Err(_) => assert_eq!(shown, max.saturating_sub(1), "{length} in {max}: {cut}"),
                }
            }
        }
    }

    #[test]
    fn the_ends_are_cut_between_characters() {
        assert_eq!(ends("äöüß".as_bytes(), 8), None);
        for text in ["aäöüß€𝄞x", "𝄞𝄞𝄞𝄞", "€€€€", "abcdefgh"] {
            for max in 0..text.len() {
                let (head, tail) = ends(text.as_bytes(), max).unwrap();
                let (head, tail) =
                    (std::str::from_utf8(head).unwrap(), std::str::from_utf8(tail).unwrap());
                assert!(head.len() + tail.len() <= max, "{text} {max}");
                assert!(head.len() + tail.len() + 8 > max, "{text} {max}");
                assert!(text.starts_with(head) && text.ends_with(tail), "{text} {max}");
            }
        }
    }
}
