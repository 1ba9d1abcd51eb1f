//! The pattern of a watch: a regular expression of bounded size and cost. Its engine never goes back in the text, so no
//! pattern and no output can make it slow.

use anyhow::{Context as _, Result};
use regex::bytes::{Regex, RegexBuilder};
use sisyphus_base::text::one_line;

/// Longest pattern, in bytes.
pub(crate) const PATTERN_MAX: usize = 500;
/// Largest compiled pattern and largest cache of its engine, in bytes.
const COMPILED_MAX: usize = 1024 * 1024;
/// Longest complaint about a pattern, in characters.
const COMPLAINT_MAX: usize = 300;

/// A valid pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    pub(crate) fn new(text: &str) -> Result<Self> {
        anyhow::ensure!(!text.is_empty(), "wrong arguments: the pattern is empty");
        anyhow::ensure!(
            text.len() <= PATTERN_MAX,
            "wrong arguments: a pattern has at most {PATTERN_MAX} bytes"
        );
        let built =
            RegexBuilder::new(text).size_limit(COMPILED_MAX).dfa_size_limit(COMPILED_MAX).build();
        // The library draws its complaint in several lines.
        let plain = |error: regex::Error| {
            let said = error.to_string();
            let last = said.lines().last().unwrap_or_default();
            anyhow::anyhow!("{}", one_line(last, COMPLAINT_MAX))
        };
        let regex = built.map_err(plain).context("wrong arguments: not a regular expression")?;
        Ok(Self(regex))
    }

    pub(crate) fn matches(&self, line: &[u8]) -> bool {
        self.0.is_match(line)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn says_what_is_wrong_with_a_pattern() {
        let long = "x".repeat(PATTERN_MAX + 1);
        let cases = [
            ("", "the pattern is empty"),
            (&long, "at most 500 bytes"),
            ("(", "not a regular expression: error: unclosed group"),
            ("a{1000}{1000}{1000}", "not a regular expression: Compiled regex exceeds size limit"),
            (r"(?<=x)y", "look-around"),
            (r"(a)\1", "backreferences"),
        ];
        for (pattern, said) in cases {
            let error = format!("{:#}", Pattern::new(pattern).unwrap_err());
            assert!(error.contains(said) && error.lines().count() == 1, "{pattern}: {error}");
        }
    }

    #[test]
    fn reads_bytes_of_any_kind() {
        let cases: [(&str, &[u8], bool); 6] = [
            ("ERROR|FATAL", b"12:00 ERROR: x", true),
            ("^ERROR", b"12:00 ERROR: x", false),
            ("(?i)error", b"Error", true),
            (r"\d+ passed$", b"\xff\xfe 47 passed", true),
            ("\u{fc}ber", "\u{fc}ber".as_bytes(), true),
            ("(?i)\u{dc}BER", "\u{fc}ber".as_bytes(), true),
        ];
        for (pattern, line, expected) in cases {
            assert_eq!(Pattern::new(pattern).unwrap().matches(line), expected, "{pattern}");
        }
    }

    /// A pattern that is exponential for an engine that goes back is linear for this one.
    #[test]
    fn a_malicious_pattern_stays_cheap() {
        let pattern = Pattern::new("(a+)+$|(a|aa)+b|(.*.*.*)x").unwrap();
        let line = [vec![b'a'; 8_000], vec![b'!']].concat();
        let begin = Instant::now();
        assert!(!pattern.matches(&line));
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    }
}
