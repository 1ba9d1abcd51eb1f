//! A picture of a terminal with the real output of `sisyphus demo`.

use std::path::Path;

use anyhow::Result;

use super::steady::steady;
use super::terminal;

const COLUMNS: usize = 100;
const LETTER: usize = 8;
const LINE: usize = 18;
const MARGIN: usize = 16;

/// The beginning of each report.
const REPORT: &str = "  [sisyphus] Background task ";
/// The summary after the last one.
const SUM: &str = "  All ";

/// Runs the demonstration, and draws the final screen.
pub(super) fn draw(root: &Path) -> Result<String> {
    let said = shortened(steady(terminal::demo(root, COLUMNS)?));
    let lines = ["$ sisyphus demo".to_owned()].into_iter().chain(said);
    Ok(picture(&lines.flat_map(|line| wrapped(spans(&line))).collect::<Vec<_>>()))
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

/// Text of one colour.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    colour: &'static str,
    text: String,
}

type Line = Vec<Span>;

/// A line of a terminal, split at its colours.
fn spans(line: &str) -> Line {
    let plain = plain_colour(line);
    let mut spans = Vec::new();
    for part in format!("\u{1b}[0m{line}").split("\u{1b}[").skip(1) {
        let (code, text) = part.split_once('m').unwrap_or(("0", part));
        if !text.is_empty() {
            spans.push(Span { colour: colour_of(code).unwrap_or(plain), text: text.to_owned() });
        }
    }
    spans
}

fn colour_of(code: &str) -> Option<&'static str> {
    match code {
        "1" => Some("#ffffff"),
        "2" => Some("#8b949e"),
        "31" => Some("#ff7b72"),
        "32" => Some("#7ee787"),
        "33" => Some("#f2cc60"),
        "36" => Some("#76e3ea"),
        _ => None,
    }
}

/// The typed line and the command's output have colours of their own.
fn plain_colour(line: &str) -> &'static str {
    match line {
        line if line.starts_with("$ ") => "#9ecbff",
        line if line.starts_with("  | ") => "#f2cc8f",
        _ => "#e6e6e6",
    }
}

/// A line, wrapped to the width of the terminal.
fn wrapped(line: Line) -> Vec<Line> {
    let (mut lines, mut left) = (vec![Line::new()], COLUMNS);
    for Span { colour, text } in line {
        let mut letters: Vec<char> = text.chars().collect();
        while !letters.is_empty() {
            if left == 0 {
                lines.push(Line::new());
                left = COLUMNS;
            }
            let rest = letters.split_off(left.min(letters.len()));
            left -= letters.len();
            if let Some(last) = lines.last_mut() {
                last.push(Span { colour, text: letters.into_iter().collect() });
            }
            letters = rest;
        }
    }
    lines
}

fn picture(lines: &[Line]) -> String {
    let (width, height) = (COLUMNS * LETTER + 2 * MARGIN, lines.len() * LINE + 2 * MARGIN);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"ui-monospace, Menlo, Consolas, monospace\" font-size=\"13\">\n\
         <title>What sisyphus demo prints</title>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"#1c1f24\"/>\n"
    );
    for (number, line) in lines.iter().enumerate() {
        let y = MARGIN + number * LINE + LINE * 3 / 4;
        let mut column = 0;
        for Span { colour, text: letters } in line {
            let indent = letters.chars().take_while(|it| *it == ' ').count();
            let shown = letters.trim();
            let (x, length) = (MARGIN + (column + indent) * LETTER, shown.chars().count() * LETTER);
            column += letters.chars().count();
            if shown.is_empty() {
                continue;
            }
            // The columns stay aligned in any font.
            text += &format!(
                "<text x=\"{x}\" y=\"{y}\" fill=\"{colour}\" textLength=\"{length}\" xml:space=\"preserve\">{}</text>\n",
                escaped(shown)
            );
        }
    }
    text + "</svg>\n"
}

fn escaped(line: &str) -> String {
    line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_whole_whatever_was_printed() {
        let lines: Vec<Line> = wrapped(spans(&"<&>x".repeat(30)));
        assert_eq!(lines.len(), 2);
        let picture = picture(&lines);
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{picture}");
        assert_eq!(picture.matches("<text ").count(), 2);
        assert_eq!(picture.matches('<').count(), 2 * picture.matches("</").count() + 1);
    }

    #[test]
    fn colours_take_no_room() {
        let line = spans("\u{1b}[32m✔ good\u{1b}[0m  1 s  \u{1b}[2mlast\u{1b}[0m");
        let parts: Vec<(&str, &str)> =
            line.iter().map(|span| (span.colour, span.text.as_str())).collect();
        assert_eq!(parts, [("#7ee787", "✔ good"), ("#e6e6e6", "  1 s  "), ("#8b949e", "last")]);
        let picture = picture(&[line]);
        let x = MARGIN + "? good  1 s  ".len() * LETTER;
        assert!(picture.contains(&format!("<text x=\"{x}\"")), "{picture}");
    }

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
