//! Keeps what a session's Claude Code prints: the head in the file, the tail in memory until the end, both bounded.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Result;
use sisyphus_base::atomic;

/// How much of the head and of the tail is kept, in bytes.
const HALF: usize = 5 * 1024 * 1024;

/// What an entry of the tail costs beside its line, in bytes: many short lines must not fill the memory.
const ENTRY: usize = 64;

/// The file, and what follows its head.
#[derive(Debug)]
pub(super) struct Recording {
    file: File,
    room: usize,
    tail: VecDeque<Vec<u8>>,
    tail_bytes: usize,
    dropped: usize,
}

impl Recording {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = atomic::replace(path, b"")?;
        Ok(Self { file, room: HALF, tail: VecDeque::new(), tail_bytes: 0, dropped: 0 })
    }

    /// Takes a whole line, with its end.
    pub(super) fn take(&mut self, line: &[u8]) -> io::Result<()> {
        if self.tail.is_empty() && line.len() <= self.room {
            self.room -= line.len();
            return self.file.write_all(line);
        }
        self.tail.push_back(line.to_vec());
        self.tail_bytes += line.len() + ENTRY;
        while self.tail_bytes > HALF {
            let Some(first) = self.tail.pop_front() else { break };
            self.tail_bytes -= first.len() + ENTRY;
            self.dropped += first.len();
        }
        Ok(())
    }

    /// Writes the tail.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.dropped > 0 {
            writeln!(self.file, "{{\"type\":\"dropped\",\"bytes\":{}}}", self.dropped)?;
        }
        self.tail.iter().try_for_each(|line| self.file.write_all(line))
    }
}

#[cfg(test)]
mod tests {
    use sisyphus_testing::TempDir;

    use super::*;

    #[test]
    fn both_ends_are_kept_and_the_middle_is_counted() {
        let dir = TempDir::new();
        let path = dir.path().join("stream.jsonl");
        let mut recording = Recording::create(&path).unwrap();
        let lines = 12 * 1024;
        for number in 0..lines {
            recording.take(format!("{number:>1023}\n").as_bytes()).unwrap();
        }
        recording.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let kept: Vec<&str> = text.lines().map(str::trim).collect();
        assert!(text.len() < 2 * HALF + 100, "{}", text.len());
        assert_eq!((kept[0], *kept.last().unwrap()), ("0", "12287"));
        let dropped = kept.iter().find(|line| line.starts_with('{')).unwrap();
        // Of 12,288 lines of a kilobyte, 5,120 are in the head and 4,818 entries fit into the tail.
        assert_eq!(*dropped, format!("{{\"type\":\"dropped\",\"bytes\":{}}}", 2_350 * 1024));
    }
}
