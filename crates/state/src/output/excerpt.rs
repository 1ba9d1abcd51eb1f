//! The part of an output that is worth reading: its end, and for a failure also the lines that look like the cause.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use sisyphus_base::text::{Cleaned, clean};

/// How much of an output is read, from its end, in bytes. Reading it costs about a millisecond.
const LOOKED_AT: u64 = 1024 * 1024;
/// Longest line that is shown, in characters.
const LINE_MAX: usize = 400;
/// How many earlier lines that look like a failure are shown.
const SUSPECTS: usize = 10;

/// Lines worth reading, cleaned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// Lines before the tail that look like the cause of a failure, in their order.
    pub suspects: Vec<String>,
    /// The last lines.
    pub tail: Vec<String>,
    /// How many lines there are in the part that was read.
    pub lines: usize,
    /// The beginning was not read.
    pub began_earlier: bool,
    /// Part of a shown line is missing.
    pub shortened: bool,
}

impl Excerpt {
    /// Whether it shows the whole output.
    pub fn is_whole(&self) -> bool {
        !self.began_earlier && !self.shortened && self.tail.len() == self.lines
    }
}

/// What the excerpt is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Only the end matters.
    Success,
    /// The cause may be further up.
    Failure,
}

/// Takes the excerpt of an output: the last `tail_lines` lines, and for a failure its suspects.
pub fn excerpt(output: &mut File, tail_lines: usize, purpose: Purpose) -> io::Result<Excerpt> {
    let length = output.metadata()?.len();
    let start = length.saturating_sub(LOOKED_AT);
    output.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    output.take(LOOKED_AT).read_to_end(&mut bytes)?;
    if start == 0 {
        return Ok(choose(&bytes, tail_lines, purpose));
    }
    // The first line is cut off where reading began. If it is the only one, its end is still the end.
    let whole = text_of(&bytes).iter().position(|&byte| byte == b'\n').map(|end| end + 1);
    let mut excerpt = choose(&bytes[whole.unwrap_or(0)..], tail_lines, purpose);
    excerpt.began_earlier = true;
    if let (None, Some(line)) = (whole, excerpt.tail.first_mut()) {
        line.insert_str(0, "[…] ");
        excerpt.shortened = true;
    }
    Ok(excerpt)
}

/// The lines without the final line break.
fn text_of(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\n").unwrap_or(bytes)
}

fn choose(bytes: &[u8], tail_lines: usize, purpose: Purpose) -> Excerpt {
    if bytes.is_empty() {
        return Excerpt::default();
    }
    let lines: Vec<&[u8]> = text_of(bytes).split(|&byte| byte == b'\n').collect();
    let (earlier, tail) = lines.split_at(lines.len().saturating_sub(tail_lines));
    let mut shortened = false;
    let mut show = |line: &[u8]| match clean(line, LINE_MAX) {
        Cleaned::Whole(text) => text,
        Cleaned::Cut(text) => {
            shortened = true;
            text
        }
    };
    let suspects = match purpose {
        Purpose::Success => Vec::new(),
        Purpose::Failure => {
            let suspicious = earlier.iter().rev().filter(|line| looks_like_failure(line));
            let mut found: Vec<String> = suspicious.take(SUSPECTS).map(|line| show(line)).collect();
            found.reverse();
            found
        }
    };
    let tail = tail.iter().map(|line| show(line)).collect();
    Excerpt { suspects, tail, lines: lines.len(), began_earlier: false, shortened }
}

/// Whether a line looks like the report of a failure, in the words of common compilers, test runners and shells.
fn looks_like_failure(line: &[u8]) -> bool {
    const WORDS: [&str; 12] = [
        "error",
        "fail",
        "panic",
        "exception",
        "traceback",
        "fatal",
        "cannot",
        "not found",
        "denied",
        "undefined",
        "assert",
        "✗",
    ];
    let text = String::from_utf8_lossy(line).to_lowercase();
    if !WORDS.iter().any(|word| text.contains(word)) {
        return false;
    }
    let said = without_denials(&text);
    WORDS.iter().any(|word| said.contains(word))
}

/// Removes phrases that contain a word for failure and say that there was none. The rest of the line may say the
/// opposite: "2 failed, 0 errors".
fn without_denials(text: &str) -> String {
    const DENIALS: [&str; 6] =
        ["0 failed", "0 errors", "0 error", "no errors", "0 failures", "error: 0"];
    let mut said = text.to_owned();
    for denial in DENIALS {
        let mut rest = said.as_str();
        let mut kept = String::with_capacity(said.len());
        while let Some((before, after)) = rest.split_once(denial) {
            // "10 failed", "v1.0 failed", "error: 0x80004005", "error: 07".
            let is_denied = !before.ends_with(|it: char| it.is_ascii_digit() || it == '.')
                && !after.starts_with(char::is_alphanumeric);
            kept.push_str(before);
            if !is_denied {
                kept.push_str(denial);
            }
            rest = after;
        }
        kept.push_str(rest);
        said = kept;
    }
    said
}

