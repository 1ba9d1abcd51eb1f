//! A hook has printed a result, and Claude Code is killed, or interrupted, before the model reads it. The conversation reads it
//! later, or the next one of the project.

use anyhow::{Result, ensure};
use serde_json::json;

use super::super::reminder_mid_turn::MARK;
use super::delivered::{ANSWER, CONVERSATION, killed_caller, script};
use super::{SERVER, SOON, delegate, go, own, play, search, session_of, setup, turn};
use super::{wait_for_ends, wait_for_own, wait_for_start};
use crate::api::{Api, Block, bash, text};
use crate::home::{Home, Setup};
use crate::session::{LIMIT, Session};
use crate::stage::Stage;
use crate::tui::Tui;
use crate::wait;

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

/// The conversation that asked never comes back. The SessionStart hook of the next one has printed it, and no prompt
/// follows there either: the one after that reads it.
pub(in crate::scenarios) fn run_adopted(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &setup(5))?;
    let api = Api::start(&home.folder.join("api"), script)?;
    killed_caller(&home, &api)?;
    let adopter = Tui::start(&home, &api, &[])?;
    wait_until_printed(&home)?;
    adopter.kill()?;
    drop(adopter);
    let last = Tui::start(&home, &api, &[])?;
    check_read(&api, |prompt| last.say(prompt))
}

/// The PostToolUse hook has printed it.
pub(in crate::scenarios) fn run_after_call(stage: &Stage) -> Result<()> {
    kill_during(stage, "PostToolUse", || vec![bash("until [ -e over ]; do sleep 0.05; done")])
}

/// The Stop hook has printed it.
pub(in crate::scenarios) fn run_at_stop(stage: &Stage) -> Result<()> {
    kill_during(stage, "Stop", || vec![text("That is all.")])
}

/// The user presses Esc while another hook of PostToolUse runs: Claude Code forgets what the hooks have printed (CC-96).
pub(in crate::scenarios) fn run_interrupted(stage: &Stage) -> Result<()> {
    let home = home_with_slow_hook(stage, "PostToolUse")?;
    let api = scripted(&home, || vec![bash("until [ -e over ]; do sleep 0.05; done")])?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("delegate it")?;
    end_in_turn(&home, &api)?;
    tui.press("Escape")?;
    std::fs::remove_file(home.project.join("slow"))?;
    ensure!(own(&api.requests()).len() == 3, "the model read it before the key");
    check_read(&api, |prompt| tui.say(prompt))
}

/// A home with another hook of this event. It takes a minute while the file `slow` is there.
fn home_with_slow_hook(stage: &Stage, event: &str) -> Result<Home> {
    let slow = "if [ -e slow ]; then sleep 60; fi";
    let hook = json!([{ "hooks": [{ "type": "command", "command": slow }] }]);
    let setup = Setup::with_plugin().settings(json!({
        "permissions": { "allow": ["Bash", SERVER] },
        "hooks": { event: hook },
    }));
    stage.home("home", &setup)
}

/// The model delegates. When the session is over, it answers with `last`.
fn scripted(home: &Home, last: fn() -> Vec<Block>) -> Result<Api> {
    let over = home.project.join("over");
    Api::start(&home.folder.join("api"), move |request, _| match session_of(request) {
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
    })
}

/// The session ends while its caller's turn goes on, and a hook prints its answer.
fn end_in_turn(home: &Home, api: &Api) -> Result<()> {
    wait_for_own(api, 2)?;
    wait_for_start(home, 1)?;
    go(home, "one")?;
    wait_for_ends(home, 1)?;
    std::fs::write(home.project.join("slow"), "")?;
    std::fs::write(home.project.join("over"), "")?;
    wait_until_printed(home)
}

/// Kills Claude Code while another hook of this event still runs. `last` is what the model answers before the event.
fn kill_during(stage: &Stage, event: &str, last: fn() -> Vec<Block>) -> Result<()> {
    let home = home_with_slow_hook(stage, event)?;
    let api = scripted(&home, last)?;
    let mut session = Session::idle(&home, &api, &["--session-id", CONVERSATION])?;
    session.send("delegate it")?;
    end_in_turn(&home, &api)?;
    session.kill()?;
    drop(session);
    std::fs::remove_file(home.project.join("slow"))?;
    ensure!(own(&api.requests()).len() == 3, "the model read it before the kill");
    check_resumed(&home, &api)
}

/// Waits until a hook has printed the result. The acknowledgement is a file until another process applies it.
pub(in crate::scenarios) fn wait_until_printed(home: &Home) -> Result<()> {
    wait::until_true("a hook to print the result", SOON, || {
        let printed = home.state().join("inbox").read_dir().into_iter().flatten().flatten();
        let mut posted = printed.filter_map(|it| std::fs::read_to_string(it.path()).ok());
        let state = std::fs::read_to_string(home.state().join("active.json")).unwrap_or_default();
        posted.any(|event| event.contains("\"printed\"")) || state.contains("\"sent\"")
    })
}

fn check_resumed(home: &Home, api: &Api) -> Result<()> {
    let mut resumed = Session::idle(home, api, &["--resume", CONVERSATION])?;
    check_read(api, |prompt| resumed.send(prompt))?;
    resumed.finish()
}

/// The model reads the answer once, marked, whatever follows.
fn check_read(api: &Api, mut say: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let mut said = String::new();
    for prompt in ["what came of it?", "and now?"] {
        let before = own(&api.requests()).len();
        say(prompt)?;
        said = wait_for_own(api, before)?.text();
    }
    let (count, marks) = (said.matches(ANSWER).count(), said.matches(MARK).count());
    ensure!((count, marks) == (1, 1), "it came {count} times, {marks} of them marked: {said}");
    Ok(())
}
