//! The state files: whether they can be read and parsed, and the newest errors in the log.

use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sisyphus_base::atomic;
use sisyphus_base::sys::INSTALLER;
use sisyphus_base::text::one_line;
use sisyphus_state::event::Event;
use sisyphus_state::line::RuntimeDir;
use sisyphus_state::store::{Active, History, Session};

use super::context::{DoctorContext, STATE_MAX, json_files};
use super::finding::{Finding, named, plain};

/// The format of this version.
const VERSION: u64 = 2;
const NEWER: u64 = VERSION + 1;
/// Largest log that is read, in bytes: a little more than its size limit.
const LOG_MAX: u64 = 1024 * 1024;
/// Longest line of the log that is shown, in characters.
const LINE_MAX: usize = 160;

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    let mut found = if context.state().root().exists() { files(context) } else { Vec::new() };
    found.extend(log(context, &context.state().log()));
    // Where processes log that can't write to the state folder. Another part reports that the folder is read-only.
    let shared = RuntimeDir::open(&context.environment).ok().flatten();
    found.extend(shared.and_then(|shared| log(context, &shared.log())));
    found
}

fn files(context: &DoctorContext) -> Vec<Finding> {
    let state = context.state();
    let mut files: Vec<(PathBuf, Parse)> = vec![
        (state.active(), parse::<Active>),
        (state.completed(), parse::<History>),
        (state.failed(), parse::<History>),
    ];
    files.extend(json_files(&state.inbox_dir()).map(|path| (path, event as Parse)));
    files.extend(json_files(&state.sessions_dir()).map(|path| (path, parse::<Session> as Parse)));
    let mut found: Vec<Finding> =
        files.iter().filter_map(|(path, parse)| examine(path, *parse).err()).collect();
    if found.is_empty() {
        let count = files.iter().filter(|(path, _)| path.exists()).count();
        found.push(Finding::fine(format!("{count} state files are valid")));
    }
    found
}

/// Parses a file, to check it.
type Parse = fn(&[u8]) -> Result<()>;

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<()> {
    Ok(serde_json::from_slice::<T>(bytes).map(drop)?)
}

fn event(bytes: &[u8]) -> Result<()> {
    Event::parse(bytes).map(drop)
}

#[derive(Deserialize)]
struct Versioned {
    #[serde(default)]
    version: u64,
}

fn examine(path: &Path, parse: Parse) -> Result<(), Finding> {
    let Some(bytes) = read(path, STATE_MAX, "move it away; its records are lost")? else {
        return Ok(());
    };
    let name = named(path);
    // Checked first: a newer format may not parse as ours, and that is not damage.
    if let Ok(Versioned { version: version @ NEWER.. }) = serde_json::from_slice(&bytes) {
        return Err(Finding::broken(
            format!("{name} has format {version}, but this version reads {VERSION}"),
            format!("update sisyphus with {INSTALLER}"),
        ));
    }
    parse(&bytes).map_err(|error| {
        Finding::broken(
            format!("{name} is damaged: {}", plain(&error.to_string())),
            "nothing to do: the next change sets it aside as `….corrupt-TIME`",
        )
    })
}

/// The bytes of a file, if it is there.
fn read(path: &Path, max: u64, remedy: &str) -> Result<Option<Vec<u8>>, Finding> {
    atomic::read(path, max).map_err(|error| {
        let why = plain(&error.root_cause().to_string());
        Finding::broken(format!("could not read {}: {why}", named(path)), remedy)
    })
}

/// The errors of the last day.
fn log(context: &DoctorContext, path: &Path) -> Option<Finding> {
    let bytes = match read(path, LOG_MAX, "move it away") {
        Ok(bytes) => bytes?,
        Err(finding) => return Some(finding),
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let is_recent =
        |line: &&str| context.now - time_of(line).unwrap_or_default() < TimeDelta::days(1);
    let recent: Vec<&str> = text.lines().filter(is_recent).collect();
    let last = recent.last()?;
    let shown = one_line(last, LINE_MAX);
    let finding = Finding::note(
        format!("{} log lines in the last day, the latest: {shown}", recent.len()),
        format!("read {}; none of these errors stops a command", named(path)),
    );
    Some(Finding { at: time_of(last), ..finding })
}

/// When a line of the log was written.
fn time_of(line: &str) -> Option<DateTime<Utc>> {
    let stamp = line.split(' ').next()?;
    DateTime::parse_from_rfc3339(stamp).ok().map(|at| at.with_timezone(&Utc))
}
