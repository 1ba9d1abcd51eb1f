//! Ten background commands end at once, or shortly after one another, while the session idles: every result is reported
//! once, in no more requests than without the plugin. A model that would read the outputs after each notice has nothing
//! left to read.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sisyphus_harness::program;

use crate::api::{Api, Block, Request, bash, text, tool};
use crate::home::{Home, Setup};
use crate::stage::Stage;
use crate::tui::Tui;

const COMMANDS: usize = 10;
/// The calls, and the text that ends their turn.
const LAUNCH: usize = 2;
/// The time between two ends in a row, in milliseconds.
const STEP: usize = 400;
/// How long the model thinks about a report.
const THINKS: Duration = Duration::from_millis(1_500);
/// After this silence no turn follows: it covers an answer, Claude Code's time to send a notice, and a waiter's to
/// wake.
const QUIET: Duration = Duration::from_secs(7);
const LIMIT: Duration = Duration::from_secs(60);

/// When the commands end.
#[derive(Debug, Clone, Copy)]
enum Ends {
    AtOnce,
    OneByOne,
}

/// How the model reacts to a report.
#[derive(Debug, Clone, Copy)]
enum Model {
    /// It answers with text, after a while.
    Answers,
    /// It reads the outputs that it has not seen, one file with each answer.
    Reads,
}

pub(super) fn run(stage: &Stage) -> Result<()> {
    compare(stage, Ends::AtOnce, Model::Answers)
}

pub(super) fn run_one_by_one(stage: &Stage) -> Result<()> {
    compare(stage, Ends::OneByOne, Model::Answers)
}

pub(super) fn run_read(stage: &Stage) -> Result<()> {
    compare(stage, Ends::AtOnce, Model::Reads)
}

/// Plays the same with the plugin and without, in parallel: other load on the machine affects both.
fn compare(stage: &Stage, ends: Ends, model: Model) -> Result<()> {
    let bare = stage.home("without", &Setup::without_plugin())?;
    let settings = json!({ "sisyphus": { "max_background_tasks": 0 } });
    let ours = stage.home("with", &Setup::with_plugin().settings(settings))?;
    let (without, with) = thread::scope(|scope| {
        let without = scope.spawn(|| play(&bare, ends, model));
        let with = play(&ours, ends, model);
        (without.join(), with)
    });
    let without = without.ok().context("the run without the plugin panicked")??;
    let with = with.context("with the plugin")?;
    let turns = |requests: &[Request]| requests.len().saturating_sub(LAUNCH);
    println!("     {} requests without the plugin, {} with", turns(&without), turns(&with));
    check_told(with.last().context("there was no request")?)?;
    check_news(&with)?;
    ensure!(
        turns(&with) <= turns(&without),
        "{} requests instead of {}",
        turns(&with),
        turns(&without)
    );
    if let Model::Reads = model {
        let reads = |requests: &[Request]| {
            requests.last().map_or(0, |last| last.tool_results().len().saturating_sub(COMMANDS))
        };
        ensure!(
            reads(&without) == COMMANDS,
            "{} files were read without the plugin",
            reads(&without)
        );
        ensure!(reads(&with) == 0, "{} files were read with the plugin", reads(&with));
    }
    Ok(())
}

/// All main requests of one run.
fn play(home: &Home, ends: Ends, model: Model) -> Result<Vec<Request>> {
    let gate = make_gate(home)?;
    let was_read = Mutex::new(BTreeSet::new());
    let api = Api::start(&home.folder.join("api"), move |request, number| match (number, model) {
        (0, _) => (0..COMMANDS).map(|number| command(number, ends)).collect(),
        (1, _) => vec![text("Waiting now.")],
        (_, Model::Answers) => {
            thread::sleep(THINKS);
            vec![text("I see.")]
        }
        (_, Model::Reads) => vec![read_next(request, &was_read)],
    })?;
    let tui = Tui::start(home, &api, &[])?;
    tui.say("start them")?;
    api.wait_for("the end of the turn", LIMIT, |requests| requests.get(LAUNCH - 1).map(drop))?;
    tui.wait_for_screen("Waiting now.")?;
    // The hooks after the turn take a moment longer.
    thread::sleep(Duration::from_secs(1));
    open(&gate)?;
    api.wait_until_quiet(QUIET, LIMIT)
}

/// Waits at the gate, and prints a text that its command line does not contain.
fn command(number: usize, ends: Ends) -> Block {
    let pause = match ends {
        Ends::AtOnce => String::new(),
        Ends::OneByOne => format!("sleep {}.{:03}; ", STEP * number / 1000, STEP * number % 1000),
    };
    bash(&format!("read -r _ < gate; {pause}echo made-$((1000 + {number}))"))
        .description(&format!("number {number}"))
        .background()
}

/// What [`command`] prints.
fn output(number: usize) -> String {
    format!("made-{}", 1000 + number)
}

/// The same in a reminder.
fn quoted(number: usize) -> String {
    format!("| {}\n", output(number))
}

fn make_gate(home: &Home) -> Result<PathBuf> {
    let gate = home.project.join("gate");
    let status = home.command(&program::need("mkfifo", "many_at_once")?).arg(&gate).status()?;
    ensure!(status.success(), "could not make `{}`", gate.display());
    Ok(gate)
}

/// Lets all waiting commands pass within milliseconds: they read until the last writer has closed the gate.
fn open(gate: &Path) -> Result<()> {
    let gate = File::options().write(true).open(gate).context("could not open the gate")?;
    // A late command must find it open.
    thread::sleep(Duration::from_millis(500));
    drop(gate);
    Ok(())
}

/// Reads the file of the next reported task whose output the model has not seen.
fn read_next(request: &Request, was_read: &Mutex<BTreeSet<String>>) -> Block {
    let shown = request.text();
    let mut was_read = was_read.lock().unwrap_or_else(PoisonError::into_inner);
    for told in request.notifications() {
        let is_it = |number: &usize| told.summary.contains(&format!("\"number {number}\""));
        let Some(number) = (0..COMMANDS).find(is_it) else { continue };
        if !shown.contains(&output(number)) && was_read.insert(told.output_file.clone()) {
            return tool("Read", json!({ "file_path": told.output_file }));
        }
    }
    text("I have seen all.")
}

/// Every result with its output, once.
fn check_told(last: &Request) -> Result<()> {
    let told = last.text();
    for number in 0..COMMANDS {
        let count = told.matches(&quoted(number)).count();
        ensure!(count == 1, "the output of {number} was reported {count} times");
    }
    let ends = told.matches("completed with exit code 0 after").count();
    ensure!(ends == COMMANDS, "{ends} results were reported");
    Ok(())
}

/// Every turn after the launch brought a new result.
fn check_news(requests: &[Request]) -> Result<()> {
    let told = |request: &Request| {
        let text = request.text();
        (0..COMMANDS).filter(|number| text.contains(&quoted(*number))).count()
    };
    let counts: Vec<usize> = requests[LAUNCH - 1..].iter().map(told).collect();
    let grows = counts.windows(2).all(|pair| pair[0] < pair[1]);
    ensure!(grows, "a turn without a new result: the results reported so far were {counts:?}");
    Ok(())
}
