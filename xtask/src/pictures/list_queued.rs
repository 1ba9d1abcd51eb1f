//! `sisyphus list` while two commands run, two wait, and one has ended.

use anyhow::Result;

use super::Shot;
use super::stage::{COLUMNS, command, session, typed};
use super::steady::Steady;

const STEADY: Steady = Steady {
    times: &[
        ("run the tests", "48 s"),
        ("build the image", "31 s"),
        ("check the types", "12 s"),
        ("lint", "9 s"),
        ("install the packages", "6.2 s"),
    ],
};

pub(super) fn shoot() -> Result<Shot> {
    let client = session(2);
    command(&client, "install the packages", "echo added 312 packages", "completed").wait();
    let _running = [("run the tests", "running"), ("build the image", "running")]
        .map(|(name, status)| command(&client, name, "sleep 300", status));
    let _queued = [("check the types", "queued"), ("lint", "queued")]
        .map(|(name, status)| command(&client, name, "sleep 300 && true", status));
    let screen = typed(&client.env, "list", &STEADY)?;
    Ok(Shot { title: "sisyphus list", columns: COLUMNS, typed: Some("sisyphus list"), screen })
}
