//! Commands that break wrappers, in the foreground and in the background: every byte and every exit code as without us.

mod commands;

use std::thread;
use std::time::Duration;
use std::{fs, iter};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sisyphus_harness::sys;

use super::compare::{Pair, all_equal};
use super::outputs;
use crate::api::{Api, Block, Request, bash, text};
use crate::client::Version;
use crate::home::{Home, Setup, Shell};
use crate::mask::mask;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;
use crate::wait;

const LIMIT: Duration = Duration::from_secs(60);
/// The oldest version that was seen to write all of each output file, with the exit code at its end (CC-33). On an older
/// one what background commands print is not compared.
const WRITES_ALL: &str = "2.1.299";

/// What Claude Code does with the output files of commands that have ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Files {
    Whole,
    /// It removes them, or now and then loses a line of one.
    Unreliable,
}

pub(super) fn run_bash(stage: &Stage) -> Result<()> {
    run(stage, Shell::Bash)
}

pub(super) fn run_zsh(stage: &Stage) -> Result<()> {
    run(stage, Shell::Zsh)
}

fn run(stage: &Stage, shell: Shell) -> Result<()> {
    let bare = stage.home("without", &Setup::without_plugin().shell(shell))?;
    let ours = stage.home("with", &Setup::with_plugin().shell(shell))?;
    // The two runs share nothing, so they run in parallel.
    let (without, with) = thread::scope(|scope| {
        let without = scope.spawn(|| play(&bare));
        let with = play(&ours);
        (without.join(), with)
    });
    let without = without.ok().context("the run without the plugin panicked")??;
    let with = with.context("with the plugin")?;
    ensure!(without.len() == with.len(), "{} results instead of {}", with.len(), without.len());
    let pairs = without.into_iter().zip(with);
    let pairs = pairs.map(|((what, without), (_, with))| Pair { what, without, with });
    let checks = [all_equal(&pairs.collect::<Vec<_>>()), check_runner(&ours)];
    let problems = checks.into_iter().filter_map(Result::err).map(|error| error.to_string());
    let problems: Vec<_> = problems.collect();
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

/// A command without the runner would be equal anyway, so all must have run under the runner, which times them.
fn check_runner(home: &Home) -> Result<()> {
    let list: Value = serde_json::from_str(&home.sisyphus(&["list", "--json", "--all"])?)
        .context("`sisyphus list --json` printed no JSON")?;
    let tasks = list["tasks"].as_array().context("`sisyphus list --json` holds no `tasks`")?;
    let background = answers().into_iter().flatten().filter(runs_in_background).count();
    // Claude Code itself refuses a few calls.
    ensure!(tasks.len() + 5 > background, "{} tasks of {background} are listed", tasks.len());
    let missed = tasks.iter().filter(|task| task["duration_ms"].is_null());
    let missed: Vec<_> = missed.map(|task| task["command"].to_string()).collect();
    let shown = missed.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
    ensure!(
        missed.is_empty(),
        "the runner did not run {} of {} tasks: {shown}",
        missed.len(),
        tasks.len()
    );
    Ok(())
}

fn runs_in_background(call: &Block) -> bool {
    matches!(call, Block::ToolUse { input, .. } if input["run_in_background"] == true)
}

/// The model's answers, request by request: every command in the foreground, then in the background.
fn answers() -> Vec<Vec<Block>> {
    let in_foreground = || {
        let still = commands::commands().iter().map(|command| bash(command)).collect();
        let moving = commands::MOVES.iter().map(|command| vec![bash(command)]);
        iter::once(still).chain(moving)
    };
    let in_background =
        in_foreground().map(|calls: Vec<_>| calls.into_iter().map(Block::background).collect());
    in_foreground().chain(in_background).chain([vec![bash("pwd")]]).collect()
}

/// The command and the result of every call of one run.
fn play(home: &Home) -> Result<Vec<(String, String)>> {
    let answers = answers();
    let script = answers.clone();
    let api = Api::start(&home.folder.join("api"), move |_, number| match script.get(number) {
        Some(calls) => calls.clone(),
        None => vec![text("ok")],
    })?;
    let mut session = Session::idle(home, &api, &[BYPASS])?;
    let is_whole = Version::of(&home.client)? >= WRITES_ALL.parse()?;
    let files = if is_whole { Files::Whole } else { Files::Unreliable };
    session.send("go")?;
    api.wait_for("the first request", LIMIT, |requests| requests.first().map(drop))?;
    let before = sys::started_with(&home.variable());
    let request = api.wait_for("all calls to be answered", LIMIT, |requests| {
        requests.get(answers.len()).cloned()
    })?;
    if files == Files::Whole {
        for result in request.tool_results() {
            if let Ok(file) = result.output_file() {
                outputs::wait_for_end(file, LIMIT)?;
            }
        }
    } else {
        wait::until_true("all commands to end", LIMIT, || {
            sys::started_with(&home.variable()).iter().all(|id| before.contains(id))
        })?;
    }
    // Read again when all have ended: processes that a command left may write after their own command's end.
    let mut outcomes = Vec::new();
    for (number, calls) in answers.iter().enumerate() {
        for (index, call) in calls.iter().enumerate() {
            outcomes.push((
                describe(call),
                outcome(home, &request, &format!("toolu_{number:04}_{index}"), files)?,
            ));
        }
    }
    session.finish()?;
    Ok(outcomes)
}

/// A foreground call's result, or the final output file of a background call.
fn outcome(home: &Home, request: &Request, id: &str, files: Files) -> Result<String> {
    let result = request.tool_result(id)?;
    let Ok(file) = result.output_file() else {
        return Ok(format!("is_error {}: {}", result.is_error, mask(&result.text, home)));
    };
    if files == Files::Unreliable {
        return Ok("runs in the background".to_owned());
    }
    let bytes = fs::read(file).with_context(|| format!("could not read `{file}`"))?;
    let output = match str::from_utf8(&bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.escape_ascii().to_string(),
    };
    Ok(mask(&output, home))
}

fn describe(call: &Block) -> String {
    match call {
        Block::Text(text) => text.clone(),
        Block::ToolUse { input, .. } => {
            let command: String =
                input["command"].as_str().unwrap_or_default().chars().take(120).collect();
            let kind = if runs_in_background(call) { "background" } else { "foreground" };
            format!("{kind}: {command}")
        }
    }
}
