//! Appends to `events.jsonl`, and moves a full file aside.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

use anyhow::{Context as _, Result};
use sisyphus_base::json;
use sisyphus_base::paths::StateDir;
use sisyphus_base::sys;

use super::Transition;

/// Largest file, in bytes. One older file of the same size is kept beside it.
pub const MAX_BYTES: u64 = 5 * 1024 * 1024;

/// Appends these lines, all in one write. The caller holds the lock.
pub(crate) fn append<'a>(
    state: &StateDir,
    lines: impl IntoIterator<Item = &'a Transition>,
) -> Result<()> {
    let mut text = Vec::new();
    for line in lines {
        text.extend(json::line(line).context("could not encode a line")?);
        text.push(b'\n');
    }
    if text.is_empty() {
        return Ok(());
    }
    let written =
        open_with_room(state, text.len()).and_then(|(file, length)| write(file, length, text));
    written.with_context(|| format!("could not append to `{}`", state.events().display()))
}

/// The file, after a full one was moved aside, and its length.
fn open_with_room(state: &StateDir, bytes: usize) -> io::Result<(File, u64)> {
    let path = state.events();
    let file = sys::append_own_file(&path)?;
    let length = file.metadata()?.len();
    if length == 0 || length + bytes as u64 <= MAX_BYTES {
        return Ok((file, length));
    }
    fs::rename(&path, state.old_events())?;
    Ok((sys::append_own_file(&path)?, 0))
}

fn write(mut file: File, length: u64, mut text: Vec<u8>) -> io::Result<()> {
    // A killed process may have left half a line: begin a new one.
    if length > 0 {
        let mut last = [0];
        file.seek(SeekFrom::Start(length - 1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            text.insert(0, b'\n');
        }
    }
    let written = file.write_all(&text);
    if written.is_err() {
        // A full disk leaves no half line.
        let _ = file.set_len(length);
    }
    written
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use sisyphus_tasks::task::samples::pending;
    use sisyphus_testing::TempDir;

    use super::super::Subject;
    use super::*;

    fn line() -> Transition {
        Transition::new(
            Subject::of(&pending("t1", 1)),
            None,
            "queued",
            "waits".to_owned(),
            Utc::now(),
        )
    }

    /// The lines of a file that parse, and the number of the others.
    fn lines(path: &std::path::Path) -> (usize, usize) {
        let text = fs::read_to_string(path).unwrap();
        let (whole, broken): (Vec<_>, Vec<_>) =
            text.lines().partition(|line| serde_json::from_str::<Transition>(line).is_ok());
        (whole.len(), broken.len())
    }

    #[test]
    fn a_full_file_moves_aside_once() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        fs::write(state.old_events(), "older\n").unwrap();
        append(&state, [&line()]).unwrap();
        fs::OpenOptions::new()
            .write(true)
            .open(state.events())
            .unwrap()
            .set_len(MAX_BYTES)
            .unwrap();
        append(&state, [&line(), &line()]).unwrap();
        assert_eq!(lines(&state.events()), (2, 0));
        assert_eq!(state.old_events().metadata().unwrap().len(), MAX_BYTES);
    }

    /// Half a line of a killed process costs that line and no other.
    #[test]
    fn half_a_line_costs_itself() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        append(&state, [&line()]).unwrap();
        let mut text = fs::read(state.events()).unwrap();
        text.extend_from_slice(b"{\"version\":1,\"at\"");
        fs::write(state.events(), text).unwrap();
        append(&state, [&line()]).unwrap();
        assert_eq!(lines(&state.events()), (2, 1));
    }

    #[test]
    #[cfg_attr(windows, ignore = "Windows allows links to few users")]
    fn a_link_is_refused() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path().join("state"));
        state.create().unwrap();
        let outside = dir.path().join("outside");
        fs::write(&outside, "").unwrap();
        sys::link_dir(&outside, &state.events()).unwrap();
        assert!(append(&state, [&line()]).is_err());
        assert_eq!(fs::read(&outside).unwrap(), b"");
        append(&state, []).unwrap();
    }
}
