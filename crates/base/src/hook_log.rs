//! `hooks.log` in the state folder: what went wrong where nobody was told. Capped, best effort, never an error itself.

use std::fs;
use std::io::Write as _;

use chrono::Utc;

use crate::paths::StateDir;
use crate::sys;

/// Largest log, in bytes; one older log of the same size is kept beside it.
const MAX_BYTES: u64 = 256 * 1024;
/// Longest message, in characters.
const MESSAGE_MAX: usize = 1_000;

/// Appends one line: time, who, what.
pub fn append(state: &StateDir, who: &str, message: &str) {
    let path = state.log();
    if state.create().is_err() {
        return;
    }
    if fs::metadata(&path).is_ok_and(|metadata| metadata.len() > MAX_BYTES) {
        let _ = fs::rename(&path, path.with_extension("log.1"));
    }
    let one_line: String = message
        .chars()
        .take(MESSAGE_MAX)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    let line = format!("{} {who}: {one_line}\n", Utc::now().format("%Y-%m-%dT%H:%M:%S%.3fZ"));
    if let Ok(mut file) = sys::append_private_file(&path) {
        let _ = file.write_all(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sisyphus_testing::TempDir;

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
    fn a_message_stays_on_its_line_and_an_impossible_folder_is_no_error() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        append(&state, "test", "one\ntwo\u{1b}[2J");
        assert_eq!(fs::read_to_string(state.log()).unwrap().lines().count(), 1);
        append(&StateDir::at("/dev/null/x"), "test", "lost");
    }
}
