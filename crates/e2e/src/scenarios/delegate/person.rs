//! `sisyphus delegate`, as a person types it. Claude Code's own commands can't use it: an allow rule for `sisyphus` would
//! then allow everything. The prompt and the token are on no command line and in no environment.

use anyhow::{Result, ensure};
use sisyphus_harness::sys;

use super::{Swept, go, play, session_of, setup, turn, wait_for_start};
use crate::api::{Api, bash, text};
use crate::session::Session;
use crate::stage::Stage;

const SECRET: &str = "CLAUDE_CODE_MESSAGING_TOKEN=";

pub(in crate::scenarios) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &setup(5))?;
    let api = Api::start(&home.folder.join("api"), |request, _| match session_of(request) {
        Some(name) => play(request, &name),
        None if turn(request) == 0 => vec![bash("sisyphus delegate 'SESSION inner please'")],
        None => vec![text("Noted.")],
    })?;
    let _swept = Swept(&home);
    let mut waiting = home.person_command(&api);
    waiting.args(["sisyphus", "delegate", "--wait", "SESSION one please, the secret words"]);
    let waiting = waiting.stdout(std::process::Stdio::piped()).spawn()?;
    wait_for_start(&home, 1)?;
    let mut seen = 0;
    for id in sys::started_with(&home.variable()) {
        let read = |name: &str| std::fs::read(format!("/proc/{id}/{name}")).unwrap_or_default();
        let line = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        let environment = String::from_utf8_lossy(&read("environ")).into_owned();
        // The person's own command line has it.
        ensure!(waiting.id() == id || !line.contains("secret words"), "the prompt is in `{line}`");
        if line.contains(" session ") || line.contains("--session-id") {
            seen += 1;
            ensure!(!environment.contains(SECRET), "`{line}` has a token");
        }
    }
    ensure!(seen == 2, "{seen} processes instead of a runner and a Claude Code");
    go(&home, "one")?;
    let output = waiting.wait_with_output()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success() && printed.contains("Answer of one."), "it printed {printed}");

    let session = Session::print(&home, &api, &[], "go")?;
    session.result()?;
    let refused = api.last()?.tool_results().pop();
    let is_refused = refused.as_ref().is_some_and(|it| it.is_error && it.text.contains("delegate"));
    ensure!(is_refused, "below Claude Code it was answered with {refused:?}");
    Ok(())
}
