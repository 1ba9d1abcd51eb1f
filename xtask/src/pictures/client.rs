//! Claude Code at a moment that people meet. The scenarios' own program plays the scene and prints the screen.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::repository;

use super::Shot;

/// The folder that people see.
const FOLDER: &str = "/home/dev/shop";
/// Claude Code names its work by another verb each time, behind this sign.
const WORK: char = '✻';
const WORKED: &str = "✻ Worked for 4s";
/// What is between the conversation and a pane.
const BORDER: char = '│';

pub(super) fn shoot(name: &str, title: &'static str, columns: u16) -> Result<Shot> {
    let program = repository::target()?.join("debug/sisyphus-e2e");
    let mut play = Command::new(&program);
    play.args(["--picture", name]).stderr(Stdio::inherit());
    let output = play.output().with_context(|| format!("could not start {play:?}"))?;
    ensure!(output.status.success(), "`{name}` was not played ({})", output.status);
    let screen = String::from_utf8_lossy(&output.stdout);
    Ok(Shot { title, columns, typed: None, screen: steadied(&screen) })
}

/// The screen without what differs from run to run, apart from times.
fn steadied(screen: &str) -> String {
    let lines = screen.lines().map(|line| {
        if let Some(at) = line.find(WORK) {
            let end = line[at..].find(BORDER).map_or(line.len(), |it| at + it);
            let width = visible(&line[at..end]);
            return format!("{}\u{1b}[2m{WORKED:width$}\u{1b}[0m{}", &line[..at], &line[end..]);
        }
        let path = line.find("/target/e2e/").map(|at| {
            let word = line[..at].rfind(' ').map_or(0, |it| it + 1);
            // A colour ends with the letter.
            let colour =
                line[..at].rfind('\u{1b}').and_then(|it| Some(it + line[it..at].find('m')? + 1));
            let begin = word.max(colour.unwrap_or(0));
            let end = line[at..].find(['\u{1b}', ' ']).map_or(line.len(), |it| at + it);
            (begin, end)
        });
        path.map_or_else(
            || line.to_owned(),
            |(begin, end)| format!("{}{FOLDER}{}", &line[..begin], &line[end..]),
        )
    });
    // The first screen of a session is blank above the prompt.
    let lines: Vec<String> = lines.collect();
    let blank = |line: &&String| line.trim().is_empty();
    let first = lines.iter().take_while(blank).count();
    let mut shown: Vec<String> = Vec::new();
    for line in lines.into_iter().skip(first) {
        // Many blank lines stand between the conversation and the prompt.
        let is_gap = blank(&&line) && shown.iter().rev().take(2).all(|it| it.trim().is_empty());
        if !is_gap {
            shown.push(line);
        }
    }
    shown.join("\n") + "\n"
}

/// How many characters of it are seen.
pub(super) fn visible(text: &str) -> usize {
    let mut is_sequence = false;
    let is_seen = |character: &char| {
        let is_text = !is_sequence && *character != '\u{1b}';
        is_sequence = *character == '\u{1b}' || (is_sequence && *character != 'm');
        is_text
    };
    text.chars().filter(is_seen).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_replaced() {
        let screen = "\n\n \u{1b}[38m/home/me/x/target/e2e/picture/home/project\u{1b}[39m end\n\
                      \u{1b}[2m✻ \u{1b}[22mBaked for 0s · 2:46 AM  │pane\n\n\n\n\n❯ go\n";
        let expected = " \u{1b}[38m/home/dev/shop\u{1b}[39m end\n\
                        \u{1b}[2m\u{1b}[2m✻ Worked for 4s           \u{1b}[0m│pane\n\n\n❯ go\n";
        assert_eq!(steadied(screen), expected);
    }
}
