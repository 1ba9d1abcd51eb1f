//! The state lock is held while an event arrives.

use std::fs::{self, DirEntry, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::calls::equal_plans;
use crate::actor::{Notices, Plan};
use crate::stage::Stage;

/// The lock's name in any state folder.
const NAME: &str = "state.lock";
/// How long it is held: longer than a hook waits for it.
const HELD: Duration = Duration::from_millis(400);

/// The lock is held while PostToolUse runs; then the turn ends. One session gets notices, one does not (S1, S2).
pub(super) fn held(stage: &Stage) -> Result<()> {
    for notices in [Notices::Sent, Notices::Withheld] {
        let session = stage.session(&format!("session-{notices:?}"), notices)?;
        for round in 0..4 {
            session.prompt();
            let call = session.prepare(&Plan::sleep(100 * round, 3));
            session.announce(&call);
            let Some(running) = session.launch(&call) else { continue };
            while_held(stage, || session.answer(&running.call))?;
            session.end_turn();
            session.idle(Duration::from_millis(200));
        }
        stage.expect_told(&session, Duration::from_secs(10))?;
    }
    Ok(())
}

/// Equal commands in two folders; the second is announced, or both are answered, while the lock is held (S4).
pub(super) fn held_for_equal(stage: &Stage) -> Result<()> {
    let session = stage.session("session-0", Notices::Sent)?;
    let plans = equal_plans(stage)?;
    for round in 0..6 {
        session.prompt();
        let calls = plans.each_ref().map(|plan| session.prepare(plan));
        session.announce(&calls[0]);
        if round % 2 == 0 {
            while_held(stage, || drop(session.announce(&calls[1])))?;
        } else {
            session.announce(&calls[1]);
        }
        let running: Vec<_> = calls.iter().filter_map(|call| session.launch(call)).collect();
        let answer = || running.iter().for_each(|running| session.answer(&running.call));
        if round % 2 == 1 {
            while_held(stage, answer)?;
        } else {
            answer();
        }
        session.end_turn();
        session.idle(Duration::from_millis(600));
    }
    Ok(())
}

/// Runs `what` while the lock is held, and holds the lock for at least [`HELD`].
fn while_held(stage: &Stage, what: impl FnOnce()) -> Result<()> {
    let path = find(&stage.home.folder.join("home")).context("could not find the state's lock")?;
    let file = File::options()
        .write(true)
        .open(&path)
        .with_context(|| format!("could not open `{}`", path.display()))?;
    file.lock().with_context(|| format!("could not lock `{}`", path.display()))?;
    let holder = thread::spawn(move || {
        thread::sleep(HELD);
        drop(file);
    });
    what();
    // It ends by itself.
    let _ = holder.join();
    Ok(())
}

fn find(folder: &Path) -> Option<PathBuf> {
    let entries: Vec<_> = fs::read_dir(folder).ok()?.flatten().collect();
    let own = entries.iter().find(|entry| entry.file_name() == NAME).map(DirEntry::path);
    own.or_else(|| {
        let folders = entries.iter().filter(|it| it.file_type().is_ok_and(|kind| kind.is_dir()));
        folders.into_iter().find_map(|entry| find(&entry.path()))
    })
}
