//! `hooks.log` in the state folder: errors that no answer and no exit code shows. The log is capped and best effort.
//! Logging itself never fails.
//!
//! If that log can't be written to, as on a full disk, the last resort is a log in the folder that all state folders of
//! a user share. No decision depends on either.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use chrono::Utc;

use crate::environment::Environment;
use crate::paths::StateDir;
use crate::runtime_dir::RuntimeDir;
use crate::sys;

/// Largest log, in bytes. One older log of the same size is kept beside it.
const MAX_BYTES: u64 = 256 * 1024;
/// Longest message, in characters.
const MESSAGE_MAX: usize = 1_000;

/// Appends one line: the time, the program and the message.
pub fn append(state: &StateDir, who: &str, message: &str) {
    if state.is_purged() {
        return;
    }
    let message: String = message.chars().take(MESSAGE_MAX).collect();
    let line = format!("{} {who}: {message}", Utc::now().format("%Y-%m-%dT%H:%M:%S%.3fZ"));
    if state.create().is_ok() && write(&state.log(), &line).is_ok() {
        return;
    }
    if let Ok(shared) = RuntimeDir::create(&Environment::read()) {
        let _ = write(&shared.log(), &format!("{line} (state in `{}`)", state.root().display()));
    }
}

fn write(path: &Path, line: &str) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() > MAX_BYTES) {
        let _ = fs::rename(path, path.with_extension("log.1"));
    }
    let one_line = line.replace(char::is_control, " ");
    sys::append_private_file(path)?.write_all(format!("{one_line}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use sisyphus_testing::TempDir;

    use super::*;

    #[test]
    fn stays_within_its_cap() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        for _ in 0..600 {
            append(&state, "test", &"x".repeat(5_000));
        }
        let sizes: u64 = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert!(sizes < 2 * (MAX_BYTES + 2_000), "{sizes}");
    }

    #[test]
    fn a_message_stays_on_its_line() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        append(&state, "test", "one\ntwo\u{1b}[2J");
        assert_eq!(fs::read_to_string(state.log()).unwrap().lines().count(), 1);
    }
}
