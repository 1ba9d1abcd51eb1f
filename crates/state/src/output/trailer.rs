//! The line that Claude Code adds to an output file after its shell exits: `[exited with code 4]` or `[killed]`. A line
//! break precedes it, even if the output ended with one (CC-33). Processes that the command left running may still
//! write after it.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;

const KILLED: &[u8] = b"\n[killed]\n";
const EXITED: &[u8] = b"\n[exited with code ";
/// Longest such line, in bytes.
const LONGEST: u64 = 40;

/// Where the output is in Claude Code's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// Length of the output without Claude Code's line.
    pub bytes: u64,
    /// Where Claude Code's line is in the file; empty if there is none.
    pub(super) trailer: Range<u64>,
}

impl Extent {
    /// For a file without Claude Code's line.
    pub fn whole(length: u64) -> Self {
        Self { bytes: length, trailer: length..length }
    }

    /// For a file that was not read.
    pub(super) fn unknown() -> Self {
        Self::whole(u64::MAX)
    }

    /// For a file that contained `known` bytes of output when the shell exited, if that was seen. Claude Code's line is
    /// searched right after those bytes and at the very end. Nothing before them is Claude Code's, whatever it looks
    /// like.
    pub(super) fn of(file: &mut File, known: Option<u64>) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let known = known.filter(|known| *known <= length);
        let at_known = match known {
            Some(known) => leading(&read(file, known)?).map(|trailer| known..known + trailer),
            None => None,
        };
        let trailer = match at_known {
            Some(trailer) => trailer,
            None => at_end(file, length)?
                .filter(|trailer| known.is_none_or(|known| trailer.start >= known))
                .unwrap_or(length..length),
        };
        Ok(Self { bytes: length - (trailer.end - trailer.start), trailer })
    }

    /// For the file of a stopped command that has just exited: Claude Code writes its line before the command exits.
    pub fn of_stopped(file: &mut File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let start = length.saturating_sub(KILLED.len() as u64);
        let is_killed = read(file, start)?.starts_with(KILLED);
        let trailer = if is_killed { start..length } else { length..length };
        Ok(Self { bytes: trailer.start, trailer })
    }

    /// Where in the file this byte of the output is, and how many bytes follow before Claude Code's line.
    pub(super) fn locate(&self, position: u64) -> (u64, u64) {
        match self.trailer.start.checked_sub(position) {
            Some(left) if left > 0 => (position, left),
            _ => (position + (self.trailer.end - self.trailer.start), u64::MAX),
        }
    }
}

/// Claude Code's line at the end of the file.
fn at_end(file: &mut File, length: u64) -> io::Result<Option<Range<u64>>> {
    let start = length.saturating_sub(LONGEST);
    let end = read(file, start)?;
    let whole = |at: &usize| leading(&end[*at..]) == Some((end.len() - at) as u64);
    Ok((0..end.len()).find(whole).map(|at| start + at as u64..length))
}

/// The length of Claude Code's line at the beginning of the bytes.
fn leading(bytes: &[u8]) -> Option<u64> {
    if bytes.starts_with(KILLED) {
        return Some(KILLED.len() as u64);
    }
    let code = bytes.strip_prefix(EXITED)?;
    let digits = code.iter().skip_while(|byte| **byte == b'-').take_while(|it| it.is_ascii_digit());
    let signs = code.iter().take_while(|byte| **byte == b'-').count();
    let digits = digits.count();
    let is_number = signs <= 1 && (1..=11).contains(&digits);
    let is_line = is_number && code[signs + digits..].starts_with(b"]\n");
    is_line.then_some((EXITED.len() + signs + digits + 2) as u64)
}

fn read(file: &mut File, start: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sisyphus_testing::TempDir;

    use super::*;

    fn output(content: &str, extent: impl Fn(&mut File) -> io::Result<Extent>) -> String {
        let dir = TempDir::new();
        let path = dir.path().join("b1.output");
        fs::write(&path, content).unwrap();
        let found = extent(&mut File::open(path).unwrap()).unwrap();
        let trailer = usize::try_from(found.trailer.start).unwrap()
            ..usize::try_from(found.trailer.end).unwrap();
        let output = [&content[..trailer.start], &content[trailer.end..]].concat();
        assert_eq!(output.len() as u64, found.bytes);
        output
    }

    /// S21: the output leaves out the line that Claude Code appends, and nothing else.
    #[test]
    fn the_clients_line_is_known_by_its_form() {
        let cases = [
            ("hello\n\n[exited with code 4]\n", None, "hello\n"),
            ("hello\n[exited with code -1]\n", None, "hello"),
            ("hello\n[killed]\n", None, "hello"),
            ("\n[exited with code 0]\n", None, ""),
            ("", None, ""),
            // Not as Claude Code writes it.
            ("[exited with code 0]\n", None, "[exited with code 0]\n"),
            ("x\n[exited with code 0]", None, "x\n[exited with code 0]"),
            ("x\n[exited with code ]\n", None, "x\n[exited with code ]\n"),
            ("x\n[exited with code 4] or so\n", None, "x\n[exited with code 4] or so\n"),
            ("say [killed]\n", None, "say [killed]\n"),
            ("x\n[killed]\nlate\n", None, "x\n[killed]\nlate\n"),
            // Written by the command: the runner saw it.
            ("x\n[killed]\n", Some(11), "x\n[killed]\n"),
            ("x\n[killed]\n\n[killed]\n", Some(11), "x\n[killed]\n"),
            // Between the command's output and that of what it left.
            ("x\n\n[exited with code 0]\nlate\n", Some(2), "x\nlate\n"),
            ("x\nlate\n\n[exited with code 0]\n", Some(2), "x\nlate\n"),
            ("x\nlate\n[killed]\nmore", Some(2), "x\nlate\n[killed]\nmore"),
            ("x\n", Some(99), "x\n"),
        ];
        for (content, known, expected) in cases {
            let found = output(content, |file| Extent::of(file, known));
            assert_eq!(found, expected, "{content:?} {known:?}");
        }
    }

    /// S21: the output of a stopped command leaves out `[killed]`, which Claude Code appends.
    #[test]
    fn that_it_was_stopped_is_no_output() {
        let cases = [
            ("x\n\n[killed]\n", "x\n"),
            ("\n[killed]\n", ""),
            ("", ""),
            ("[killed]\n", "[killed]\n"),
            ("x\n[exited with code 1]\n", "x\n[exited with code 1]\n"),
        ];
        for (content, expected) in cases {
            assert_eq!(output(content, Extent::of_stopped), expected, "{content:?}");
        }
    }

    #[test]
    fn places_in_the_output_are_places_in_the_file() {
        let extent = Extent { bytes: 15, trailer: 10..20 };
        assert_eq!(extent.locate(0), (0, 10));
        assert_eq!(extent.locate(9), (9, 1));
        assert_eq!(extent.locate(10), (20, u64::MAX));
        assert_eq!(extent.locate(14), (24, u64::MAX));
    }
}
