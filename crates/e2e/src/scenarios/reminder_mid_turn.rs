//! A background command fails while the model works: the next request holds the whole report, once.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::api::{Api, Block, Request, bash, text};
use crate::home::{Home, Setup};
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

const OUTCOME: &str = "failed with exit code 3 after";
const LINE: &str = "47 passed, 3 failed";

pub(super) fn run(stage: &Stage) -> Result<()> {
    play(stage, &Setup::with_plugin())
}

/// The conversation, in a home made by `setup`.
pub(super) fn play(stage: &Stage, setup: &Setup) -> Result<()> {
    let home = stage.home("home", setup)?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![text("Starting."), failing_tests(1)],
        1 => vec![bash("sleep 3; echo read").description("read files")],
        _ => vec![text("done")],
    })?;
    Session::print(&home, &api, &[BYPASS], "run the tests")?.result()?;
    check_first(&api.requests())?;
    check_once(&api.last()?)
}

/// How a report begins that the model may have read before.
pub(super) const MARK: &str = "(possibly repeated) [sisyphus] Background task ";
/// What [`idle_until_the_end`] answers in the end.
pub(super) const SAW_IT_END: &str = "Saw it end.";

/// A model that starts [`failing_tests`], and ends its turn before they do.
pub(super) fn idle_until_the_end(home: &Home) -> Result<Api> {
    Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![failing_tests(2)],
        1 => vec![text("Waiting now.")],
        _ => vec![text(SAW_IT_END)],
    })
}

/// A test run in the background that fails after some seconds.
pub(super) fn failing_tests(seconds: u32) -> Block {
    bash(&format!("sleep {seconds}; echo \"{LINE}\"; exit 3"))
        .description("run the tests")
        .background()
}

/// The reminder about [`failing_tests`] in a request, if it is there.
pub(super) fn reminder(request: &Request) -> Option<String> {
    request.reminders().into_iter().find(|reminder| reminder.contains(OUTCOME))
}

/// The first request with the reminder holds the whole reminder, and Claude Code's own notification.
pub(super) fn check_first(requests: &[Request]) -> Result<()> {
    let found = requests.iter().find_map(|request| Some((request, reminder(request)?)));
    let (request, reminder) = found
        .with_context(|| format!("no reminder with `{OUTCOME}` in {} requests", requests.len()))?;
    ensure!(
        reminder.contains("(\"run the tests\")"),
        "the reminder does not name the task:\n{reminder}"
    );
    let has_line = reminder.lines().any(|line| line.strip_prefix("| ").unwrap_or(line) == LINE);
    ensure!(has_line, "the reminder has no line `{LINE}`:\n{reminder}");
    // Claude Code has named the file with its answer to the call.
    let results = request.tool_results();
    let file = results.iter().find_map(|result| result.output_file().ok());
    let file = file.context("no answer names an output file")?;
    let printed = fs::read_to_string(file).with_context(|| format!("could not read `{file}`"))?;
    ensure!(printed.contains(LINE), "`{file}` has no line `{LINE}`:\n{printed}");
    ensure!(!reminder.contains(file), "the reminder names `{file}` once more:\n{reminder}");
    ensure!(
        !request.notifications().is_empty(),
        "Claude Code's own notification is not in that request"
    );
    Ok(())
}

/// The last request holds the whole conversation, with the outcome once.
pub(super) fn check_once(last: &Request) -> Result<()> {
    let count = last.text().matches(OUTCOME).count();
    ensure!(count == 1, "the whole conversation says `{OUTCOME}` {count} times");
    Ok(())
}
