//! What the runner costs a command: its throughput, its start and its memory.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::hooks::snippet;
use super::measure::{Candidate, report, take_turns};
use super::stage::Stage;
use crate::stand_in::as_written;

const FLOOD: &str = "yes | head -c 2G";
const FLOOD_ROUNDS: usize = 15;
const START_ROUNDS: usize = 200;

/// Times commands with and without the runner under them.
pub(crate) fn run(stage: &Stage) -> Result<Value> {
    let snippet = snippet(stage)?;
    let compare = |title: &str, command: &'static str, rounds: usize| -> Result<Value> {
        let bare = shell(stage, "", command, "bare");
        let attached = {
            let snippet = snippet.clone();
            let mut start = shell(stage, &snippet, command, "attached");
            move || {
                announce(stage, command)?;
                start()
            }
        };
        let candidates = vec![
            Candidate { name: format!("{command}, without the runner"), prepare: Box::new(bare) },
            Candidate {
                name: format!("{command}, through the runner"),
                prepare: Box::new(attached),
            },
        ];
        Ok(report(title, &take_turns(candidates, rounds)?))
    };
    let start = compare("A short background command", "true", START_ROUNDS)?;
    let flood = compare("A command that prints 2 GiB into its output file", FLOOD, FLOOD_ROUNDS)?;
    let resident_kib = resident(stage, &snippet)?;
    println!("\nA waiting runner: {resident_kib} KiB resident");
    Ok(json!({ "start": start, "flood": flood, "resident_kib": resident_kib }))
}

fn announce(stage: &Stage, command: &str) -> Result<()> {
    let input = json!({ "command": command, "run_in_background": true });
    let event = json!({ "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "toolu_bench", "tool_input": input });
    stage.hook("sisyphus-pre-tool-use", &stage.event("announce", event)?, None)
}

/// Starts a command as the client does: the env file's content, the command, its output in a file named after a task.
fn shell<'a>(
    stage: &'a Stage,
    snippet: &str,
    command: &str,
    name: &str,
) -> impl FnMut() -> Result<(Command, Option<File>)> + use<'a> {
    let command = as_written(command);
    let string = format!("true && {snippet}: && eval {command} < /dev/null && pwd -P >| /dev/null");
    let output = stage.outputs().join(format!("b{name}.output"));
    move || {
        fs::create_dir_all(stage.outputs())?;
        // Not truncated: where its memory is already there, writing costs the same every time.
        let output = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&output)
            .with_context(|| format!("could not create `{}`", output.display()))?;
        let mut shell = Command::new("/bin/bash");
        stage.apply(&mut shell);
        shell.args(["-c", &string]).stdout(output.try_clone()?).stderr(output);
        Ok((shell, None))
    }
}

/// The resident memory of a runner whose command sleeps, in KiB.
fn resident(stage: &Stage, snippet: &str) -> Result<u64> {
    announce(stage, "sleep 30")?;
    let (mut command, _) = shell(stage, snippet, "sleep 30", "sleeper")()?;
    let mut child = command.stdin(Stdio::null()).spawn()?;
    // The shell becomes the runner under the same number.
    let status = format!("/proc/{}/status", child.id());
    let deadline = Instant::now() + Duration::from_secs(10);
    let found = loop {
        let text = fs::read_to_string(&status)?;
        if text.starts_with("Name:\tsisyphus-run") {
            break Ok(text);
        }
        if Instant::now() > deadline {
            break Err(anyhow::anyhow!("the shell did not become the runner"));
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    // It settles once the start is recorded.
    std::thread::sleep(Duration::from_millis(500));
    let text = found.and_then(|_| Ok(fs::read_to_string(&status)?));
    // The runner takes its command with it.
    child.kill()?;
    child.wait()?;
    let text = text?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kib = line.split_whitespace().nth(1).context("no number in VmRSS")?;
    ensure!(line.ends_with("kB"), "an unknown unit in `{line}`");
    Ok(kib.parse()?)
}
