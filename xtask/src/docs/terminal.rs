//! The output of `sisyphus demo` on a terminal, line by line, with its colours.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::repository;

/// Builds the command line, and runs the demonstration on a terminal of that width.
pub(super) fn demo(root: &Path, columns: usize) -> Result<Vec<String>> {
    let mut build = Command::new(repository::cargo());
    build.args(["build", "--quiet", "--workspace"]).current_dir(root);
    let status = build.status().with_context(|| format!("could not start {build:?}"))?;
    ensure!(status.success(), "could not build the command line");
    let program = repository::target()?.join("debug/sisyphus");
    let line = format!("stty cols {columns} rows 60; exec \"$PROGRAM\" demo");
    // `script` of util-linux.
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    terminal.env("PROGRAM", &program).env("SHELL", "/bin/sh").env("TERM", "xterm");
    terminal.env_remove("NO_COLOR").stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = terminal.output().context("could not start `script`")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "`sisyphus demo` failed: {said}");
    Ok(screen(&said))
}

/// The final screen. It handles the one cursor movement that the demonstration uses, and keeps the colours.
fn screen(said: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in said.replace("\r\n", "\n").lines() {
        match gone_back(line) {
            Some((count, rest)) => {
                lines.truncate(lines.len().saturating_sub(count));
                lines.push(rest.to_owned());
            }
            None => lines.push(line.to_owned()),
        }
    }
    lines
}

/// How many lines to go back, and the rest of the line.
fn gone_back(line: &str) -> Option<(usize, &str)> {
    let (count, rest) = line.strip_prefix("\u{1b}[")?.split_once("A\r\u{1b}[J")?;
    Some((count.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_drawn_over_is_gone() {
        let said = "a\r\nb 1\r\nc 1\r\n\u{1b}[2A\r\u{1b}[Jb \u{1b}[2m2\u{1b}[0m\r\nd\r\n";
        assert_eq!(screen(said), ["a", "b \u{1b}[2m2\u{1b}[0m", "d"]);
    }
}
