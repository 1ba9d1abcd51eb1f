//! `install.sh --uninstall` while a session is open: it names the session, and the hooks that Claude Code goes on to call
//! do nothing. A later session knows no plugin.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::hook_records;
use crate::api::{Api, Block, Request, bash, text};
use crate::home::{Home, Setup};
use crate::session::{BYPASS, Session};
use crate::stage::Stage;
use crate::tui::Tui;

const SESSION: &str = "5e551011-0000-4000-8000-000000000011";
const LIMIT: Duration = Duration::from_secs(20);

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let api = Api::start(&home.folder.join("api"), |request, _| answer(request))?;
    let tui = Tui::start(&home, &api, &["--session-id", SESSION])?;
    tui.say("with the plugin")?;
    let told = |request: &Request| request.text().contains("\") failed with exit code 3");
    api.wait_for("the result", LIMIT, |all| all.iter().any(told).then_some(()))?;
    tui.wait_for_screen("I saw it end.")?;

    let said = uninstall(stage, &home)?;
    ensure!(said.contains("Open sessions of Claude Code:\n  process "), "{said}");
    ensure!(said.contains(&format!(" in {}\n", home.project.display())), "{said}");
    tui.say("without the plugin")?;
    // Claude Code alone reports it.
    api.wait_for("Claude Code's notice", LIMIT, |all| {
        let notices = all.last().map(Request::notifications).unwrap_or_default();
        notices.iter().any(|it| it.summary.contains("exit code 4")).then_some(())
    })?;
    tui.say("and again")?;
    api.wait_for("the last turn", LIMIT, |all| {
        all.last().filter(|it| it.text().contains("and again")).map(drop)
    })?;
    let turns = api.wait_until_quiet(Duration::from_secs(3), LIMIT)?;
    let last = turns.last().context("there were turns")?.text();
    ensure!(!last.contains("failed with exit code 4 after"), "a hook reported it: {last}");
    let screen = tui.screen()?;
    ensure!(!screen.contains("hook error") && !screen.contains("No such file"), "{screen}");
    hook_records::check(&home, SESSION)?;

    let session = Session::print(&home, &api, &[BYPASS], "a later session")?;
    session.result()?;
    let init = session.events()?.first().map(Value::to_string).context("no first line")?;
    ensure!(!init.contains("\"name\":\"sisyphus\""), "a later session has the plugin: {init}");
    tui.kill()?;
    let said = uninstall(stage, &home)?;
    ensure!(said.starts_with("Removed sisyphus from "), "{said}");
    ensure!(home.plugin().symlink_metadata().is_err(), "the silent hooks were left");
    Ok(())
}

/// Calls a command once for each of the first two prompts.
fn answer(request: &Request) -> Vec<Block> {
    let called = request.tool_results().len();
    let prompts = [("with the plugin", 3), ("without the plugin", 4)];
    match prompts.iter().skip(called).find(|(prompt, _)| request.text().contains(prompt)) {
        Some((_, code)) => {
            vec![bash(&format!("sleep 1; exit {code}")).description("a test").background()]
        }
        None if request.notifications().is_empty() => vec![text("It runs.")],
        None => vec![text("I saw it end.")],
    }
}

fn uninstall(stage: &Stage, home: &Home) -> Result<String> {
    let output = home.command(&stage.root.join("install.sh")).arg("--uninstall").output()?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    ensure!(output.status.success(), "`install.sh --uninstall` failed: {said}");
    Ok(said)
}
