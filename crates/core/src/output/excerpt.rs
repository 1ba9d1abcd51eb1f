//! The part of an output that is worth reading: its end, and for a failure the lines that look like its cause.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use super::clean::clean_line;

/// How much of an output is looked at, from its end, in bytes. Reading it costs about a millisecond.
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
    /// How many lines there are, as far as was looked at.
    pub lines: usize,
    /// The beginning was not looked at.
    pub began_earlier: bool,
}

/// What the excerpt is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Only the end matters.
    Success,
    /// Its cause may stand further up.
    Failure,
}

/// Takes the excerpt of an output: the last `tail_lines` lines, and for a failure its suspects.
pub fn excerpt(output: &mut File, tail_lines: usize, purpose: Purpose) -> io::Result<Excerpt> {
    let length = output.metadata()?.len();
    let start = length.saturating_sub(LOOKED_AT);
    output.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    output.take(LOOKED_AT).read_to_end(&mut bytes)?;
    // The first line is cut off where we began to read.
    let whole = if start > 0 {
        bytes.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1)
    } else {
        0
    };
    let mut excerpt = choose(&bytes[whole..], tail_lines, purpose);
    excerpt.began_earlier = start > 0;
    Ok(excerpt)
}

fn choose(bytes: &[u8], tail_lines: usize, purpose: Purpose) -> Excerpt {
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if text.is_empty() {
        return Excerpt::default();
    }
    let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
    let (earlier, tail) = lines.split_at(lines.len().saturating_sub(tail_lines));
    let suspects = match purpose {
        Purpose::Success => Vec::new(),
        Purpose::Failure => {
            let mut found: Vec<String> = earlier
                .iter()
                .rev()
                .filter(|line| looks_like_failure(line))
                .take(SUSPECTS)
                .map(|line| clean_line(line, LINE_MAX))
                .collect();
            found.reverse();
            found
        }
    };
    let tail = tail.iter().map(|line| clean_line(line, LINE_MAX)).collect();
    Excerpt { suspects, tail, lines: lines.len(), began_earlier: false }
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
    // Phrases that hold such a word and say the opposite.
    const NOT: [&str; 6] =
        ["0 failed", "0 errors", "0 error", "no errors", "0 failures", "error: 0"];
    let text = String::from_utf8_lossy(line).to_lowercase();
    WORDS.iter().any(|word| text.contains(word)) && !NOT.iter().any(|phrase| text.contains(phrase))
}

#[cfg(test)]
mod tests {
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
    }
}
