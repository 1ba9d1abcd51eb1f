//! Claude Code is killed while three commands run: one goes on, one ends, and one loses its runner. Then the
//! conversation continues.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::sys;

use super::witness::seen;
use super::{LIMIT, LIVE, LOST, SESSION, UNTOLD};
use super::{
    check, failed, home, lost, newest_start, output, records, report, still_running, task,
};
use crate::api::{Api, Request, text};
use crate::home::Home;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;
use crate::wait;

pub(in super::super) fn run_resumed(stage: &Stage) -> Result<()> {
    goes_on(stage, &["--resume", SESSION])
}

pub(in super::super) fn run_continued(stage: &Stage) -> Result<()> {
    goes_on(stage, &["--continue"])
}

/// A fork is another conversation, and takes nothing from its source.
pub(in super::super) fn run_forked(stage: &Stage) -> Result<()> {
    let (home, events) = home(stage)?;
    let api = script(&home)?;
    let crash = Crash::new(&home, &api, &events)?;
    let mut fork = crash.go_on(&["--resume", SESSION, "--fork-session"])?;
    let (source, id) = newest_start(&events)?;
    ensure!(source == "fork" && id != SESSION, "the fork started as `{source}`, {id}");
    crash.ask(&mut fork, "what became of them?")?;
    crash.end_live()?;
    crash.ask(&mut fork, "and now?")?;
    fork.finish()?;

    let mut resumed = crash.go_on(&["--resume", SESSION])?;
    ensure!(newest_start(&events)? == ("resume".to_owned(), SESSION.to_owned()), "no resume");
    crash.ask(&mut resumed, "what became of them?")?;
    check(
        &api.last()?,
        &[
            (failed(LIVE), 1),
            (output(LIVE), 1),
            (failed(UNTOLD), 1),
            (output(UNTOLD), 1),
            (lost(LOST), 1),
            (report(), 3),
        ],
    )?;
    ensure!(records(&home)? == 3, "not one record for each task");
    resumed.finish()
}

/// The same conversation continues.
fn goes_on(stage: &Stage, arguments: &[&str]) -> Result<()> {
    let (home, events) = home(stage)?;
    let api = script(&home)?;
    let crash = Crash::new(&home, &api, &events)?;
    let mut session = crash.go_on(arguments)?;
    ensure!(newest_start(&events)? == ("resume".to_owned(), SESSION.to_owned()), "no resume");
    crash.ask(&mut session, "what became of them?")?;
    let table = [
        (still_running(LIVE), 1),
        (failed(UNTOLD), 1),
        (output(UNTOLD), 1),
        (lost(LOST), 1),
        (" still running since ".to_owned(), 1),
        (report(), 2),
    ];
    check(&api.last()?, &table)?;
    crash.end_live()?;
    crash.ask(&mut session, "and now?")?;
    crash.ask(&mut session, "anything else?")?;
    let mut all = table[..5].to_vec();
    all.extend([(failed(LIVE), 1), (output(LIVE), 1), (report(), 3)]);
    check(&api.last()?, &all)?;
    ensure!(records(&home)? == 3, "not one record for each task");
    session.finish()
}

fn script(home: &Home) -> Result<Api> {
    Api::start(&home.folder.join("api"), |_, number| match number {
        0 => [LIVE, UNTOLD, LOST].into_iter().map(task).collect(),
        _ => vec![text("I see.")],
    })
}

/// What a crash leaves.
struct Crash<'a> {
    home: &'a Home,
    api: &'a Api,
    events: &'a Path,
    /// Dropping it ends the processes that outlived their client.
    _crashed: Session<'a>,
}

impl<'a> Crash<'a> {
    fn new(home: &'a Home, api: &'a Api, events: &'a Path) -> Result<Self> {
        let mut session = Session::idle(home, api, &[BYPASS, "--session-id", SESSION])?;
        session.send("go")?;
        api.wait_for("the end of the turn", LIMIT, |requests| requests.get(1).map(drop))?;
        let runner = home.project.join(format!("pid-{}", LOST.0));
        let runner: u32 = wait::until("the last command to run", LIMIT, || {
            Ok(fs::read_to_string(&runner).ok().and_then(|text| text.trim().parse().ok()))
        })?;
        session.kill()?;
        sys::kill_process(runner);
        let crash = Self { home, api, events, _crashed: session };
        crash.end(UNTOLD)?;
        Ok(crash)
    }

    fn end(&self, (name, _): (&str, u32)) -> Result<()> {
        fs::write(self.home.project.join(name), "")?;
        let ended = self.home.project.join(format!("ended-{name}"));
        wait::until_true(&format!("`{name}` to end"), LIMIT, || ended.exists())?;
        // Its runner records the exit.
        wait::until("no runner but the live one", LIMIT, || {
            let listed = self.home.sisyphus(&["list", "--all"])?;
            let is_over = |line: &str| line.ends_with(name) && line.contains("failed(");
            Ok(listed.lines().any(is_over).then_some(()))
        })
    }

    fn end_live(&self) -> Result<()> {
        self.end(LIVE)
    }

    fn go_on(&self, arguments: &[&str]) -> Result<Session<'a>> {
        let before = seen(self.events)?.len();
        let session = Session::idle(self.home, self.api, &[&[BYPASS], arguments].concat())?;
        wait::until("the session to start", LIMIT, || {
            Ok((seen(self.events)?.len() > before).then_some(()))
        })?;
        Ok(session)
    }

    /// Sends a prompt, and waits until the turn is over.
    fn ask(&self, session: &mut Session<'_>, question: &str) -> Result<()> {
        let before = self.api.requests().len();
        session.send(question)?;
        let is_it = |request: &Request| request.texts().iter().any(|text| text == question);
        self.api
            .wait_for("the turn", LIMIT, |requests| {
                requests.get(before..)?.iter().find(|it| is_it(it)).map(drop)
            })
            .with_context(|| format!("after `{question}`"))
    }
}
