//! Compares a run with the plugin to the same run without it.

use anyhow::{Result, bail};

/// How many differences are shown.
const SHOWN: usize = 8;
const WIDEST: usize = 600;

/// The result of one step of a run, with and without the plugin.
pub(super) struct Pair {
    pub(super) what: String,
    pub(super) without: String,
    pub(super) with: String,
}

/// Fails if any pair differs, and shows the first few.
pub(super) fn all_equal(pairs: &[Pair]) -> Result<()> {
    let different: Vec<_> = pairs.iter().filter(|pair| pair.without != pair.with).collect();
    if different.is_empty() {
        return Ok(());
    }
    let shown = different.iter().take(SHOWN).map(|pair| {
        format!(
            "\n{}\n  without: {}\n  with:    {}",
            short(&pair.what),
            excerpt(pair, &pair.without),
            excerpt(pair, &pair.with)
        )
    });
    bail!("{} of {} differ:{}", different.len(), pairs.len(), shown.collect::<String>());
}

/// The text from shortly before the first difference.
fn excerpt(pair: &Pair, text: &str) -> String {
    let same =
        pair.without.chars().zip(pair.with.chars()).take_while(|(one, other)| one == other).count();
    let start = same.saturating_sub(80);
    let dots = if start > 0 { "…" } else { "" };
    short(&(dots.to_owned() + &text.chars().skip(start).collect::<String>()))
}

fn short(text: &str) -> String {
    let escaped = text.escape_debug().to_string();
    match escaped.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", &escaped[..end]),
        None => escaped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(without: &str, with: &str) -> Pair {
        Pair { what: "echo".to_owned(), without: without.to_owned(), with: with.to_owned() }
    }

    #[test]
    fn a_difference_is_shown_where_it_is() {
        assert!(all_equal(&[pair("a", "a")]).is_ok());
        let long = "é".repeat(1000);
        let error = all_equal(&[pair("a", "a"), pair(&format!("{long}1"), &format!("{long}2"))])
            .unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("1 of 2 differ:"), "{message}");
        assert!(message.contains("é1") && message.contains("é2"), "{message}");
    }
}