#[cfg(test)]
mod tests {
    use sisyphus_testing::TempDir;

    use super::*;

    #[test]
    fn failures_show_their_cause_before_the_end() {
        let mut text = String::from("compiling\nerror[E0308]: mismatched types\n");
        (0..30).for_each(|number| text.push_str(&format!("line {number}\n")));
        let failure = choose(text.as_bytes(), 20, Purpose::Failure);
        assert_eq!(failure.suspects, ["error[E0308]: mismatched types"]);
        assert_eq!(failure.tail.len(), 20);
        assert_eq!(failure.tail[19], "line 29");
        assert_eq!(failure.lines, 32);
        assert!(choose(text.as_bytes(), 20, Purpose::Success).suspects.is_empty());
    }

    #[test]
    fn the_last_ten_suspects_win_and_keep_their_order() {
        let mut text: String = (0..15).map(|number| format!("FAIL {number}\n")).collect();
        text.push_str("end\n");
        let suspects = choose(text.as_bytes(), 1, Purpose::Failure).suspects;
        assert_eq!(suspects.first().unwrap(), "FAIL 5");
        assert_eq!(suspects.last().unwrap(), "FAIL 14");
    }

    #[test]
    fn knows_the_reports_of_common_tools() {
        let cases = [
            ("FAIL src/auth/login.test.ts", true),
            ("thread 'main' panicked at src/main.rs:1", true),
            ("Traceback (most recent call last):", true),
            ("bash: foo: command not found", true),
            ("npm ERR! code ELIFECYCLE error", true),
            ("test result: ok. 12 passed; 0 failed", false),
            ("Found 0 errors.", false),
            ("10 failed", true),
            ("Tests: 100 failed, 3 passed", true),
            ("release 1.0 failed to build", true),
            ("2 failed, 0 errors in 3 s", true),
            ("0 failed, 0 errors, 0 failures", false),
            ("\u{1b}[32m0 failed\u{1b}[0m", false),
            ("error: 0", false),
            ("error: 0x80004005", true),
            ("10 failed, 0 failed", true),
            ("all good", false),
        ];
        for (line, expected) in cases {
            assert_eq!(looks_like_failure(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn no_output_has_no_lines() {
        assert_eq!(choose(b"", 20, Purpose::Failure), Excerpt::default());
        assert_eq!(choose(b"one", 20, Purpose::Failure).tail, ["one"]);
        assert_eq!(choose(b"\n", 20, Purpose::Failure).tail, [""]);
    }

    #[test]
    fn it_is_whole_only_if_every_line_is_there_and_whole() {
        assert!(choose(b"one\ntwo\n", 2, Purpose::Failure).is_whole());
        assert!(!choose(b"one\ntwo\n", 1, Purpose::Failure).is_whole());
        assert!(!choose("x".repeat(401).as_bytes(), 1, Purpose::Failure).is_whole());
    }

    fn of_file(content: &[u8]) -> Excerpt {
        let dir = TempDir::new();
        let path = dir.path().join("output");
        std::fs::write(&path, content).unwrap();
        excerpt(&mut File::open(path).unwrap(), 20, Purpose::Failure).unwrap()
    }

    /// The excerpt of a file that is longer than what it looks at has no beginning.
    #[test]
    fn a_longer_file_has_no_beginning() {
        let lines = of_file("a line of text\n".repeat(100_000).as_bytes());
        assert!(lines.began_earlier && !lines.is_whole());
        assert_eq!((lines.tail.len(), lines.tail[0].as_str()), (20, "a line of text"));

        let few = of_file(format!("{}\nlast\n", "x".repeat(2 << 20)).as_bytes());
        assert_eq!((few.lines, few.tail.as_slice()), (1, &["last".to_owned()][..]));
        assert!(!few.is_whole());
    }

    #[test]
    fn of_one_endless_line_the_end_is_shown() {
        for end in ["the end", "the end\n"] {
            let one = of_file(format!("{}{end}", "x".repeat(2 << 20)).as_bytes());
            assert_eq!(one.lines, 1);
            assert!(one.tail[0].starts_with("[…] xxx"), "{:?}", one.tail);
            assert!(one.tail[0].ends_with("the end"), "{:?}", one.tail);
            assert!(one.shortened && !one.is_whole());
        }
    }
}
