//! Commands that break wrappers, in the foreground and in the background: every byte and every exit code as without us.

mod commands;

use std::iter;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::compare::{Pair, all_equal};
use super::outputs;
use crate::api::{Api, Block, Request, bash, text};
use crate::home::{Home, Setup, Shell};
use crate::mask::mask;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

const LIMIT: Duration = Duration::from_secs(60);

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
    session.send("go")?;
    let request = api.wait_for("all calls to be answered", LIMIT, |requests| {
        requests.get(answers.len()).cloned()
    })?;
    for result in request.tool_results() {
        if let Ok(file) = result.output_file() {
            outputs::wait_for_end(file, LIMIT)?;
        }
    }
    // Read again when all have ended: processes that a command left may write after their own command's end.
    let mut outcomes = Vec::new();
    for (number, calls) in answers.iter().enumerate() {
        for (index, call) in calls.iter().enumerate() {
            outcomes.push((
                describe(call),
                outcome(home, &request, &format!("toolu_{number:04}_{index}"))?,
            ));
        }
    }
    session.finish()?;
    Ok(outcomes)
}

/// A foreground call's result, or the final output file of a background call.
fn outcome(home: &Home, request: &Request, id: &str) -> Result<String> {
    let result = request.tool_result(id)?;
    let Ok(file) = result.output_file() else {
        return Ok(format!("is_error {}: {}", result.is_error, mask(&result.text, home)));
    };
    let bytes = outputs::wait_for_end(file, LIMIT)?;
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
