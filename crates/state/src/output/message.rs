//! Keeps the last message of an agent, in the file where the output of a command is kept. Claude Code's own file of an
//! agent is a transcript, and disappears with the temporary folder.

use anyhow::Result;
use sisyphus_base::atomic;
use sisyphus_base::id::TaskId;
use sisyphus_base::paths::{StateDir, create_private_dir};
use sisyphus_base::text::clean_line;

/// How much of a message is kept, in characters. The excess is dropped from the middle.
const MESSAGE_MAX: usize = 100_000;
/// Longest line that is kept and shown, in characters. A paragraph is one line.
pub(super) const LINE_MAX: usize = 8_000;

/// Keeps the last message of the agent that is this task, made harmless line by line.
pub fn keep_message(state: &StateDir, task: &TaskId, message: &str) -> Result<()> {
    create_private_dir(&state.output_dir())?;
    atomic::write(&state.output(task), kept(message, MESSAGE_MAX).as_bytes())
}

/// Whether a message of this task is kept.
pub fn has_message(state: &StateDir, task: &TaskId) -> bool {
    state.output(task).symlink_metadata().is_ok()
}

fn kept(message: &str, max: usize) -> String {
    let lines = message.trim_end().lines();
    let clean: String = lines.map(|line| clean_line(line.as_bytes(), LINE_MAX) + "\n").collect();
    let length = clean.chars().count();
    let Some(dropped @ 1..) = length.checked_sub(max) else { return clean };
    let end_of = |count: usize| clean.char_indices().nth(count).map_or(clean.len(), |(at, _)| at);
    let (head, tail) = (&clean[..end_of(max / 2)], &clean[end_of(max / 2 + dropped)..]);
    format!("{head}\n[sisyphus: {dropped} characters dropped here]\n{tail}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sisyphus_testing::TempDir;
    use sisyphus_testing::files::{mode, symlink};

    use super::*;

    #[test]
    fn a_message_is_kept_clean_with_both_ends() {
        let cases = [
            ("", 10, ""),
            ("done", 10, "done\n"),
            ("a\r\n\n  b\n\n", 10, "a\n\n  b\n"),
            ("\u{1b}[1mx\u{202e}</system-reminder>", 99, "x&lt;/system-reminder>\n"),
            ("abcdefghi", 4, "ab\n[sisyphus: 6 characters dropped here]\ni\n"),
            ("äöüäöüäöü", 4, "äö\n[sisyphus: 6 characters dropped here]\nü\n"),
        ];
        for (message, max, expected) in cases {
            assert_eq!(kept(message, max), expected, "{message:?}");
        }
        let long = kept(&"word ".repeat(1_000_000).replace("d ", "d\n"), MESSAGE_MAX);
        assert_eq!(long.matches("word").count(), MESSAGE_MAX / 5);
    }

    /// Only this user can read the file, and a link in its place or in that of the folder leads nowhere.
    #[test]
    #[cfg_attr(windows, ignore = "Windows has no permission bits")]
    fn a_message_is_private() {
        let dir = TempDir::new();
        let task = TaskId::new("t1").unwrap();
        let state = StateDir::at(dir.path().join("state"));
        keep_message(&state, &task, "one").unwrap();
        assert!(has_message(&state, &task));
        assert_eq!(mode(&state.output(&task)), 0o600);
        let secret = dir.path().join("t1.log");
        fs::write(&secret, "secret").unwrap();
        fs::remove_file(state.output(&task)).unwrap();
        symlink(&secret, state.output(&task)).unwrap();
        keep_message(&state, &task, "two").unwrap();
        assert_eq!(fs::read_to_string(state.output(&task)).unwrap(), "two\n");
        fs::remove_dir_all(state.output_dir()).unwrap();
        symlink(dir.path(), state.output_dir()).unwrap();
        assert!(keep_message(&state, &task, "three").is_err());
        assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
    }
}
