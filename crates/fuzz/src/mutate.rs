//! Changes an input at random. The same seed makes the same inputs.

/// Parts that have a meaning to a reader of the input.
const WORDS: [&[u8]; 24] = [
    b"\0",
    b"'",
    b"\"",
    b"\\",
    b"\n",
    b"'\"'\"'",
    b" && ",
    b"eval ",
    b" < /dev/null",
    b"<task-notification>",
    b"</task-notification>",
    b"<system-reminder>",
    b"../",
    b"/etc/passwd",
    b"\x1b]0;",
    b"\x1b[2J",
    b"\xff",
    b"\xe2\x80\xae",
    b"null",
    b"-1",
    b"18446744073709551615",
    b"1e999",
    b"{\"state\":\"finished\"}",
    b"[[[[[[[[",
];
/// Longest input, in bytes. Longer inputs find nothing more.
const LONGEST: usize = 64 * 1024;

/// A source of inputs.
#[derive(Debug)]
pub struct Mutator {
    state: u64,
    seeds: Vec<Vec<u8>>,
}

impl Mutator {
    pub fn new(seed: u64, seeds: Vec<Vec<u8>>) -> Self {
        Self { state: seed.wrapping_mul(2).wrapping_add(1), seeds }
    }

    /// The next input.
    pub fn input(&mut self) -> Vec<u8> {
        let mut bytes = self.seed();
        for _ in 0..=self.below(6) {
            self.change(&mut bytes);
        }
        bytes.truncate(LONGEST);
        bytes
    }

    fn seed(&mut self) -> Vec<u8> {
        let index = self.below(self.seeds.len());
        self.seeds.get(index).cloned().unwrap_or_default()
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len() + 1);
        let end = (at + self.below(16) + 1).min(bytes.len());
        match self.below(7) {
            0 => {
                let bit = 1 << self.below(8);
                bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= bit);
            }
            1 => drop(bytes.drain(at.min(end)..end)),
            2 => bytes.truncate(at),
            3 => {
                let part = bytes[at.min(end)..end].to_vec();
                let to = self.below(bytes.len() + 1);
                bytes.splice(to..to, part);
            }
            4 => {
                // A part of another input.
                let other = self.seed();
                let from = self.below(other.len() + 1);
                let until = (from + self.below(64)).min(other.len());
                bytes.splice(at..at, other[from..until].to_vec());
            }
            5 => {
                let word = WORDS[self.below(WORDS.len())];
                bytes.splice(at.min(end)..end, word.to_vec());
            }
            _ => {
                let word = WORDS[self.below(WORDS.len())];
                bytes.splice(at..at, word.to_vec());
            }
        }
    }

    /// A number below `limit`; 0 if there is none.
    fn below(&mut self, limit: usize) -> usize {
        // Marsaglia's xorshift.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let limit = u64::try_from(limit.max(1)).unwrap_or(1);
        usize::try_from(self.state % limit).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs() {
        let inputs = |seed| {
            let mut mutator = Mutator::new(seed, vec![b"{\"a\":1}".to_vec(), b"text".to_vec()]);
            (0..100).map(|_| mutator.input()).collect::<Vec<_>>()
        };
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
    }
}
