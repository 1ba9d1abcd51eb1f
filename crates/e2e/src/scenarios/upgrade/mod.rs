//! The plugin replaces 0.1.0 while a session is open: every command that the session started under 0.1.0 is reported
//! once with its exit code, by the old hooks, by the new ones, or to the resumed session after Claude Code is killed.

mod checks;
mod steps;
mod task;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sisyphus_harness::repository;

use crate::api::Api;
use crate::home::{Home, Setup};
use crate::old_version::OldVersion;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;
use crate::tui::Tui;
use crate::wait;
use steps::count;
use task::{AFTER, ALL, FRESH, LATE, ORPHAN, OWED, TO_THE_OPEN_SESSION, TOLD, WAITS, model};

const SESSION: &str = "5e551011-0000-4000-8000-000000000010";
/// Longer than a waiter would need to wake the session once more.
const QUIET: Duration = Duration::from_secs(7);
const LIMIT: Duration = Duration::from_secs(20);
const SLOTS: usize = 2;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let old = OldVersion::of(&repository::target()?);
    let settings = json!({ "sisyphus": { "max_background_tasks": SLOTS } });
    let home = stage.home("home", &Setup::without_plugin().settings(settings))?;
    home.install(&old.root, &old.binaries)?;
    let api = Api::start(&home.folder.join("api"), model())?;
    let play = Play { home: &home, api: &api };

    let tui = Tui::start(&home, &api, &["--session-id", SESSION])?;
    play.under_the_old_version(&tui).context("under 0.1.0")?;
    home.install(&stage.root, &stage.binaries)?;
    play.in_the_open_session(&tui).context("in the session that was open")?;
    tui.kill()?;

    play.in_the_resumed_session().context("in the resumed session")?;
    play.in_another_session().context("in another session")?;
    play.check_command_line()?;
    play.check_logs()?;
    wait::until_true("all processes to end", LIMIT / 2, || play.processes().is_empty())
        .with_context(|| format!("these live: {:?}", play.processes()))
}

struct Play<'home> {
    home: &'home Home,
    api: &'home Api,
}

impl Play<'_> {
    /// At its end one result is reported, one is owed, two commands run and one is queued.
    fn under_the_old_version(&self, tui: &Tui<'_>) -> Result<()> {
        tui.say("start them all")?;
        self.wait_until_begun(TOLD.name)?;
        self.wait_until_begun(OWED.name)?;
        tui.wait_for_screen("I see.")?;
        self.let_end(TOLD)?;
        self.wait_until_told(TOLD)?;
        tui.say("work on it")?;
        self.wait_until_begun("hold")?;
        self.let_end(OWED)?;
        self.wait_until_listed(OWED)?;
        for task in [AFTER, ORPHAN] {
            self.wait_until_begun(task.name)?;
        }
        ensure!(!self.has_begun(WAITS.name), "`waits` does not wait");
        ensure!(count(&self.api.last()?, &OWED.end()) == 0, "`owed` was reported");
        ensure!(!self.home.state().exists(), "0.1.0 has the state of its successors");
        Ok(())
    }

    fn in_the_open_session(&self, tui: &Tui<'_>) -> Result<()> {
        ensure!(!self.has_begun(WAITS.name), "the update has let `waits` pass");
        self.open_gate("hold")?;
        self.wait_until_told(OWED)?;
        self.let_end(AFTER)?;
        self.wait_until_told(AFTER)?;
        self.wait_until_begun(WAITS.name)?;
        tui.say("one more")?;
        self.wait_until_begun(LATE.name)?;
        self.let_end(LATE)?;
        self.wait_until_told(LATE)?;
        let turns = self.api.wait_until_quiet(QUIET, LIMIT * 2)?.len();
        tui.say("is that all")?;
        self.wait_for_turn(turns)?;
        self.check_told(&TO_THE_OPEN_SESSION)
    }

    fn in_the_resumed_session(&self) -> Result<()> {
        self.let_end(ORPHAN)?;
        self.wait_until_listed(ORPHAN)?;
        let mut session = Session::idle(self.home, self.api, &[BYPASS, "--resume", SESSION])?;
        let turns = self.api.requests().len();
        session.send("what became of them?")?;
        self.wait_for_turn(turns)?;
        let reported = self.api.last()?.reminders().join("\n");
        ensure!(
            count(&self.api.last()?, &ORPHAN.end()) == 1,
            "`orphan` was not reported: {reported}"
        );
        ensure!(
            reported.contains("(\"waits\") still running since"),
            "`waits` was not said to run: {reported}"
        );
        self.let_end(WAITS)?;
        self.wait_until_listed(WAITS)?;
        session.send("a fresh one")?;
        self.wait_until_begun(FRESH.name)?;
        self.let_end(FRESH)?;
        self.wait_until_told(FRESH)?;
        let turns = self.api.wait_until_quiet(QUIET, LIMIT * 2)?.len();
        session.send("is that all?")?;
        self.wait_for_turn(turns)?;
        session.finish()?;
        session.result()?;
        self.check_told(&ALL)
    }

    /// Nothing of the others is reported to it.
    fn in_another_session(&self) -> Result<()> {
        Session::print(self.home, self.api, &[BYPASS], "hello")?.result()?;
        let reminders = self.api.last()?.reminders();
        ensure!(reminders.is_empty(), "it was reported: {reminders:?}");
        Ok(())
    }
}
