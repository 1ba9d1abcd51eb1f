//! How soon the next in line starts when a slot gets free, by the two commands' own clocks.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::measure::{Times, report};
use super::ours::{Ours, wait_until};
use super::stage::Stage;

const ROUNDS: usize = 200;
const WARM_UP: usize = 5;

/// One slot: a holder that waits at a gate, one behind it, and the time from the last word of the first to the first
/// word of the second.
pub(crate) fn run(stage: &Stage) -> Result<Value> {
    stage.forget()?;
    stage.settings(&serde_json::json!({ "sisyphus.max_background_tasks": 1 }))?;
    let mut ours = Ours::start(stage, "latency")?;
    let folder = stage.home().join("latency");
    fs::create_dir_all(&folder)?;
    let (gate, ended, started) =
        (folder.join("gate"), folder.join("ended"), folder.join("started"));
    nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).context("could not make the gate")?;
    let mut times = Vec::new();
    for round in 0..ROUNDS + WARM_UP {
        let _ = (fs::remove_file(&ended), fs::remove_file(&started));
        let arrived = folder.join("arrived");
        let _ = fs::remove_file(&arrived);
        let mut holder = ours.background(&format!(
            ": > {}; read -r x < {}; echo $EPOCHREALTIME > {}",
            arrived.display(),
            gate.display(),
            ended.display()
        ))?;
        wait_until("the holder", || arrived.exists())?;
        let mut next = ours.background(&format!("echo $EPOCHREALTIME > {}", started.display()))?;
        wait_until("the next in line", || ours.waiting() == 1)?;
        // Past the moment in which it still asks whether it is a background command at all.
        std::thread::sleep(Duration::from_millis(40));
        fs::File::options().write(true).open(&gate).context("could not open the gate")?;
        holder.wait()?;
        next.wait()?;
        if round >= WARM_UP {
            let took = seconds(&started)? - seconds(&ended)?;
            times.push(Duration::from_secs_f64(took.max(0.0)));
        }
    }
    stage.settings(&serde_json::json!({}))?;
    Ok(report(
        "From the last word of a slot's holder to the first of the next command (goal: p95 50 ms)",
        &[Times::of("the next in line", times)],
    ))
}

fn seconds(path: &Path) -> Result<f64> {
    let text =
        fs::read_to_string(path).with_context(|| format!("could not read `{}`", path.display()))?;
    text.trim().parse().with_context(|| format!("`{text}` is no time"))
}
