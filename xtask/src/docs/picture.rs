//! A picture of a terminal with the real output of `sisyphus demo`.

use std::path::Path;

use anyhow::Result;

use super::steady::steady;
use super::terminal;
use crate::picture::{PLAIN, spans, svg, wrapped};

const COLUMNS: usize = 100;

/// The beginning of each report.
const REPORT: &str = "  [sisyphus] Background task ";
/// The summary after the last one.
const SUM: &str = "  All ";

/// Runs the demonstration, and draws the final screen.
pub(super) fn draw(root: &Path) -> Result<String> {
    let said = shortened(steady(terminal::demo(root, COLUMNS)?));
    let lines = ["$ sisyphus demo".to_owned()].into_iter().chain(said);
    let lines = lines.flat_map(|line| wrapped(spans(&line, plain_colour(&line)), COLUMNS));
    Ok(svg("What sisyphus demo prints", COLUMNS, &lines.collect::<Vec<_>>()))
}

/// Keeps only the first report, and a mark in place of the others.
fn shortened(lines: Vec<String>) -> Vec<String> {
    let second = lines.iter().enumerate().filter(|(_, line)| line.starts_with(REPORT)).nth(1);
    let sum = lines.iter().position(|line| line.starts_with(SUM));
    let (Some((second, _)), Some(sum)) = (second, sum) else { return lines };
    let left_out = lines[second..].iter().filter(|line| line.starts_with(REPORT)).count();
    let mark = format!("  … and {left_out} more like it");
    [&lines[..second], &[mark, String::new()], &lines[sum..]].concat()
}

/// The typed line and the command's output have colours of their own.
fn plain_colour(line: &str) -> &'static str {
    match line {
        line if line.starts_with("$ ") => "#9ecbff",
        line if line.starts_with("  | ") => "#f2cc8f",
        _ => PLAIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_counted() {
        let lines =
            ["a", "  [sisyphus] Background task 1", "  | x", "", "  [sisyphus] Background task 2"];
        let lines = lines.into_iter().chain(["", "  [sisyphus] Background task 3", "", "  All 3"]);
        let short = shortened(lines.map(str::to_owned).collect());
        assert_eq!(
            short[1..],
            [
                "  [sisyphus] Background task 1",
                "  | x",
                "",
                "  … and 2 more like it",
                "",
                "  All 3"
            ]
        );
    }
}
