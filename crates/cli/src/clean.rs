//! `sisyphus clean`.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use clap::Args as ClapArgs;
use serde_json::json;
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::client_tmp_dir;
use sisyphus_base::text::one_line;
use sisyphus_control::leftovers::{Extent, Kind, Leftover, find, remove, remove_all};
use sisyphus_control::{open_store, world};
use sisyphus_state::line::RuntimeDir;
use sisyphus_state::run_root::RunRoot;
use sisyphus_tasks::task::Task;

use crate::format::size;
use crate::print::{self, Verdict};

/// Longest path that is shown, in characters.
const PATH_MAX: usize = 1_000;

#[derive(Debug, ClapArgs)]
pub(crate) struct Clean {
    /// Remove outputs and archived history that are older than this many days.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = days)]
    pub(crate) older_than: u32,
    /// Remove the whole history: every record, every kept output, the archive. Refused while a task runs or is queued.
    #[arg(long, conflicts_with = "older_than")]
    pub(crate) all: bool,
    /// List what would be removed, and remove nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

fn days(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "give a whole number of days, such as 30".to_owned())
}

/// Removes what no task needs any more or the whole history, or lists what would be removed.
pub(crate) fn clean(options: &Clean) -> Result<Verdict> {
    let store = open_store()?;
    let (roots, mut errors) = roots(&store.read_active()?.tasks);
    let tmp = client_tmp_dir(&Environment::read());
    let world = world(&tmp);
    let runtime = RuntimeDir::open(&Environment::read()).unwrap_or_else(|error| {
        errors.push(error);
        None
    });
    let extent = if options.all {
        Extent::Everything
    } else {
        Extent::Leftovers(Duration::from_secs(u64::from(options.older_than) * 24 * 60 * 60))
    };
    let mut found = find(&store, &roots, runtime.as_ref(), extent, SystemTime::now())?;
    if !options.dry_run && !found.is_empty() {
        store.dir().ensure_writable()?;
        let (gone, failed) = if options.all {
            remove_all(&store, &world, found)?
        } else {
            remove(&store, &world, found)
        };
        found = gone;
        errors.extend(failed);
    }
    report(&found, options)?;
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

fn report(gone: &[Leftover], options: &Clean) -> Result<()> {
    let bytes: u64 = gone.iter().map(|it| it.bytes).sum();
    if options.json {
        let item = |it: &Leftover| {
            let path = it.path.to_string_lossy();
            json!({ "kind": it.kind, "task": it.task, "path": path, "bytes": it.bytes })
        };
        let items: Vec<_> = gone.iter().map(item).collect();
        return print::json(json!({ "removed": !options.dry_run, "bytes": bytes, "items": items }));
    }
    if gone.is_empty() {
        return print::out("Nothing to remove.\n");
    }
    // A record and an empty file have no size worth a word.
    let sized = |bytes: u64| match bytes {
        0 => String::new(),
        bytes => format!(", {}", size(bytes)),
    };
    let mut text = String::new();
    for it in gone {
        let path = one_line(&it.path.to_string_lossy(), PATH_MAX);
        let line = match &it.task {
            Some(task) => format!("{path} ({} {task})\n", name(it.kind)),
            None => format!("{path} ({}{})\n", name(it.kind), sized(it.bytes)),
        };
        text.push_str(&line);
    }
    let verb = if options.dry_run { "would be removed" } else { "removed" };
    text.push_str(&format!("{verb}: {}{}\n", gone.len(), sized(bytes)));
    print::out(&text)
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Record => "record of",
        Kind::History => "finished tasks",
        Kind::Output => "kept output",
        Kind::Archive => "archived history",
        Kind::Events => "lines about changes of status",
        Kind::Corrupt => "broken state file",
        Kind::Session => "session data",
        Kind::Temporary => "half-written file",
        Kind::Handoff => "unused handoff",
        Kind::Line => "queue file of a killed runner",
        Kind::Waiter => "file of a session's waiter",
        Kind::Conversation => "lock of a conversation",
        Kind::Runner => "runner of another version",
        Kind::RunFolder => "run folder",
    }
}
