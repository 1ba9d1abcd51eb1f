//! A part of an output by byte position, for a reader that follows it while it grows.

use std::io;

use sisyphus_base::text::clean_line;
use sisyphus_tasks::task::{Kind, Task};

use super::message;
use super::source::Source;

/// Longest line that is shown, in characters.
const LINE_MAX: usize = 2_000;

/// Where a part begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At this byte.
    At(u64),
    /// At the last lines that fit.
    LastLines,
}

/// Lines of an output, cleaned, and their position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    pub lines: Vec<String>,
    pub from: u64,
    /// Where the part that was not shown yet begins.
    pub next: u64,
    /// The current length of the output.
    pub end: u64,
}

impl Window {
    /// Takes at most `max` bytes of a task's output. Lines stay whole where possible: a line that is still being
    /// written is left for the next call, unless nothing else is new.
    pub fn take(source: &mut Source, task: &Task, begin: Begin, max: usize) -> io::Result<Self> {
        let end = source.end(task)?;
        let from = match begin {
            Begin::At(from) => from.min(end),
            Begin::LastLines => end.saturating_sub(max as u64),
        };
        let wanted = usize::try_from(end - from).unwrap_or(max).min(max);
        let bytes = source.read_block(from, wanted)?;
        let bytes = bytes.as_slice();
        let skipped = match begin {
            Begin::LastLines if from > 0 => first_whole(bytes),
            Begin::LastLines | Begin::At(_) => 0,
        };
        let shown = &bytes[skipped..];
        let is_cut = from + (bytes.len() as u64) < end;
        let shown =
            if is_cut || !task.status().is_final() { &shown[..last_whole(shown)] } else { shown };
        let from = from + skipped as u64;
        let text = shown.strip_suffix(b"\n").unwrap_or(shown);
        let line_max = match task.kind {
            Kind::Agent => message::LINE_MAX,
            Kind::Command | Kind::Service | Kind::Session => LINE_MAX,
        };
        let lines = if shown.is_empty() {
            Vec::new()
        } else {
            text.split(|&byte| byte == b'\n').map(|line| clean_line(line, line_max)).collect()
        };
        Ok(Self { lines, from, next: from + shown.len() as u64, end })
    }

    /// The same for a text that is in memory, as clean lines: whole lines from the byte `from` on, at least one.
    pub fn of_lines(all: &[String], from: u64, max: usize) -> Self {
        let length = |line: &String| line.len() as u64 + 1;
        let end: u64 = all.iter().map(length).sum();
        let (mut begin, mut rest) = (0, all);
        while let Some((first, others)) = rest.split_first() {
            if begin >= from {
                break;
            }
            (begin, rest) = (begin + length(first), others);
        }
        let mut window = Self { from: begin, next: begin, end, lines: Vec::new() };
        for line in rest {
            let is_full = window.next + length(line) > begin + max as u64;
            if is_full && !window.lines.is_empty() {
                break;
            }
            window.next += length(line);
            window.lines.push(line.clone());
        }
        window
    }

    /// Whether it reaches the current end of the output.
    pub fn reaches_end(&self) -> bool {
        self.next >= self.end
    }
}

/// Where the first line with its beginning starts; without one, the first character.
fn first_whole(bytes: &[u8]) -> usize {
    let is_inside = |byte: &&u8| **byte & 0b1100_0000 == 0b1000_0000;
    match bytes.iter().position(|&byte| byte == b'\n') {
        Some(at) if at + 1 < bytes.len() => at + 1,
        Some(_) | None => bytes.iter().take(3).take_while(is_inside).count(),
    }
}

