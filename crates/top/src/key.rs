//! The keys that mean something, from the bytes that a terminal sends.

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Char(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Backspace,
    Escape,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-L.
    Redraw,
}

/// Longest escape sequence that is waited for, in bytes.
const SEQUENCE_MAX: usize = 32;

/// Turns bytes into keys. Reads may end anywhere in a sequence or a character.
#[derive(Debug, Default)]
pub(crate) struct Keyboard {
    pending: Vec<u8>,
    /// The last key was an ESC at the end of a read. If the rest of a sequence follows, it is no text.
    is_escaped: bool,
}

/// What the beginning of the input is.
enum Piece {
    Key(Key, usize),
    /// Nothing that means something.
    Skip(usize),
    Incomplete,
}

impl Keyboard {
    pub(crate) fn press(&mut self, bytes: &[u8]) -> Vec<Key> {
        if std::mem::take(&mut self.is_escaped) && matches!(bytes, [b'[' | b'O', _, ..]) {
            self.pending.push(0x1b);
        }
        self.pending.extend_from_slice(bytes);
        let mut keys = Vec::new();
        while !self.pending.is_empty() {
            let length = match piece(&self.pending) {
                Piece::Key(key, length) => {
                    keys.push(key);
                    length
                }
                Piece::Skip(length) => length,
                Piece::Incomplete => break,
            };
            self.is_escaped = self.pending == [0x1b];
            self.pending.drain(..length);
        }
        keys
    }
}

fn piece(bytes: &[u8]) -> Piece {
    match bytes {
        [0x1b] => Piece::Key(Key::Escape, 1),
        [0x1b, b'[' | b'O', rest @ ..] => sequence(rest),
        // Alt and a key. Twice ESC is ESC.
        [0x1b, 0x1b, ..] => Piece::Key(Key::Escape, 1),
        [0x1b, _, ..] => Piece::Skip(2),
        [b'\r' | b'\n', ..] => Piece::Key(Key::Enter, 1),
        [0x7f | 0x08, ..] => Piece::Key(Key::Backspace, 1),
        [0x03, ..] => Piece::Key(Key::Interrupt, 1),
        [0x0c, ..] => Piece::Key(Key::Redraw, 1),
        [0x00..=0x1f, ..] => Piece::Skip(1),
        [..] => character(bytes),
    }
}

/// What follows `ESC [`: parameters, and one letter that says which key it is.
fn sequence(rest: &[u8]) -> Piece {
    let Some(end) = rest.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
        return if rest.len() > SEQUENCE_MAX { Piece::Skip(2) } else { Piece::Incomplete };
    };
    let length = end + 3;
    let key = match (&rest[..end], rest[end]) {
        (_, b'A') => Key::Up,
        (_, b'B') => Key::Down,
        (_, b'H') | (b"1" | b"7", b'~') => Key::Home,
        (_, b'F') | (b"4" | b"8", b'~') => Key::End,
        (b"5", b'~') => Key::PageUp,
        (b"6", b'~') => Key::PageDown,
        _ => return Piece::Skip(length),
    };
    Piece::Key(key, length)
}

fn character(bytes: &[u8]) -> Piece {
    let first = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(first) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() == 0 && error.error_len().is_none() => {
            return Piece::Incomplete;
        }
        Err(error) => std::str::from_utf8(&first[..error.valid_up_to()]).unwrap_or_default(),
    };
    match valid.chars().next() {
        Some(it) if it.is_control() => Piece::Skip(it.len_utf8()),
        Some(it) => Piece::Key(Key::Char(it), it.len_utf8()),
        None => Piece::Skip(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: [(&[u8], &[Key]); 14] = [
        (b"jk", &[Key::Char('j'), Key::Char('k')]),
        (b"\x1b[A\x1b[B\x1bOA\x1bOB", &[Key::Up, Key::Down, Key::Up, Key::Down]),
        (b"\x1b[5~\x1b[6~", &[Key::PageUp, Key::PageDown]),
        (b"\x1b[H\x1b[F\x1b[1~\x1b[4~", &[Key::Home, Key::End, Key::Home, Key::End]),
        (b"\x1b[1;5A", &[Key::Up]),
        (b"\r\n", &[Key::Enter, Key::Enter]),
        (b"\x7f\x08", &[Key::Backspace, Key::Backspace]),
        (b"\x03\x0c", &[Key::Interrupt, Key::Redraw]),
        // A function key, Alt and a letter, Ctrl-A: nothing.
        (b"\x1b[15~\x1bx\x01q", &[Key::Char('q')]),
        ("ä日👍".as_bytes(), &[Key::Char('ä'), Key::Char('日'), Key::Char('👍')]),
        (b"\xffa", &[Key::Char('a')]),
        (b"\x1b", &[Key::Escape]),
        (b"\x1b\x1b[A", &[Key::Escape, Key::Up]),
        (b"", &[]),
    ];

    #[test]
    fn bytes_are_keys() {
        for (bytes, keys) in CASES {
            assert_eq!(Keyboard::default().press(bytes), keys, "{bytes:?}");
        }
    }

    /// A sequence that arrives in two reads is still one key. If the first read is ESC alone, that counts as a key too.
    #[test]
    fn a_key_may_arrive_in_two_reads() {
        for (bytes, keys) in CASES {
            for cut in 1..bytes.len() {
                let mut keyboard = Keyboard::default();
                let (before, behind) = bytes.split_at(cut);
                let pressed = [keyboard.press(before), keyboard.press(behind)].concat();
                let without = |keys: &[Key]| -> Vec<Key> {
                    keys.iter().copied().filter(|key| *key != Key::Escape).collect()
                };
                // Alt and a letter, cut between them, are two keys.
                if !bytes.windows(2).any(|pair| pair == b"\x1bx") {
                    assert_eq!(without(&pressed), without(keys), "{bytes:?} at {cut}");
                }
            }
        }
    }

    #[test]
    fn an_endless_sequence_does_not_stop_the_keyboard() {
        let mut keyboard = Keyboard::default();
        let _ = keyboard.press(&[b"\x1b[".as_slice(), &[b'1'; 100]].concat());
        assert!(keyboard.press(b"q").contains(&Key::Char('q')));
    }
}
