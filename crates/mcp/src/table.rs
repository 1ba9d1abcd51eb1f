//! Small Markdown tables of foreign text.

use sisyphus_base::text::one_line;

/// Longest text of a cell, in characters.
const CELL_MAX: usize = 120;

/// A text that can't leave its cell.
pub(crate) fn cell(text: &str) -> String {
    one_line(text, CELL_MAX).replace('|', "\\|")
}

/// A table with these column heads.
pub(crate) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<&str> = cells.collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(&mut heads.iter().copied());
    text.push_str(&line(&mut heads.iter().map(|_| "---")));
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
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
            table(&["A", "B"], &[vec!["1".into(), cell("2|3")]]),
            "| A | B |\n| --- | --- |\n| 1 | 2\\|3 |\n"
        );
    }
}
