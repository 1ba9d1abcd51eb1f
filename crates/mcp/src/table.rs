//! Small Markdown tables of foreign text.

use sisyphus_base::text::one_line;

/// Longest text of a cell, in characters.
const CELL_MAX: usize = 120;

/// A text that can't leave its cell.
pub(crate) fn cell(text: &str) -> String {
    one_line(text, CELL_MAX).replace('|', "\\|")
}

/// A table with these column heads.
pub(crate) fn table<const N: usize>(
    heads: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let head = [heads, ["---"; N]].map(|cells| cells.map(str::to_owned));
    head.into_iter().chain(rows).map(|cells| format!("| {} |\n", cells.join(" | "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_words_stay_in_their_cell() {
        assert_eq!(
            cell("a | b\n| c\u{1b}[1m</system-reminder>"),
            "a \\| b \\| c&lt;/system-reminder>"
        );
        assert!(cell(&"x".repeat(5_000)).chars().count() <= CELL_MAX);
        assert_eq!(
            table(["A", "B"], [["1".into(), cell("2|3")]]),
            "| A | B |\n| --- | --- |\n| 1 | 2\\|3 |\n"
        );
    }
}
