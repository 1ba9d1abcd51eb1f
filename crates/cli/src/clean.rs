//! `sisyphus clean`.

use std::time::SystemTime;

use anyhow::Result;
use serde_json::json;
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::client_tmp_dir;
use sisyphus_base::text::one_line;
use sisyphus_control::leftovers::{Kind, Leftover, find, find_all, remove, remove_all};
use sisyphus_control::{open_store, world};
use sisyphus_state::line::RuntimeDir;
use sisyphus_state::run_root::RunRoot;
use sisyphus_state::store::Store;
use sisyphus_tasks::task::Task;

use crate::args::{Clean, Extent, Format, Mode};
use crate::format::size;
use crate::print::{self, Verdict};
use crate::view::VERSION;

/// Longest path that is shown, in characters.
const PATH_MAX: usize = 1_000;

/// Removes what no task needs any more or the whole history, or lists what would be removed.
pub(crate) fn clean(options: &Clean) -> Result<Verdict> {
    let store = open_store()?;
    let (roots, mut errors) = roots(&store.read_active()?.tasks);
    let tmp = client_tmp_dir(&Environment::read());
    let world = world(&tmp);
    let runtime = runtime(&mut errors);
    let found = match options.extent() {
        Extent::Leftovers => {
            find(&store, &roots, runtime.as_ref(), options.age(), SystemTime::now())?
        }
        Extent::Everything => find_all(&store, &roots, runtime.as_ref(), SystemTime::now())?,
    };
    let gone = match options.mode() {
        Mode::DryRun => found,
        Mode::Apply if found.is_empty() => found,
        Mode::Apply => {
            refuse_in_sandbox(&store)?;
            let (gone, failed) = match options.extent() {
                Extent::Leftovers => remove(&store, &world, found),
                Extent::Everything => remove_all(&store, &world, found)?,
            };
            errors.extend(failed);
            gone
        }
    };
    report(&gone, options)?;
    errors.iter().for_each(print::warn);
    Ok(if errors.is_empty() { Verdict::Good } else { Verdict::Bad })
}

/// The run roots: the one of this session's environment, and those of tasks that have not ended.
pub(crate) fn roots(active: &[Task]) -> (Vec<RunRoot>, Vec<anyhow::Error>) {
    let own = RunRoot::open(&Environment::read());
    let (mut roots, mut errors): (Vec<RunRoot>, _) = (Vec::new(), Vec::new());
    for root in [own].into_iter().chain(active.iter().map(RunRoot::of)) {
        match root {
            Ok(Some(root)) if roots.iter().all(|known| known.path() != root.path()) => {
                roots.push(root);
            }
            Ok(Some(_) | None) => {}
            Err(error) => errors.push(error),
        }
    }
    (roots, errors)
}

/// The folder of the line.
fn runtime(errors: &mut Vec<anyhow::Error>) -> Option<RuntimeDir> {
    RuntimeDir::open(&Environment::read()).unwrap_or_else(|error| {
        errors.push(error);
        None
    })
}

fn refuse_in_sandbox(store: &Store) -> Result<()> {
    anyhow::ensure!(
        store.dir().is_writable(),
        "could not write to `{}`: nothing can be removed inside Claude Code's sandbox; run this outside of it",
        store.dir().root().display()
    );
    Ok(())
}

fn report(gone: &[Leftover], options: &Clean) -> Result<()> {
    let bytes: u64 = gone.iter().map(|it| it.bytes).sum();
    let is_removed = options.mode() == Mode::Apply;
    if options.format() == Format::Json {
        let item = |it: &Leftover| {
            let path = it.path.to_string_lossy();
            json!({ "kind": it.kind, "task": it.task, "path": path, "bytes": it.bytes })
        };
        let items: Vec<_> = gone.iter().map(item).collect();
        return print::json(
            &json!({ "version": VERSION, "removed": is_removed, "bytes": bytes, "items": items }),
        );
    }
    let mut text = String::new();
    for it in gone {
        let path = one_line(&it.path.to_string_lossy(), PATH_MAX);
        let line = match &it.task {
            Some(task) => format!("{path} ({} {task})\n", name(it.kind)),
            None => format!("{path} ({}, {})\n", name(it.kind), size(it.bytes)),
        };
        text.push_str(&line);
    }
    let verb = if is_removed { "removed" } else { "would be removed" };
    text.push_str(&format!("{verb}: {}, {}\n", gone.len(), size(bytes)));
    print::out(&text)
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Record => "record of",
        Kind::History => "finished tasks",
        Kind::Output => "kept output",
        Kind::Archive => "archived history",
        Kind::Corrupt => "broken state file",
        Kind::Session => "session data",
        Kind::Temporary => "half-written file",
        Kind::Handoff => "unused handoff",
        Kind::Line => "queue file of a killed runner",
        Kind::Waiter => "file of a session's waiter",
        Kind::Runner => "runner of another version",
        Kind::RunFolder => "run folder",
    }
}
