//! The result of a session reaches the conversation that asked: from idle, in the middle of a turn, after `/clear`,
//! after its Claude Code was killed; if that conversation never comes back, the next session of the project.

use anyhow::{Result, ensure};
use sisyphus_harness::sys;

use super::{SOON, delegate, go, own, play, search, session_of, settled, setup, turn};
use super::{wait_for_ends, wait_for_own, wait_for_start};
use crate::api::{Api, Block, Request, bash, text};
use crate::home::Home;
use crate::session::Session;
use crate::stage::Stage;
use crate::tui::Tui;
use crate::wait;

pub(super) const CONVERSATION: &str = "5e551011-0000-4000-8000-00000000de1e";
pub(super) const ANSWER: &str = "| Answer of one.";

pub(super) fn script(request: &Request, _: usize) -> Vec<Block> {
    match session_of(request) {
        Some(name) => play(request, &name),
        None => match turn(request) {
            0 if request.text().contains("delegate it") => vec![search()],
            1 if request.text().contains("delegate it") => vec![delegate("one")],
            number => vec![text(format!("Noted {number}."))],
        },
    }
}

/// How often the answer was delivered in all.
fn count(api: &Api) -> usize {
    let all = api.requests();
    let Some(last) = own(&all).last().map(|it| it.reminders().join("\n")) else { return 0 };
    last.matches(ANSWER).count()
}

fn delegated(home: &Home, tui: &Tui<'_>) -> Result<()> {
    tui.say("delegate it")?;
    tui.wait_for_screen("Noted 2.")?;
    wait_for_start(home, 1)
}

/// An idle session is woken.
pub(in crate::scenarios) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &setup(5))?;
    let api = Api::start(&home.folder.join("api"), script)?;
    let tui = Tui::start(&home, &api, &[])?;
    delegated(&home, &tui)?;
    go(&home, "one")?;
    wait::until_true("the idle session to be woken", SOON, || count(&api) == 1)?;
    tui.say("and now?")?;
    tui.wait_for_screen("Noted 4.")?;
    ensure!(count(&api) == 1, "it was delivered {} times", count(&api));
    Ok(())
}

/// A turn that goes on reads it with the next call of a tool, and no later turn reads it again.
pub(in crate::scenarios) fn run_mid_turn(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &setup(5))?;
    let api = Api::start(&home.folder.join("api"), |request, _| match session_of(request) {
        Some(name) => play(request, &name),
        None => match turn(request) {
            0 => vec![search()],
            1 => vec![delegate("one")],
            2 => vec![bash("until [ -e over ]; do sleep 0.05; done; echo it is over")],
            3 => vec![bash("echo more")],
            _ => vec![text("Noted.")],
        },
    })?;
    let mut session = Session::idle(&home, &api, &[])?;
    session.send("delegate it")?;
    wait_for_own(&api, 2)?;
    wait_for_start(&home, 1)?;
    go(&home, "one")?;
    wait_for_ends(&home, 1)?;
    ensure!(own(&api.requests()).len() == 3, "the turn did not wait");
    std::fs::write(home.project.join("over"), "")?;
    let next = wait_for_own(&api, 3)?;
    let said = next.reminders().join("\n");
    ensure!(said.matches(ANSWER).count() == 1, "the next call brought {said}");
    wait_for_own(&api, 4)?;
    session.send("and now?")?;
    settled(&api)?;
    ensure!(count(&api) == 1, "it was delivered {} times", count(&api));
    session.finish()
}

/// The conversation that follows a `/clear` reads what the one before has asked for.
pub(in crate::scenarios) fn run_after_clear(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &setup(5))?;
    let api = Api::start(&home.folder.join("api"), script)?;
    let tui = Tui::start(&home, &api, &[])?;
    delegated(&home, &tui)?;
    tui.say("/clear")?;
    wait::until_true("the screen to be clear", SOON, || {
        tui.screen().is_ok_and(|screen| !screen.contains("Noted 2."))
    })?;
    go(&home, "one")?;
    wait_for_ends(&home, 1)?;
    tui.say("what came of it?")?;
    wait::until_true("the answer", SOON, || count(&api) == 1)
}

/// The session goes on without the Claude Code that asked for it, and the resumed conversation reads the result.
pub(in crate::scenarios) fn run_after_kill(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &setup(5))?;
    let api = Api::start(&home.folder.join("api"), script)?;
    killed_caller(&home, &api)?;
    let mut resumed = Session::idle(&home, &api, &["--resume", CONVERSATION])?;
    resumed.send("what came of it?")?;
    wait::until_true("the answer", SOON, || count(&api) == 1)?;
    resumed.send("and now?")?;
    let turns = own(&api.requests()).len();
    wait_for_own(&api, turns)?;
    ensure!(count(&api) == 1, "it was delivered {} times", count(&api));
    resumed.finish()
}

/// The next session that a user attends in the project reads the result of a conversation that does not come back. A
/// headless one does not.
pub(in crate::scenarios) fn run_elsewhere(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &setup(5))?;
    let api = Api::start(&home.folder.join("api"), script)?;
    killed_caller(&home, &api)?;
    Session::print(&home, &api, &[], "hello")?;
    ensure!(count(&api) == 0, "a headless session got the result");
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("good morning")?;
    wait::until_true("the answer", SOON, || count(&api) == 1)
}

/// Has a session delegated by a Claude Code that is killed before the session ends.
pub(super) fn killed_caller(home: &Home, api: &Api) -> Result<()> {
    let mut caller = Session::idle(home, api, &["--session-id", CONVERSATION])?;
    caller.send("delegate it")?;
    wait_for_own(api, 2)?;
    wait_for_start(home, 1)?;
    let before = sys::started_with(&home.variable()).len();
    caller.kill()?;
    ensure!(before > 0, "nothing ran");
    go(home, "one")?;
    wait_for_ends(home, 1)?;
    // Dropping it would end every process of the home; there is none left.
    drop(caller);
    Ok(())
}
