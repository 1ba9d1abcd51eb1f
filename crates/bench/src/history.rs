//! What a hundred thousand finished tasks cost later calls.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sisyphus_harness::fake_client::End;

use super::measure::{Times, Turns, rows};
use super::ours::Ours;
use super::report::Table;
use super::snapshot::Snapshot;
use super::stage::Stage;

const ROUNDS: usize = 200;
const WARM_UP: usize = 5;
/// Fewer, but enough to have something in the archive.
const FEW: usize = 450;
/// How many tasks `completed.json` and `failed.json` each hold of a long history.
const NEWEST: usize = 200;
/// A session that is not measured.
const OTHER: &str = "another-session";

/// What is timed, and how many times as long it may take after the longest history.
const STEPS: [(&str, &str); 5] = [
    ("announce (PreToolUse)", "1.05"),
    ("bind (PostToolUse)", "1.05"),
    ("run `true` to its end", "1.05"),
    ("deliver (UserPromptSubmit with the notice)", "1.05"),
    ("`sisyphus list`", "2"),
];

/// A history on top of which a call is measured.
struct Past<'a> {
    name: &'static str,
    state: PathBuf,
    pristine: Snapshot,
    ours: Ours<'a>,
    times: [Vec<Duration>; STEPS.len()],
}

/// Takes one call through its life on top of each history, in alternation.
pub(crate) fn run(stage: &Stage) -> Result<Vec<Table>> {
    let (middle, long) = stage.pace().pick((10_000, 100_000), (FEW, FEW));
    let mut pasts = [
        past(stage, "10", 10, "short", "short")?,
        past(stage, "10,000", middle, "middle", "middle")?,
        past(stage, "100,000", long, "long", "long")?,
        past(stage, "100,000 of another session", long, "new", OTHER)?,
    ];
    let turns = Turns::of(pasts.len());
    let warm_up = stage.warm_up(WARM_UP);
    for round in 0..stage.rounds(ROUNDS) + warm_up {
        for place in turns.of_round(round) {
            let past = &mut pasts[place];
            past.pristine.restore()?;
            let times = live_through(stage, past)?;
            if round >= warm_up {
                past.times.iter_mut().zip(times).for_each(|(all, time)| all.push(time));
            }
        }
    }
    let of_step = |(number, (step, goal)): (usize, &(&str, &str))| {
        let times: Vec<Times> =
            pasts.iter().map(|past| Times::of(past.name, past.times[number].clone())).collect();
        Table::new(format!("After so many tasks: {step}"), rows(&times))
            .with_note(format!("goal: {goal}"))
    };
    Ok(STEPS.iter().enumerate().map(of_step).collect())
}

/// A history of `count` tasks of the session `of`, on top of which the session `own` continues.
fn past<'a>(
    stage: &'a Stage,
    name: &'static str,
    count: usize,
    own: &str,
    of: &str,
) -> Result<Past<'a>> {
    let state = stage.home().join(format!("history-{own}")).join("state");
    let ours = Ours::start_with_state(stage, own, Some(state.clone()))?;
    write(stage, &state, count, of)?;
    let pristine = Snapshot::take(&state)?;
    Ok(Past { name, state, pristine, ours, times: Default::default() })
}

fn live_through(stage: &Stage, past: &mut Past<'_>) -> Result<[Duration; STEPS.len()]> {
    let called = past.ours.call("true");
    let session = &past.ours.session;
    let announce = stage.file("announce", &session.announce(&called.call))?;
    let bind = stage.file("bind", &session.bind(&called.call, &called.client_id))?;
    let notice = session.notice(&called.call, &called.client_id, End::Code(0));
    let notice = stage.file("notice", &notice)?;
    let hook = |binary: &str, event: &Path| -> Result<Duration> {
        let mut command = past.ours.hook(binary);
        command.stdin(File::open(event)?).stdout(Stdio::null());
        timed(command)
    };
    let announced = hook("sisyphus-pre-tool-use", &announce)?;
    // Bound before the command starts, so that both never race and each run is the same.
    let bound = hook("sisyphus-post-tool-use", &bind)?;
    let ran = timed(past.ours.shell(&called)?)?;
    let active = fs::read_to_string(past.state.join("active.json"))?;
    ensure!(active.contains("\"reported_by\":\"runner\""), "a runner did not record its exit");
    let delivered = hook("sisyphus-user-prompt-submit", &notice)?;
    let mut list = stage.command_line();
    list.arg("list").env("SISYPHUS_STATE_DIR", &past.state).stdout(Stdio::null());
    Ok([announced, bound, ran, delivered, timed(list)?])
}

fn timed(mut command: Command) -> Result<Duration> {
    let start = Instant::now();
    let status = command.status().with_context(|| format!("could not run {command:?}"))?;
    let elapsed = start.elapsed();
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(elapsed)
}

/// Writes the state of a user with `count` finished commands, each a copy of a real record.
fn write(stage: &Stage, folder: &Path, count: usize, session: &str) -> Result<()> {
    let (completed, failed) = (sample(stage, "true")?, sample(stage, "false")?);
    fs::create_dir_all(folder.join("archive"))?;
    fs::create_dir_all(folder.join("output"))?;
    let task = |number: usize| {
        let mut task = if number.is_multiple_of(2) { completed.clone() } else { failed.clone() };
        task["id"] = format!("old{number:06}").into();
        task["ticket"] = number.into();
        task["session"] = session.into();
        task["client"]["id"] = format!("c{number:08}").into();
        task
    };
    let newest = count.saturating_sub(2 * NEWEST);
    let archived: Vec<String> = (0..newest).map(|number| format!("{}\n", task(number))).collect();
    fs::write(folder.join("archive/2026-01.jsonl"), archived.concat())?;
    for (name, odd) in [("completed", 0), ("failed", 1)] {
        // As the hooks write it: a record on a line.
        let kept = (newest..count).filter(|number| number % 2 == odd).map(task);
        let lines: Vec<String> = kept.map(|task| format!("    {task}")).collect();
        let file =
            format!("{{\n  \"version\": 2,\n  \"tasks\": [\n{}\n  ]\n}}\n", lines.join(",\n"));
        fs::write(folder.join(format!("{name}.json")), file)?;
    }
    for number in 0..count {
        fs::write(folder.join(format!("output/old{number:06}.log")), "47 passed\n")?;
    }
    Ok(())
}

/// The record of a command that really ran.
fn sample(stage: &Stage, command: &str) -> Result<Value> {
    stage.forget()?;
    let mut ours = Ours::start(stage, "sample")?;
    ours.background(command)?.wait()?;
    let text = fs::read_to_string(stage.state().join("active.json"))
        .with_context(|| format!("`{command}` left no record"))?;
    let file: Value = serde_json::from_str(&text)?;
    let mut task = file["tasks"][0].clone();
    task["delivery"] = json!({ "state": "not_needed" });
    ensure!(task["client"]["id"].is_string(), "the record of `{command}` is incomplete: {task}");
    Ok(task)
}