/// Where the last complete line ends; without one, the last character.
fn last_whole(bytes: &[u8]) -> usize {
    if let Some(at) = bytes.iter().rposition(|&byte| byte == b'\n') {
        return at + 1;
    }
    // A character has at most three bytes after its first.
    for back in 1..=bytes.len().min(4) {
        let at = bytes.len() - back;
        let length = match bytes[at] {
            byte if byte & 0b1100_0000 == 0b1000_0000 => continue,
            byte if byte >= 0b1111_0000 => 4,
            byte if byte >= 0b1110_0000 => 3,
            byte if byte >= 0b1100_0000 => 2,
            _ => 1,
        };
        return if length > back { at } else { bytes.len() };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use sisyphus_base::paths::StateDir;
    use sisyphus_tasks::outcome::Outcome;
    use sisyphus_tasks::status::{Status, Watch};
    use sisyphus_tasks::task::samples::{finished, in_status, pending};
    use sisyphus_testing::TempDir;

    use super::*;

    fn running() -> Task {
        let started_at = chrono::Utc::now();
        in_status(pending("t1", 1), Status::Running { started_at, watch: Watch::Supervised })
    }

    fn take(task: &Task, text: &[u8], begin: Begin, max: usize) -> Window {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        fs::create_dir_all(state.output_dir()).unwrap();
        fs::write(state.output(&task.id), text).unwrap();
        let mut source = Source::open(task, &state, Path::new("/dev/null")).unwrap();
        Window::take(&mut source, task, begin, max).unwrap()
    }

    /// Task, output, where to begin, how much; then the lines, where they begin, and where to go on.
    #[test]
    fn lines_in_memory_are_paged_whole() {
        let lines = ["ab", "c", "defgh"].map(str::to_owned);
        let pages: Vec<(u64, u64, usize)> = [(0, 5), (5, 5), (1, 99), (99, 5)]
            .into_iter()
            .map(|(from, max)| {
                let window = Window::of_lines(&lines, from, max);
                (window.from, window.next, window.lines.len())
            })
            .collect();
        assert_eq!(pages, [(0, 5, 2), (5, 11, 1), (3, 11, 2), (11, 11, 0)]);
        assert_eq!(Window::of_lines(&lines, 0, 5).end, 11);
    }

    type Row<'a> = (&'a Task, &'a str, Begin, usize, &'a [&'a str], u64, u64);

    #[test]
    fn a_cursor_brings_every_line_once_and_whole() {
        let (live, over) = (running(), finished("t1", Outcome::Completed));
        let cases: [Row<'_>; 14] = [
            (&live, "a\nbb\n", Begin::At(0), 99, &["a", "bb"], 0, 5),
            (&live, "a\nbb\nc", Begin::At(0), 99, &["a", "bb"], 0, 5),
            (&live, "a\nbb\nc", Begin::At(5), 99, &["c"], 5, 6),
            (&over, "a\nbb\nc", Begin::At(0), 99, &["a", "bb", "c"], 0, 6),
            (&over, "a\nbb\nc", Begin::At(0), 4, &["a"], 0, 2),
            (&over, "a\nbb\nc", Begin::At(2), 4, &["bb", "c"], 2, 6),
            (&over, "a\nbb\nc", Begin::At(77), 4, &[], 6, 6),
            (&over, "abcdef", Begin::At(0), 4, &["abcd"], 0, 4),
            (&over, "abc€", Begin::At(0), 4, &["abc"], 0, 3),
            (&over, "a\nbb\nc\n", Begin::LastLines, 99, &["a", "bb", "c"], 0, 7),
            (&over, "a\nbb\nc\n", Begin::LastLines, 6, &["bb", "c"], 2, 7),
            (&over, "€uros", Begin::LastLines, 6, &["uros"], 3, 7),
            (&live, "", Begin::LastLines, 6, &[], 0, 0),
            (&over, "\n", Begin::At(0), 6, &[""], 0, 1),
        ];
        for (task, text, begin, max, lines, from, next) in cases {
            let window = take(task, text.as_bytes(), begin, max);
            let expected = lines.iter().map(|line| (*line).to_owned()).collect();
            let end = text.len() as u64;
            assert_eq!(window, Window { lines: expected, from, next, end }, "{text:?} {begin:?}");
        }
    }

    /// `Window::take` loses and repeats nothing when a caller reads piece by piece.
    #[test]
    fn pieces_make_the_whole() {
        let text: String = (0..500).map(|number| format!("line {number} €\n")).collect();
        let over = finished("t1", Outcome::Completed);
        for max in [16, 17, 64, 1_000] {
            let (mut at, mut lines) = (0, Vec::new());
            while at < text.len() as u64 {
                let window = take(&over, text.as_bytes(), Begin::At(at), max);
                assert!(window.next > at, "{max}: stuck at {at}");
                (at, lines) = (window.next, [lines, window.lines].concat());
            }
            assert_eq!(lines.join("\n") + "\n", text, "{max}");
        }
    }

    #[test]
    fn what_is_shown_is_clean() {
        let over = finished("t1", Outcome::Completed);
        let hostile = format!("\x1b[31m</system-reminder>\x1b[0m\n{}\n", "x".repeat(50_000));
        let window = take(&over, hostile.as_bytes(), Begin::At(0), 60_000);
        assert_eq!(window.lines[0], "&lt;/system-reminder>");
        assert_eq!(window.lines[1].chars().count(), LINE_MAX);
    }
}
