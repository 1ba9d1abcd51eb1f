//! What a hook costs, and what the snippet costs a foreground command.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sisyphus_attach::snippet::render;

use super::measure::{Candidate, rows, take_turns};
use super::report::{Row, Table};
use super::stage::Stage;

const ROUNDS: usize = 300;
const READER: &str = "a static C program that reads its input";
const NOTHING: &str = "a Rust program that does nothing, built as a hook";
/// Names a folder with the hooks of another build, to measure beside these.
const BESIDE: &str = "SISYPHUS_BENCH_BESIDE";

/// Times the hooks beside programs that do nothing.
pub(crate) fn run(stage: &Stage) -> Result<Vec<Table>> {
    let (reader, nothing) = (stage.reader_in_c()?, stage.program_without_start()?);
    Ok(vec![
        idle(stage, &reader, &nothing)?,
        announcing(stage, &reader)?,
        foreground(stage)?,
        weighed(stage, &reader, &nothing)?,
    ])
}

/// A hook that has nothing to do.
pub(crate) struct Idle {
    name: &'static str,
    pub(crate) binary: &'static str,
    pub(crate) event: PathBuf,
}

/// The hooks that Claude Code starts most often, with events at which they have nothing to do.
pub(crate) fn idle_hooks(stage: &Stage) -> Result<[Idle; 4]> {
    let typed =
        stage.event("typed", json!({ "hook_event_name": "UserPromptSubmit", "prompt": "go" }))?;
    let stop = stage.event("stop", json!({ "hook_event_name": "Stop", "background_tasks": [] }))?;
    let pre = stage.event("pre", call("PreToolUse", json!({ "command": "ls" })))?;
    let mut post = call("PostToolUse", json!({ "command": "ls" }));
    post["tool_response"] = json!({ "stdout": "a b c" });
    let post = stage.event("post", post)?;
    let hooks = [
        ("UserPromptSubmit, typed, nothing owed", "sisyphus-user-prompt-submit", typed),
        ("Stop, nothing owed", "sisyphus-stop", stop),
        ("PreToolUse, foreground", "sisyphus-pre-tool-use", pre),
        ("PostToolUse, foreground", "sisyphus-post-tool-use", post),
    ];
    Ok(hooks.map(|(name, binary, event)| Idle { name, binary, event }))
}

/// What the times of hooks are compared with: nothing that reads an event is cheaper.
fn reading(reader: &Path, event: &Path) -> Candidate<'static> {
    let (reader, event) = (reader.to_owned(), event.to_owned());
    Candidate::new(READER, move || Ok((Command::new(&reader), Some(File::open(&event)?))))
}

fn idle(stage: &Stage, reader: &Path, nothing: &Path) -> Result<Table> {
    let hooks = idle_hooks(stage)?;
    let empty = stage.empty_program()?;
    let beside = env::var_os(BESIDE).map(PathBuf::from);
    let mut candidates = vec![
        reading(reader, &hooks[0].event),
        Candidate::bin_true(),
        Candidate::new(NOTHING, || Ok((Command::new(nothing), None))),
        Candidate::new("an empty Rust program", || Ok((Command::new(&empty), None))),
        Candidate::new("bash -c true", || {
            let mut command = Command::new("/bin/bash");
            command.args(["-c", "true"]);
            Ok((command, None))
        }),
    ];
    for Idle { name, binary, event } in &hooks {
        let start = move || Ok((stage.binary(binary), Some(File::open(event)?)));
        candidates.push(Candidate::new(*name, start));
        if let Some(folder) = &beside {
            let program = folder.join(binary);
            let start = move || {
                let mut command = Command::new(&program);
                stage.apply(&mut command);
                Ok((command, Some(File::open(event)?)))
            };
            candidates.push(Candidate::new(format!("{name}, the other build"), start));
        }
    }
    let times = take_turns(candidates, stage.rounds(ROUNDS))?;
    Ok(Table::new("Hooks with nothing to do", rows(&times)).with_note("goal: 1.12"))
}

