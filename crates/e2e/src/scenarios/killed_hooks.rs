//! Every hook of a background call is missing, as if it had been killed: the Stop hook finds the call and its exit code in
//! the transcript that Claude Code writes, and the next prompt reports it once.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::api::{Api, Request, bash, text};
use crate::home::{Home, Setup};
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

const LIMIT: Duration = Duration::from_secs(20);
/// The second message of the conversation.
const AGAIN: &str = "once more, please";
const FIRST: &str = "(\"first\") failed with exit code 3";
const SECOND: &str = "(\"second\") failed with exit code 4";
/// The hooks that see a call and its notice.
const MISSING: [&str; 3] =
    ["sisyphus-pre-tool-use", "sisyphus-post-tool-use", "sisyphus-user-prompt-submit"];

pub(super) fn run(stage: &Stage) -> Result<()> {
    let home = stage.home("home", &Setup::with_plugin())?;
    let was_asked_again = AtomicBool::new(false);
    let api = Api::start(&home.folder.join("api"), move |request, number| {
        let is_again =
            request.text().contains(AGAIN) && !was_asked_again.swap(true, Ordering::SeqCst);
        match (number, is_again) {
            (0, _) => vec![bash("echo one; exit 3").description("first").background()],
            (_, true) => vec![bash("sleep 1; echo two; exit 4").description("second").background()],
            (_, false) => vec![text("ok")],
        }
    })?;
    let mut session = Session::idle(&home, &api, &[BYPASS])?;
    session.send("go")?;
    api.wait_for("the first result", LIMIT, |requests| {
        requests.last().filter(|request| request.text().contains(FIRST)).map(drop)
    })?;

    let removed = remove(&home)?;
    session.send(AGAIN)?;
    api.wait_for("the notice of the second command", LIMIT, |requests| {
        let notices = requests.last().map(Request::notifications).unwrap_or_default();
        notices.iter().any(|notice| notice.summary.contains("exit code 4")).then_some(())
    })?;
    api.wait_until_quiet(Duration::from_secs(2), LIMIT)?;
    let before = api.last()?.text();
    ensure!(!before.contains(SECOND), "a hook that is missing has reported: {before}");

    for (away, hook) in removed {
        fs::rename(&away, &hook)
            .with_context(|| format!("could not restore `{}`", hook.display()))?;
    }
    session.send("go on")?;
    api.wait_for("the second result", LIMIT, |requests| {
        requests.last().filter(|request| request.text().contains(SECOND)).map(drop)
    })?;
    session.send("go on")?;
    let requests = api.wait_until_quiet(Duration::from_secs(5), LIMIT)?;
    session.finish()?;
    let last = requests.last().context("there was no request")?.text();
    for result in [FIRST, SECOND] {
        let count = last.matches(result).count();
        ensure!(count == 1, "`{result}` was reported {count} times");
    }
    ensure!(last.contains("| two\n"), "the output of the second command is missing: {last}");
    Ok(())
}

/// Renames the hooks, so that Claude Code can't start them. Returns where each is, and where it was.
fn remove(home: &Home) -> Result<Vec<(PathBuf, PathBuf)>> {
    let folder = home.plugin().join("hooks/bin");
    let moved = MISSING.iter().map(|name| {
        let (away, hook) = (folder.join(format!("{name}.away")), folder.join(name));
        fs::rename(&hook, &away).with_context(|| format!("could not move `{}`", hook.display()))?;
        Ok((away, hook))
    });
    moved.collect()
}
