//! `cargo xtask e2e --try [COMMAND…]`: runs a command in a home of its own, with the plugin, the real Claude Code and the
//! scripted model. A person without any access to a model can so see what the plugin does.

use std::path::Path;
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sisyphus_harness::{plugin, repository};

use super::api::{Api, bash, text};
use super::home::Setup;
use super::session::sweep;
use super::stage::Stage;
use super::{client, namespace};

const TRY: &str = "--try";
/// What is tried if nothing is named.
const DEFAULT: [&str; 4] = ["sisyphus", "delegate", "--wait", "say what is in this folder"];

/// Runs the trial that the arguments ask for, if they do.
pub(crate) fn asked(arguments: &[String]) -> Result<Option<ExitCode>> {
    let is_inside = arguments.first().is_some_and(|word| word == namespace::INSIDE);
    let rest = &arguments[usize::from(is_inside)..];
    let Some((_, command)) = rest.split_first().filter(|(first, _)| *first == TRY) else {
        return Ok(None);
    };
    let target = repository::target()?;
    let client = client::fetch(&target, client::Version::pinned()?)?;
    if !is_inside {
        plugin::build(&repository::root()?, &target)?;
        if let Some(code) = namespace::run_inside(arguments)? {
            return Ok(Some(code));
        }
    }
    run(&client, command).map(Some)
}

fn run(client: &Path, command: &[String]) -> Result<ExitCode> {
    let stage = Stage::set_up("trial", client)?;
    let allowed = json!({ "permissions": { "allow": ["Bash", "mcp__plugin_sisyphus_tasks"] } });
    let home = stage.home("home", &Setup::with_plugin().settings(allowed))?;
    let api = Api::start(&home.folder.join("api"), |request, _| {
        if request.tool_results().is_empty() {
            return vec![text("I look around."), bash("pwd; ls -A; sleep 2")];
        }
        let seen = request.tool_results().pop().map(|it| it.text).unwrap_or_default();
        vec![text(format!("A scripted model has no opinion. It saw:\n{seen}"))]
    })?;
    let mut started = home.person_command(&api);
    if command.is_empty() {
        started.args(DEFAULT);
    } else {
        started.args(command);
    }
    let status = started.stdin(Stdio::inherit()).status();
    // What was delegated goes on without its command, and would outlive its home.
    sweep(&home);
    let status = status.context("could not start the command")?;
    stage.clean()?;
    ensure!(status.code() != Some(127), "there is no such command in the home of a trial");
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
