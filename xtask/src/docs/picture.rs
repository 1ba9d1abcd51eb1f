//! A terminal as a picture: what `sisyphus demo` really printed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::repository;

const COLUMNS: usize = 104;
const LETTER: usize = 8;
const LINE: usize = 18;
const MARGIN: usize = 16;

/// Builds the command line, lets it show itself, and draws what it says.
pub(super) fn draw(root: &Path) -> Result<String> {
    let mut build = Command::new(repository::cargo());
    build.args(["build", "--quiet", "--workspace"]).current_dir(root);
    let status = build.status().with_context(|| format!("could not start {build:?}"))?;
    ensure!(status.success(), "could not build the command line");
    let program = repository::target()?.join("debug/sisyphus");
    let mut demo = Command::new(&program);
    let output = demo.arg("demo").output();
    let output = output.with_context(|| format!("could not start `{}`", program.display()))?;
    ensure!(output.status.success(), "`sisyphus demo` failed");
    let said = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<String> =
        ["$ sisyphus demo"].into_iter().chain(said.trim_end().lines()).flat_map(wrapped).collect();
    Ok(picture(&lines))
}

/// A line as a terminal of that width shows it.
fn wrapped(line: &str) -> Vec<String> {
    let letters: Vec<char> = line.chars().collect();
    if letters.is_empty() {
        return vec![String::new()];
    }
    letters.chunks(COLUMNS).map(|part| part.iter().collect()).collect()
}

fn picture(lines: &[String]) -> String {
    let (width, height) = (COLUMNS * LETTER + 2 * MARGIN, lines.len() * LINE + 2 * MARGIN);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"ui-monospace, Menlo, Consolas, monospace\" font-size=\"13\">\n\
         <title>What sisyphus demo prints</title>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"#1c1f24\"/>\n"
    );
    for (number, line) in lines.iter().enumerate() {
        let y = MARGIN + number * LINE + LINE * 3 / 4;
        let colour = colour_of(line);
        text += &format!(
            "<text x=\"{MARGIN}\" y=\"{y}\" fill=\"{colour}\" xml:space=\"preserve\">{}</text>\n",
            escaped(line)
        );
    }
    text + "</svg>\n"
}

/// What a person typed, what the model reads, and what the command printed are told apart.
fn colour_of(line: &str) -> &'static str {
    match line {
        line if line.starts_with("$ ") => "#9ecbff",
        line if line.starts_with("  | ") => "#f2cc8f",
        line if line.starts_with("  ") => "#e6e6e6",
        _ => "#8b949e",
    }
}

fn escaped(line: &str) -> String {
    line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_whole_whatever_was_printed() {
        let lines: Vec<String> = wrapped(&"<&>x".repeat(30));
        assert_eq!(lines.len(), 2);
        let picture = picture(&lines);
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{picture}");
        assert_eq!(picture.matches("<text ").count(), 2);
        assert_eq!(picture.matches('<').count(), 2 * picture.matches("</").count() + 1);
    }
}
