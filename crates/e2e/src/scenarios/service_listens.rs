//! A service says where it listens: the idle session in the terminal reads the line, once, without a poll.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::api::{Api, Request, bash, text};
use crate::home::Setup;
use crate::stage::Stage;
use crate::tui::Tui;

const LIMIT: Duration = Duration::from_secs(40);
const QUIET: Duration = Duration::from_secs(13);
const SAID: &str = "printed where it listens";
const LINE: &str = "Server listening on http://localhost:4711/";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let log = home.project.join("server.log");
    fs::write(&log, "starting\n").context("could not write the log")?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![bash("tail -f server.log").description("serve").background()],
        1 => vec![text("Waiting now.")],
        2 => vec![text("Saw the address.")],
        _ => vec![text("Nothing is new.")],
    })?;
    let tui = Tui::start(&home, &api, &[])?;
    tui.say("serve")?;
    tui.wait_for_screen("Waiting now.")?;
    let mut server = OpenOptions::new().append(true).open(&log).context("the log is gone")?;
    writeln!(server, "{LINE}\nServer listening on http://localhost:4712/")?;
    let woken = api.wait_for("the session to wake", LIMIT, |requests| {
        requests.iter().find(|request| reminder(request).is_some()).cloned()
    })?;
    let told = reminder(&woken).context("no reminder")?;
    let is_quoted = told.lines().any(|line| line == format!("| {LINE}"));
    ensure!(is_quoted && told.contains("(\"serve\")"), "the reminder is:\n{told}");
    tui.wait_for_screen("Saw the address.")?;
    api.wait_until_quiet(QUIET, LIMIT)?;
    tui.say("what is new?")?;
    tui.wait_for_screen("Nothing is new.")?;
    let count = api.last()?.text().matches(SAID).count();
    ensure!(count == 1, "the whole conversation has the address {count} times");
    Ok(())
}

fn reminder(request: &Request) -> Option<String> {
    request.reminders().into_iter().find(|reminder| reminder.contains(SAID))
}
