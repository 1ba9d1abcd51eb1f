//! Many who write at once: hooks that announce a task each, started together.

use std::fs::File;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::measure::{Times, report};
use super::stage::Stage;

const WRITERS: [usize; 6] = [1, 5, 20, 50, 100, 200];
const ROUNDS: usize = 5;

/// Times from the first start to the last end, and counts what was recorded.
pub(crate) fn run(stage: &Stage) -> Result<Value> {
    let events: Vec<_> = (0..200)
        .map(|number| {
            let event = json!({
                "hook_event_name": "PreToolUse", "tool_name": "Bash",
                "tool_use_id": format!("toolu_{number}"),
                "tool_input": { "command": "npm test", "run_in_background": true },
            });
            stage.event(&format!("writer-{number}"), event)
        })
        .collect::<Result<_>>()?;
    let mut rows = Vec::new();
    let mut unrecorded = Vec::new();
    for writers in WRITERS {
        let mut times: Vec<Duration> = Vec::new();
        let mut lost = 0;
        for _ in 0..ROUNDS {
            stage.forget()?;
            let start = Instant::now();
            let started: Vec<Child> = events[..writers]
                .iter()
                .map(|event| {
                    let mut hook = stage.binary("sisyphus-pre-tool-use");
                    hook.stdin(File::open(event)?).spawn().context("could not start a hook")
                })
                .collect::<Result<_>>()?;
            for mut hook in started {
                let status = hook.wait()?;
                ensure!(status.success(), "a hook ended with {status}");
            }
            times.push(start.elapsed());
            let active: Value = serde_json::from_slice(&std::fs::read(stage.active())?)?;
            lost += writers - active["tasks"].as_array().map_or(0, Vec::len);
        }
        rows.push(Times::of(&format!("{writers} at once"), times));
        unrecorded.push(json!({ "writers": writers, "unrecorded": lost, "rounds": ROUNDS }));
        if lost > 0 {
            println!("{writers} at once: {lost} of {} gave up waiting", writers * ROUNDS);
        }
    }
    stage.forget()?;
    let times = report("PreToolUse hooks that announce, started together", &rows);
    Ok(json!({ "times": times, "unrecorded": unrecorded }))
}
