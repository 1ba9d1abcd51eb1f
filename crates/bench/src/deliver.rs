//! What a prompt waits for when results are owed.

use std::fs::{self, File};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::measure::{Candidate, rows, take_turns};
use super::ours::Ours;
use super::report::Table;
use super::snapshot::{Snapshot, calm};
use super::stage::Stage;

const ROUNDS: usize = 200;
const OWED: [(usize, &str); 3] = [
    (0, "UserPromptSubmit: nothing owed"),
    (1, "UserPromptSubmit: 1 result owed"),
    (10, "UserPromptSubmit: 10 results owed"),
];
/// As much as a reminder shows of each.
const COMMAND: &str = "seq -f 'line %g of what a command has printed, as long as lines are' 100";

/// A typed prompt with more and more owed results; each round starts from the same state.
pub(crate) fn run(stage: &Stage) -> Result<Vec<Table>> {
    stage.forget()?;
    let mut candidates = vec![Candidate::bin_true()];
    for (count, name) in OWED {
        let state = stage.home().join(format!("deliver-{count}/state"));
        let mut ours =
            Ours::start_with_state(stage, &format!("deliver-{count}"), Some(state.clone()))?;
        for _ in 0..count {
            calm(&state)?;
            let called = ours.call(COMMAND);
            ours.live_through(&called)?;
        }
        let owed = match fs::read(state.join("active.json")) {
            Ok(text) => {
                let active: Value = serde_json::from_slice(&text)?;
                let tasks = active["tasks"].as_array().into_iter().flatten();
                tasks.filter(|task| task["delivery"]["state"] == "owed").count()
            }
            Err(_) => 0,
        };
        ensure!(owed == count, "{owed} instead of {count} are owed");
        let snapshot = Snapshot::take(&state)?;
        let typed = stage.file(&format!("typed-{count}"), &ours.session.typed())?;
        candidates.push(Candidate::new(name, move || {
            snapshot.restore()?;
            let mut hook = ours.hook("sisyphus-user-prompt-submit");
            hook.stdout(Stdio::null());
            Ok((hook, Some(File::open(&typed).context("the prompt is gone")?)))
        }));
    }
    let times = take_turns(candidates, stage.rounds(ROUNDS))?;
    Ok(vec![Table::new("A typed prompt", rows(&times))])
}