fn announcing(stage: &Stage, reader: &Path) -> Result<Table> {
    let event = announcement(stage)?;
    let announcing = Candidate::new("PreToolUse, announcing a task", || {
        // Each announcement starts from the same state, without earlier ones.
        forget_announcements(stage);
        Ok((stage.binary("sisyphus-pre-tool-use"), Some(File::open(&event)?)))
    });
    let candidates = vec![reading(reader, &event), Candidate::bin_true(), announcing];
    let times = take_turns(candidates, stage.rounds(ROUNDS))?;
    forget_announcements(stage);
    Ok(Table::new("Announcing", rows(&times)).with_note("goal: 1.4"))
}

/// The size of each program, and the memory that it has at most.
fn weighed(stage: &Stage, reader: &Path, nothing: &Path) -> Result<Table> {
    let scales = stage.scales()?;
    let weigh = |name: &str, program: &Path, event: &Path| -> Result<Row> {
        let mut command = Command::new(&scales);
        stage.apply(&mut command);
        command.arg(program).stdin(File::open(event)?);
        let output = command.output().with_context(|| format!("could not run {command:?}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let resident = said.trim().parse().with_context(|| format!("{command:?}: {said}"))?;
        #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
        let kib = (fs::metadata(program)?.len() / 1024) as f64;
        Ok(Row::named(name).with("size, KiB", kib).with("resident, KiB", resident))
    };
    let hooks = idle_hooks(stage)?;
    let mut rows =
        vec![weigh(READER, reader, &hooks[0].event)?, weigh(NOTHING, nothing, &hooks[0].event)?];
    for Idle { name, binary, event } in &hooks {
        rows.push(weigh(name, stage.binary(binary).get_program().as_ref(), event)?);
    }
    Ok(Table::new("What a hook's program takes", rows).with_note("goals: 800 and 1,200 KiB"))
}

fn foreground(stage: &Stage) -> Result<Table> {
    let snippet = snippet(stage)?;
    let shell = |string: String| {
        let mut command = Command::new("/bin/bash");
        stage.apply(&mut command);
        command.args(["-c", &string]);
        Ok((command, None))
    };
    let candidates = vec![
        Candidate::new("bash -c, without the snippet", || {
            shell("true && : && eval 'true'".to_owned())
        }),
        Candidate::new("bash -c, with the snippet", || {
            shell(format!("true && {snippet}: && eval 'true'"))
        }),
    ];
    let times = take_turns(candidates, stage.rounds(ROUNDS))?;
    Ok(Table::new("A foreground command", rows(&times)))
}

fn call(event: &str, input: Value) -> Value {
    json!({
        "hook_event_name": event, "tool_name": "Bash", "tool_use_id": "toolu_bench",
        "tool_input": input,
    })
}

/// The event of a background call.
pub(crate) fn announcement(stage: &Stage) -> Result<PathBuf> {
    let input = json!({ "command": "npm test", "run_in_background": true });
    stage.event("announce", call("PreToolUse", input))
}

/// Removes the record of an announcement.
pub(crate) fn forget_announcements(stage: &Stage) {
    let _ = fs::remove_file(stage.active());
    let _ = fs::remove_dir_all(stage.state().join("announced"));
}

/// The line that SessionStart puts in front of every command.
pub(crate) fn snippet(stage: &Stage) -> Result<String> {
    let event = json!({ "hook_event_name": "SessionStart", "source": "startup" });
    let event = stage.event("session-start", event)?;
    let env_file = stage.home().join("env.sh");
    stage.hook("sisyphus-session-start", &event, Some(Path::new(&env_file)))?;
    fs::read_to_string(&env_file).context("the session was not attached")
}

/// The same line with another program in the place of our runner, and as if a call were announced.
pub(crate) fn snippet_of(stage: &Stage, runner: &Path) -> Result<String> {
    let line = render(runner, stage.home()).context("the home has a quote in its name")?;
    Ok(line + "\n")
}
