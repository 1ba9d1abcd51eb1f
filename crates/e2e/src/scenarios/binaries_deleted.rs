//! The plugin's binaries disappear, before a session or during one: commands run as without the plugin.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::compare::{Pair, all_equal};
use super::outputs;
use crate::api::{Api, Block, Request, bash, text};
use crate::home::{Home, Setup};
use crate::mask::mask;
use crate::session::{BYPASS, Session};
use crate::stage::Stage;

const LIMIT: Duration = Duration::from_secs(15);
/// The second message of the conversation.
const AGAIN: &str = "once more, please";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Deletion {
    Never,
    BeforeTheSession,
    InTheMiddle,
}

pub(super) fn run(stage: &Stage) -> Result<()> {
    let without = play(stage, "without", &Setup::without_plugin(), Deletion::Never)?;
    let before = play(stage, "before", &Setup::with_plugin(), Deletion::BeforeTheSession)?;
    compare("before the session", &without, before)?;
    let middle = play(stage, "middle", &Setup::with_plugin(), Deletion::InTheMiddle)?;
    compare("in the middle", &without, middle)
}

fn compare(when: &str, without: &[String], with: Vec<String>) -> Result<()> {
    ensure!(
        without.len() == with.len(),
        "deleted {when}: {} results instead of {}",
        with.len(),
        without.len()
    );
    let pairs = without.iter().zip(with).enumerate();
    let pairs = pairs.map(|(index, (without, with))| Pair {
        what: format!("result {index}"),
        without: without.clone(),
        with,
    });
    all_equal(&pairs.collect::<Vec<_>>()).with_context(|| format!("deleted {when}"))
}

/// A turn of three calls, twice. The slow call of the first turn still runs when the second begins.
fn calls() -> Vec<Block> {
    vec![
        bash("echo one; exit 3"),
        bash("echo two; exit 4").background(),
        bash("sleep 3; echo slow; exit 5").description("be slow").background(),
    ]
}

fn play(stage: &Stage, label: &str, setup: &Setup, deletion: Deletion) -> Result<Vec<String>> {
    let home = stage.home(label, setup)?;
    if deletion == Deletion::BeforeTheSession {
        delete_binaries(&home)?;
    }
    let was_asked_again = AtomicBool::new(false);
    let api = Api::start(&home.folder.join("api"), move |request, number| {
        let is_again =
            request.text().contains(AGAIN) && !was_asked_again.swap(true, Ordering::SeqCst);
        if number == 0 || is_again { calls() } else { vec![text("ok")] }
    })?;
    let mut session = Session::idle(&home, &api, &[BYPASS])?;
    session.send("go")?;
    let first = wait_for_results(&api, 3)?;
    outputs::wait_for_end(first.tool_results()[1].output_file()?, LIMIT)?;
    if deletion == Deletion::InTheMiddle {
        delete_binaries(&home)?;
    }
    session.send(AGAIN)?;
    let second = wait_for_results(&api, 6)?;
    let mut results = Vec::new();
    for result in second.tool_results() {
        results.push(format!("{} {}", result.is_error, mask(&result.text, &home)));
        if let Ok(file) = result.output_file() {
            let output = outputs::wait_for_end(file, LIMIT)?;
            results.push(mask(&String::from_utf8_lossy(&output), &home));
        }
    }
    session.finish()?;
    Ok(results)
}

fn wait_for_results(api: &Api, count: usize) -> Result<Request> {
    api.wait_for(&format!("{count} tool results"), LIMIT, |requests| {
        requests.last().filter(|request| request.tool_results().len() == count).cloned()
    })
}

/// Removes what hooks and commands would start, as a broken update or a cleaner would.
fn delete_binaries(home: &Home) -> Result<()> {
    let hooks = home.plugin().join("hooks/bin");
    let count = delete_files(&hooks, "")?;
    ensure!(count > 0, "`{}` was empty already", hooks.display());
    delete_files(&home.state(), "sisyphus")?;
    Ok(())
}

/// Deletes every file below `folder` whose name starts with `prefix`; returns the count.
fn delete_files(folder: &Path, prefix: &str) -> Result<usize> {
    let mut count = 0;
    if !folder.is_dir() {
        return Ok(count);
    }
    for entry in
        fs::read_dir(folder).with_context(|| format!("could not list `{}`", folder.display()))?
    {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            count += delete_files(&entry.path(), prefix)?;
        } else if entry.file_name().to_string_lossy().starts_with(prefix) {
            fs::remove_file(entry.path())?;
            count += 1;
        }
    }
    Ok(count)
}
