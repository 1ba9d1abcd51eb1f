//! `sisyphus show` of a command that was stopped at its time limit.

use anyhow::{Result, ensure};

use super::Shot;
use super::stage::{COLUMNS, session, typed};
use super::steady::Steady;

const STEADY: Steady = Steady { times: &[("timed out", "14 s"), ("time limit", "14 s")] };

pub(super) fn shoot() -> Result<Shot> {
    let client = session(5);
    let script = "echo connecting to the database; sleep 300";
    std::fs::write(client.env.project().join("migrate.sh"), script)?;
    let run = ["run", "--timeout", "1", "--detach", "--description", "migrate", "--", "sh"];
    let started = client.env.run("sisyphus", &[&run[..], &["migrate.sh"]].concat());
    ensure!(started.code == Some(0), "{}", started.stderr);
    let _ = client.env.run("sisyphus", &["wait", started.stdout.trim()]).code;
    let screen = typed(&client.env, "show migrate", &STEADY)?;
    Ok(Shot {
        title: "sisyphus show of a command that timed out",
        columns: COLUMNS,
        typed: Some("sisyphus show migrate"),
        screen,
    })
}
