//! A hook has printed a result, and Claude Code is killed before the model reads it. The resumed conversation reads it.

use anyhow::{Result, ensure};
use serde_json::json;

use super::delivered::{ANSWER, CONVERSATION, killed_caller, script};
use super::{SERVER, SOON, delegate, go, own, play, search, session_of, setup, turn};
use super::{wait_for_ends, wait_for_own, wait_for_start};
use crate::api::{Api, Block, bash, text};
use crate::home::{Home, Setup};
use crate::session::{LIMIT, Session};
use crate::stage::Stage;
use crate::wait;

const MARK: &str = "(possibly repeated) [sisyphus] Background task ";

/// The SessionStart hook has printed it, and no prompt follows.
pub(in crate::scenarios) fn run_at_start(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &setup(5))?;
    let api = Api::start(&home.folder.join("api"), script)?;
    killed_caller(&home, &api)?;
    let mut resumed = Session::idle(&home, &api, &["--resume", CONVERSATION])?;
    wait_until_printed(&home)?;
    resumed.kill()?;
    drop(resumed);
    check_resumed(&home, &api)
}

/// The PostToolUse hook has printed it.
pub(in crate::scenarios) fn run_after_call(stage: &Stage) -> Result<()> {
    kill_during(stage, "PostToolUse", || vec![bash("until [ -e over ]; do sleep 0.05; done")])
}

/// The Stop hook has printed it.
pub(in crate::scenarios) fn run_at_stop(stage: &Stage) -> Result<()> {
    kill_during(stage, "Stop", || vec![text("That is all.")])
}

/// Kills Claude Code while another hook of this event still runs. `last` is what the model answers before the event. It
/// answers when the session is over.
fn kill_during(stage: &Stage, event: &str, last: fn() -> Vec<Block>) -> Result<()> {
    let slow = "if [ -e slow ]; then sleep 60; fi";
    let hook = json!([{ "hooks": [{ "type": "command", "command": slow }] }]);
    let setup = Setup::with_plugin().settings(json!({
        "permissions": { "allow": ["Bash", SERVER] },
        "hooks": { event: hook },
    }));
    let home = stage.home("home", &setup)?;
    let over = home.project.join("over");
    let api = Api::start(&home.folder.join("api"), move |request, _| match session_of(request) {
        Some(name) => play(request, &name),
        None => match turn(request) {
            0 => vec![search()],
            1 => vec![delegate("one")],
            2 => match wait::until_true("the session to be over", LIMIT, || over.exists()) {
                Ok(()) => last(),
                Err(error) => vec![text(format!("{error:#}"))],
            },
            number => vec![text(format!("Noted {number}."))],
        },
    })?;
    let mut session = Session::idle(&home, &api, &["--session-id", CONVERSATION])?;
    session.send("delegate it")?;
    wait_for_own(&api, 2)?;
    wait_for_start(&home, 1)?;
    go(&home, "one")?;
    wait_for_ends(&home, 1)?;
    std::fs::write(home.project.join("slow"), "")?;
    std::fs::write(home.project.join("over"), "")?;
    wait_until_printed(&home)?;
    session.kill()?;
    drop(session);
    std::fs::remove_file(home.project.join("slow"))?;
    ensure!(own(&api.requests()).len() == 3, "the model read it before the kill");
    check_resumed(&home, &api)
}

/// Waits until a hook has printed the result. The acknowledgement is a file until another process applies it.
fn wait_until_printed(home: &Home) -> Result<()> {
    wait::until_true("a hook to print the result", SOON, || {
        let printed = home.state().join("inbox").read_dir().into_iter().flatten().flatten();
        let mut posted = printed.filter_map(|it| std::fs::read_to_string(it.path()).ok());
        let state = std::fs::read_to_string(home.state().join("active.json")).unwrap_or_default();
        posted.any(|event| event.contains("\"printed\"")) || state.contains("\"sent\"")
    })
}

/// The resumed conversation reads the answer once, marked, whatever follows.
fn check_resumed(home: &Home, api: &Api) -> Result<()> {
    let mut resumed = Session::idle(home, api, &["--resume", CONVERSATION])?;
    let mut said = String::new();
    for prompt in ["what came of it?", "and now?"] {
        let before = own(&api.requests()).len();
        resumed.send(prompt)?;
        said = wait_for_own(api, before)?.text();
    }
    let (count, marks) = (said.matches(ANSWER).count(), said.matches(MARK).count());
    ensure!((count, marks) == (1, 1), "it came {count} times, {marks} of them marked: {said}");
    resumed.finish()
}
