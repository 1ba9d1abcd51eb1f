//! A success whose exit code 0 says nothing about a part of the command is reported with whose code it is. Where the
//! shell's options let the code count for the whole pipeline, the report claims nothing.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::api::{Api, Block, bash, text};
use crate::home::Setup;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

const LIMIT: Duration = Duration::from_secs(40);
/// Each name, its command, how the model reads that it ended, and whose exit code 0 it is.
const COMMANDS: [(&str, &str, &str, Option<&str>); 6] = [
    (
        "pipeline",
        "false | tail -1",
        "completed with exit code 0",
        Some("exit code 0 is that of `tail`, the last of a pipeline"),
    ),
    ("pipefail", "set -o pipefail; false | tail -1", "failed with exit code 1", None),
    ("pipefail-good", "set -o pipefail; echo 1 | tail -1", "completed with exit code 0", None),
    (
        "or-true",
        "false || true",
        "completed with exit code 0",
        Some(
            "exit code 0 is that of `true`, at the end of the command, unless what precedes it succeeded",
        ),
    ),
    (
        "then-true",
        "false; true",
        "completed with exit code 0",
        Some("exit code 0 is that of `true`, at the end of the command"),
    ),
    ("plain", "true", "completed with exit code 0", None),
];

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let api = Api::start(&home.folder.join("api"), |_, number| {
        if number > 0 {
            return vec![text("I see.")];
        }
        let call = |(name, command, ..): (&str, &str, &str, Option<&str>)| -> Block {
            bash(command).description(name).background()
        };
        COMMANDS.map(call).into()
    })?;
    let mut session = Session::idle(&home, &api, &[BYPASS])?;
    session.send("go")?;
    let said = |name: &str, end: &str| format!("(\"{name}\") {end}");
    let last = api.wait_for("all results", LIMIT, |requests| {
        let all =
            |text: &str| COMMANDS.iter().all(|(name, _, end, _)| text.contains(&said(name, end)));
        requests.iter().find(|request| all(&request.text())).cloned()
    })?;
    session.finish()?;
    let read = last.text();
    for (name, _, end, whose) in COMMANDS {
        let report = report(&read, &said(name, end))?;
        let found = report.contains("exit code 0 is that of");
        ensure!(found == whose.is_some(), "the model reads of `{name}`: {report}");
        ensure!(
            whose.is_none_or(|it| report.contains(it)),
            "the model reads of `{name}`: {report}"
        );
    }
    Ok(())
}

/// The report that begins with these words.
fn report<'a>(text: &'a str, words: &str) -> Result<&'a str> {
    let begin = text.find(words).with_context(|| format!("no report {words}"))?;
    let rest = &text[begin..];
    Ok(rest[words.len()..].find("[sisyphus]").map_or(rest, |end| &rest[..words.len() + end]))
}
