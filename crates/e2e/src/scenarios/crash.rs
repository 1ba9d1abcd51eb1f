//! Claude Code is killed while two commands run, and its session is resumed when one of them has ended. One reminder
//! holds that command's exit code and output, and says that the other still runs.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::api::{Api, bash, text};
use crate::home::Setup;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;
use crate::wait;

const SESSION: &str = "5e551011-0000-4000-8000-00000000c0de";
/// Neither command depends on Claude Code: the first ends when the file `go` exists, the second when `stop` does.
const ENDS: &str = "touch first; until [ -e go ]; do sleep 0.1; done; echo survived the crash; touch ended; exit 6";
const GOES_ON: &str = "touch second; until [ -e stop ]; do sleep 0.1; done";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let api = Api::start(&home.folder.join("api"), |_, number| match number {
        0 => vec![
            bash(ENDS).description("the one that ends").background(),
            bash(GOES_ON).description("the one that goes on").background(),
        ],
        _ => vec![text("Waiting.")],
    })?;
    let exists = |name: &str| home.project.join(name).exists();
    let mut crashed = Session::idle(&home, &api, &[BYPASS, "--session-id", SESSION])?;
    crashed.send("go")?;
    api.wait_for("the end of the turn", Duration::from_secs(20), |requests| {
        requests.get(1).map(drop)
    })?;
    wait::until_true("both commands to run", Duration::from_secs(5), || {
        exists("first") && exists("second")
    })?;
    crashed.kill()?;

    fs::write(home.project.join("go"), "")?;
    wait::until_true("the first command to end", Duration::from_secs(5), || exists("ended"))
        .context("it died with Claude Code")?;
    let before = api.requests().len();
    let mut resumed = Session::idle(&home, &api, &[BYPASS, "--resume", SESSION])?;
    resumed.send("what became of them?")?;
    api.wait_for("a turn of the resumed session", Duration::from_secs(20), |requests| {
        requests.get(before).map(drop)
    })?;
    let told = api.last()?.reminders().join("\n");
    ensure!(
        told.contains("(\"the one that ends\") failed with exit code 6 after"),
        "the result was not reported: {told}"
    );
    ensure!(told.contains("| survived the crash\n"), "its output was not reported: {told}");
    ensure!(
        told.contains("- ") && told.contains("(\"the one that goes on\") still running since"),
        "the other one was not reported as running: {told}"
    );
    ensure!(!told.contains("lost"), "something is called lost: {told}");
    fs::write(home.project.join("stop"), "")?;
    resumed.finish()
}
