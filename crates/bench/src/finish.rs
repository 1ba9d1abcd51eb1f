//! The time between the last output of a command and the exit of its shell.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};

use super::measure::{Times, Turns, rows};
use super::ours::Ours;
use super::report::Table;
use super::snapshot::Snapshot;
use super::stage::Stage;

const ROUNDS: usize = 200;
const WARM_UP: usize = 5;

const NAMES: [&str; 3] =
    ["/bin/true, from start to exit", "bash, without the runner", "bash, through the runner"];

/// In that time the runner keeps the output, records the exit, and reconciles the state.
pub(crate) fn run(stage: &Stage) -> Result<Vec<Table>> {
    stage.forget()?;
    let state = stage.home().join("finish/state");
    let mut ours = Ours::start_with_state(stage, "finish", Some(state.clone()))?;
    let before = Snapshot::take(&state)?;
    let last_word = stage.home().join("finish/last-word");
    let command = format!("echo $EPOCHREALTIME > {}", last_word.display());
    let mut times: [Vec<Duration>; 3] = Default::default();
    let turns = Turns::of(NAMES.len());
    let warm_up = stage.warm_up(WARM_UP);
    for round in 0..stage.rounds(ROUNDS) + warm_up {
        for place in turns.of_round(round) {
            let time = match place {
                0 => whole(Command::new("/bin/true"))?,
                1 => {
                    let mut shell = Command::new("/bin/bash");
                    stage.apply(&mut shell);
                    shell.args(["-c", &format!("true && eval '{command}'")]);
                    ending(shell, &last_word)?
                }
                _ => {
                    before.restore()?;
                    let called = ours.call(&command);
                    ours.announce_and_bind(&called)?;
                    let time = ending(ours.shell(&called)?, &last_word)?;
                    let active = fs::read_to_string(state.join("active.json"))?;
                    ensure!(
                        active.contains("\"reported_by\":\"runner\""),
                        "a runner did not record its exit"
                    );
                    time
                }
            };
            if round >= warm_up {
                times[place].push(time);
            }
        }
    }
    let times: Vec<Times> =
        NAMES.into_iter().zip(times).map(|(name, times)| Times::of(name, times)).collect();
    let note = "what ends within 100 ms of another end is made known together with it, up to that much later";
    let title = "From a command's last word to the exit of its shell";
    Ok(vec![Table::new(title, rows(&times)).with_note(note)])
}

fn whole(mut command: Command) -> Result<Duration> {
    let start = Instant::now();
    let status = command.stdin(Stdio::null()).status()?;
    let elapsed = start.elapsed();
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(elapsed)
}

/// From the time that the command recorded itself.
fn ending(mut shell: Command, last_word: &Path) -> Result<Duration> {
    let status = shell.stdin(Stdio::null()).status()?;
    let end = SystemTime::now();
    ensure!(status.success(), "{shell:?} ended with {status}");
    let said = fs::read_to_string(last_word).context("the command recorded no time")?;
    let said: f64 = said.trim().parse().with_context(|| format!("`{said}` is no time"))?;
    let end = end.duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64();
    Ok(Duration::from_secs_f64((end - said).max(0.0)))
}
