//! Cuts an output into lines while it grows. A line is bounded: of a longer one only the beginning is seen.

/// How much of a line is seen, in bytes.
const LINE_MAX: usize = 8 * 1024;

/// One line, without what ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) text: &'a [u8],
    /// Where it begins in the output, in bytes.
    pub(crate) from: u64,
    /// Where the next line begins.
    pub(crate) next: u64,
}

/// What a visitor makes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visit {
    /// The line is not what it looks for.
    Pass,
    /// It is, and the visitor goes on.
    Take,
    /// It is, and the visitor needs no other.
    Stop,
}

/// What became of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Consumed,
    /// The visitor has stopped.
    Stopped,
}

/// The position in an output, and the beginning of the line that is not complete there.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    begin: u64,
    next: u64,
    partial: Vec<u8>,
}

impl Lines {
    /// From this byte on.
    pub(crate) fn at(offset: u64) -> Self {
        Self { begin: offset, next: offset, partial: Vec::new() }
    }

    /// Which byte to read next.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Calls `visit` for each line that `block`, the next part of the output, completes. A progress bar ends its lines with
    /// a carriage return. Empty lines are skipped. If `visit` stops, the rest of the block is as if it was not read.
    pub(crate) fn feed(
        &mut self,
        block: &[u8],
        mut visit: impl FnMut(Line<'_>) -> Visit,
    ) -> Progress {
        let mut rest = block;
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let next = self.next + at as u64 + 1;
            let text = if self.partial.is_empty() {
                &rest[..at.min(LINE_MAX)]
            } else {
                extend(&mut self.partial, &rest[..at]);
                self.partial.as_slice()
            };
            let line = Line { text, from: self.begin, next };
            let visited = if text.is_empty() { Visit::Pass } else { visit(line) };
            self.partial.clear();
            (self.begin, self.next) = (next, next);
            if visited == Visit::Stop {
                return Progress::Stopped;
            }
            rest = &rest[at + 1..];
        }
        extend(&mut self.partial, rest);
        self.next += rest.len() as u64;
        Progress::Consumed
    }

    /// The line that is not complete yet, such as a question.
    pub(crate) fn unfinished(&self) -> Option<Line<'_>> {
        let line = Line { text: &self.partial, from: self.begin, next: self.next };
        (!self.partial.is_empty()).then_some(line)
    }

    /// Takes the unfinished line for a whole one.
    pub(crate) fn finish(&mut self) {
        self.partial.clear();
        self.begin = self.next;
    }
}

fn extend(partial: &mut Vec<u8>, bytes: &[u8]) {
    let room = LINE_MAX.saturating_sub(partial.len());
    partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    type Seen = Vec<(String, u64, u64)>;

    fn all(lines: &mut Lines, block: &[u8]) -> Seen {
        let mut seen = Vec::new();
        let _ = lines.feed(block, |line| {
            seen.push((String::from_utf8_lossy(line.text).into_owned(), line.from, line.next));
            Visit::Pass
        });
        seen
    }

    fn line(text: &str, from: u64, next: u64) -> (String, u64, u64) {
        (text.to_owned(), from, next)
    }

    /// The lines are the same however the output is cut into blocks.
    #[test]
    fn lines_do_not_depend_on_the_blocks() {
        let text = b"one\r\n\n 10 %\r 20 %\rtwo\nrest";
        let expected =
            [line("one", 0, 4), line(" 10 %", 6, 12), line(" 20 %", 12, 18), line("two", 18, 22)];
        for size in 1..=text.len() {
            let mut lines = Lines::default();
            let seen: Seen = text.chunks(size).flat_map(|it| all(&mut lines, it)).collect();
            assert_eq!(seen, expected, "blocks of {size}");
            let unfinished = lines.unfinished().unwrap();
            assert_eq!((unfinished.text, unfinished.from), (&b"rest"[..], 22), "blocks of {size}");
        }
    }

    #[test]
    fn a_long_line_is_cut_and_counted() {
        let mut lines = Lines::at(100);
        assert_eq!(all(&mut lines, &vec![b'x'; 3 * LINE_MAX]), []);
        assert_eq!(lines.unfinished().unwrap().text.len(), LINE_MAX);
        let seen = all(&mut lines, b"y\nz\n");
        let end = 100 + 3 * LINE_MAX as u64;
        assert_eq!((seen[0].0.len(), seen[0].1, seen[0].2), (LINE_MAX, 100, end + 2));
        assert_eq!(seen[1], line("z", end + 2, end + 4));
    }

    #[test]
    fn goes_on_behind_the_line_that_broke_off() {
        let mut lines = Lines::default();
        let visit = |line: Line<'_>| if line.text == b"b" { Visit::Stop } else { Visit::Pass };
        let progress = lines.feed(b"a\nb\nc\n", visit);
        assert_eq!((progress, lines.next()), (Progress::Stopped, 4));
        assert_eq!(all(&mut lines, b"c\n"), [line("c", 4, 6)]);
    }

    #[test]
    fn a_question_without_an_end_is_a_line_once() {
        let mut lines = Lines::default();
        assert_eq!(all(&mut lines, b"Continue? [y/N] "), []);
        lines.finish();
        assert_eq!(lines.unfinished(), None);
        assert_eq!(all(&mut lines, b"y\nok\n"), [line("y", 16, 18), line("ok", 18, 21)]);
    }
}
