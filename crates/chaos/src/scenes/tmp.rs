//! What happens to Claude Code's temporary folder while commands run.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::actor::{Notices, Plan};
use crate::stage::Stage;

/// The size of the temporary folder, in bytes.
const ROOM: &str = "4194304";

/// Our folder in it is removed, by a command or as by tmpfiles (S7).
pub(super) fn removed(stage: &Stage) -> Result<()> {
    let session = stage.session("session-0", Notices::Sent)?;
    for _ in 0..3 {
        session.turn(&[(0..5).map(|code| Plan::sleep(700, code)).collect()]);
        let folder = stage.home.client_tmp().join("sisyphus");
        // A folder that was never created can't be removed.
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("could not remove `{}`", folder.display()))?;
        }
        session.prompt();
        session.end_turn();
        session.idle(Duration::from_secs(1));
    }
    Ok(())
}

/// It is full when commands end, and a person types before the fake client sends a notice (S6).
pub(super) fn full(stage: &Stage) -> Result<()> {
    let tmp = stage.home.folder.join("tmp").display().to_string();
    let wrapper = ["bwrap", "--dev-bind", "/", "/", "--size", ROOM, "--tmpfs", &tmp, "--"];
    let wrapper = wrapper.map(str::to_owned).to_vec();
    let session = stage.session_in("session-0", Notices::Sent, wrapper)?;
    let full = format!("{tmp}/full");
    for round in 0..2 {
        let plans: Vec<Plan> = (4..7).map(|code| Plan::sleep(500, code)).collect();
        let running = session.turn(&[plans]);
        session.run("bash", &["-c", &format!("cat /dev/zero > {full} 2>/dev/null; true")])?;
        while running.iter().any(|running| !running.has_exited()) {
            std::thread::sleep(Duration::from_millis(20));
        }
        session.prompt();
        session.end_turn();
        session.idle(Duration::from_millis(500));
        if round == 0 {
            session.run("rm", &["-f", &full])?;
        }
    }
    Ok(())
}
