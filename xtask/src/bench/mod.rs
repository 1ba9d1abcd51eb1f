//! `cargo xtask bench [NAME…]`: what we cost, as ratios to named references measured in the same run.
//!
//! Candidates take turns, so that whatever else the machine does hits all of them alike. Nothing is asserted: a ratio
//! on a loaded machine says little, and a test that fails by the weather is worse than none.

mod drain;
mod history;
mod hooks;
mod latency;
mod measure;
mod ours;
mod rivals;
mod runner;
mod scripts;
mod stage;
mod waiting;
mod writers;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::repository;
use rivals::Missing;
use stage::Stage;

/// One benchmark.
struct Part {
    name: &'static str,
    run: fn(&Stage, Missing) -> Result<Value>,
}

const PARTS: &[Part] = &[
    Part { name: "hooks", run: |stage, _| hooks::run(stage) },
    Part { name: "runner", run: |stage, _| runner::run(stage) },
    Part { name: "scripts", run: |stage, _| scripts::run(stage) },
    Part { name: "writers", run: |stage, _| writers::run(stage) },
    Part { name: "queue_drain", run: drain::run },
    Part { name: "queue_latency", run: |stage, _| latency::run(stage) },
    Part { name: "queue_waiting", run: |stage, _| waiting::run(stage) },
    Part { name: "queue_history", run: |stage, _| history::run(stage) },
];

/// Asked for by this name, a rival that takes minutes to build is installed; it belongs to the draining of the queue.
const PUEUE: &str = "pueue";
const PUEUE_PART: &str = "queue_drain";

/// Runs the benchmarks that the arguments name, all without a name; prints the tables and writes `target/bench.json`.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    if arguments.iter().any(|word| word == "--list") {
        for part in PARTS {
            println!("{}", part.name);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let is_pueue = |word: &String| word == PUEUE;
    let missing = if arguments.iter().any(is_pueue) { Missing::Install } else { Missing::Say };
    let is_named = |part: &&Part| {
        arguments.is_empty()
            || arguments.iter().any(|word| {
                part.name.contains(word.as_str()) || is_pueue(word) && part.name == PUEUE_PART
            })
    };
    let parts: Vec<&Part> = PARTS.iter().filter(is_named).collect();
    ensure!(!parts.is_empty(), "no benchmark is named like {arguments:?}; `--list` shows all");

    let stage = Stage::build()?;
    let mut report = json!({ "version": 1 });
    for part in parts {
        report[part.name] =
            (part.run)(&stage, missing).with_context(|| format!("benchmark `{}`", part.name))?;
    }
    let path = repository::target()?.join("bench.json");
    fs::write(&path, format!("{report:#}\n"))
        .with_context(|| format!("could not write `{}`", path.display()))?;
    Ok(ExitCode::SUCCESS)
}
