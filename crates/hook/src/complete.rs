//! Finds the end of a JSON value while it is being read: Claude Code may keep our standard input open.

/// The position in a JSON object.
#[derive(Debug, Default)]
pub(crate) struct Completion {
    depth: usize,
    scanned: usize,
    place: Place,
}

#[derive(Debug, Default, Clone, Copy)]
enum Place {
    #[default]
    Structure,
    Text,
    /// After a backslash.
    Escape,
}

impl Completion {
    /// Scans what was added to `bytes` since the last call. Returns the length of the first complete object.
    pub(crate) fn scan(&mut self, bytes: &[u8]) -> Option<usize> {
        while let Some(&byte) = bytes.get(self.scanned) {
            self.scanned += 1;
            self.place = match (self.place, byte) {
                (Place::Structure, b'"') => Place::Text,
                (Place::Structure, b'{' | b'[') => {
                    self.depth += 1;
                    Place::Structure
                }
                (Place::Structure, b'}' | b']') => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(self.scanned);
                    }
                    Place::Structure
                }
                (Place::Structure, _) | (Place::Text, b'"') => Place::Structure,
                (Place::Text, b'\\') => Place::Escape,
                (Place::Text | Place::Escape, _) => Place::Text,
            };
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_where_the_object_ends_however_it_is_cut() {
        let cases = [
            (r#"{"a":1}"#, Some(7)),
            (r#"  {"a":{"b":[1,2]}} {"next":1}"#, Some(19)),
            (r#"{"a":"}\"}\\"}rest"#, Some(14)),
            (r#"{"a":"ü}"}"#, Some(11)),
            (r#"{"a":1"#, None),
            (r#"{"a":"}"#, None),
            ("", None),
            ("garbage", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Completion::default().scan(text.as_bytes()), expected, "{text}");
            let mut piecewise = Completion::default();
            let found = (0..=text.len()).find_map(|end| piecewise.scan(&text.as_bytes()[..end]));
            assert_eq!(found, expected, "{text} byte by byte");
        }
    }
}
