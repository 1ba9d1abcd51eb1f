//! Twenty background commands end at random times while the model works: every result is reported exactly once.
//!
//! `SISYPHUS_E2E_REPEATS` sets how often that is played, each time with other times.

use std::env;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::api::{Api, Block, Request, bash, text};
use crate::home::Setup;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

const COMMANDS: usize = 20;
/// The latest end, in milliseconds after the start.
const SPAN: u64 = 10_000;
/// How often the model calls a command of one second: most of the others end in that time, some while it idles.
const STEPS: usize = 6;
const REPEATS: u64 = 2;
const QUIET: Duration = Duration::from_secs(4);
const LIMIT: Duration = Duration::from_secs(60);
const VARIABLE: &str = "SISYPHUS_E2E_REPEATS";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let repeats = match env::var(VARIABLE) {
        Ok(value) => value.parse().with_context(|| format!("`{VARIABLE}={value}` is no number"))?,
        Err(_) => REPEATS,
    };
    for seed in 1..=repeats {
        let turns = play(stage, seed).with_context(|| format!("with the seed {seed}"))?;
        println!("     seed {seed}: {COMMANDS} results, each once, in {turns} requests");
    }
    Ok(())
}

fn play(stage: &Stage, seed: u64) -> Result<usize> {
    let settings = json!({ "sisyphus": { "max_background_tasks": 0 } });
    let home = stage.home(&format!("seed-{seed}"), &Setup::with_plugin().settings(settings))?;
    let api = Api::start(&home.folder.join("api"), move |_, number| match number {
        0 => commands(seed),
        1..=STEPS => vec![bash("sleep 1").description(&format!("step {number}"))],
        _ => vec![text("done")],
    })?;
    let mut session = Session::idle(&home, &api, &[BYPASS])?;
    session.send("go")?;
    api.wait_for("all results to be reported", LIMIT, |requests| {
        let told = requests.last()?.text();
        (0..COMMANDS).all(|number| told.contains(&output(number))).then_some(())
    })
    .with_context(|| api.last().map_or_else(|error| error.to_string(), |last| missing(&last)))?;
    // A second report would have had its time by here, and one more turn.
    api.wait_until_quiet(QUIET, LIMIT)?;
    let turns = api.requests().len();
    session.send("anything else?")?;
    api.wait_for("our own turn", LIMIT, |requests| requests.get(turns).map(drop))?;
    session.finish()?;
    check_told(&api.last()?)?;
    ensure!(api.requests().len() == turns + 1, "a turn that brought nothing");
    Ok(turns)
}

/// Commands that end at random; every third one fails.
fn commands(seed: u64) -> Vec<Block> {
    let mut state = seed;
    let mut random = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % SPAN
    };
    let command = |number: usize| {
        let pause = random();
        let line =
            format!("sleep {}.{:03}; echo made-$((1000 + {number}))", pause / 1000, pause % 1000);
        bash(&format!("{line}; exit {}", exit_code(number)))
            .description(&format!("number {number}"))
            .background()
    };
    (0..COMMANDS).map(command).collect()
}

fn exit_code(number: usize) -> usize {
    if number.is_multiple_of(3) { 1 + number } else { 0 }
}

/// The output of the command, as a reminder quotes it. The command's text does not contain it.
fn output(number: usize) -> String {
    format!("| made-{}\n", 1000 + number)
}

fn missing(last: &Request) -> String {
    let told = last.text();
    let missing: Vec<usize> =
        (0..COMMANDS).filter(|number| !told.contains(&output(*number))).collect();
    format!("these were not reported: {missing:?}")
}

/// Every result with its exit code and its output, once.
fn check_told(last: &Request) -> Result<()> {
    let told = last.text();
    for number in 0..COMMANDS {
        let end = match exit_code(number) {
            0 => format!("(\"number {number}\") completed with exit code 0 after "),
            code => format!("(\"number {number}\") failed with exit code {code} after "),
        };
        for (what, text) in [("end", end), ("output", output(number))] {
            let count = told.matches(&text).count();
            ensure!(count == 1, "the {what} of {number} was reported {count} times");
        }
    }
    let reports = told.matches("[sisyphus] Background task ").count();
    ensure!(reports == COMMANDS, "{reports} results were reported");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_seed_has_its_own_times_and_keeps_them() {
        let texts = |seed| {
            let blocks = commands(seed).into_iter();
            let text = |block| match block {
                Block::ToolUse { input, .. } => input["command"].to_string(),
                Block::Text(text) => text,
            };
            blocks.map(text).collect::<Vec<_>>()
        };
        assert_eq!(texts(1), texts(1));
        assert_ne!(texts(1), texts(2));
    }
}
