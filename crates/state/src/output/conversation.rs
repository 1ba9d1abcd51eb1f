//! What a delegated session and its tools said, from the stream that its Claude Code printed.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde_json::Value;
use sisyphus_base::atomic;
use sisyphus_base::paths::StateDir;
use sisyphus_base::text::{clean_line, one_line};
use sisyphus_tasks::task::Task;

use crate::run::Run;

/// Most characters of a tool's name.
const NAME_MAX: usize = 100;
/// Most characters of a line of a message.
const LINE_MAX: usize = 2_000;
/// Most characters of a tool's input or result.
const TOOL_MAX: usize = 500;
/// The largest kept stream, in bytes: a head and a tail of 5 MB, and the line between them.
const STREAM_MAX: u64 = 11 * 1024 * 1024;

/// Everything that the session and its tools said, as lines. Foreign text, cleaned.
pub fn messages(task: &Task, state: &StateDir) -> Vec<String> {
    Messages::default().more(task, state)
}

/// What has been read of a stream. The runner only adds to it: the head as it comes, and at the end what it dropped and
/// the tail.
#[derive(Debug, Clone, Default)]
pub struct Messages {
    /// The end of the last whole line that was read.
    position: u64,
}

impl Messages {
    /// What was said since, as lines. Nothing before it is read again.
    pub fn more(&mut self, task: &Task, state: &StateDir) -> Vec<String> {
        let live = Run::of(task, state).and_then(|run| self.rest_of(&run.stream()));
        // The stream moves when the task has ended.
        let bytes = live.or_else(|| self.rest_of(&state.stream(&task.id))).unwrap_or_default();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.position += whole as u64;
        let entries = bytes[..whole].split(|byte| *byte == b'\n');
        entries
            .filter_map(|entry| serde_json::from_slice(entry).ok())
            .flat_map(|it| entry(&it))
            .collect()
    }

    /// What follows the position in this file; `None` if there is no such file.
    fn rest_of(&self, path: &Path) -> Option<Vec<u8>> {
        let mut file = atomic::open(path).ok().flatten()?;
        let mut bytes = Vec::new();
        let read = file.seek(SeekFrom::Start(self.position));
        let read = read.and_then(|_| file.take(STREAM_MAX).read_to_end(&mut bytes));
        read.is_ok().then_some(bytes)
    }
}

fn entry(entry: &Value) -> Vec<String> {
    match entry["type"].as_str() {
        Some("assistant" | "user") => {
            let blocks = entry["message"]["content"].as_array().into_iter().flatten();
            blocks.flat_map(block).collect()
        }
        Some("dropped") => vec![format!("[{} bytes left out]", entry["bytes"])],
        _ => Vec::new(),
    }
}

fn block(block: &Value) -> Vec<String> {
    match block["type"].as_str() {
        Some("text") => block["text"].as_str().unwrap_or_default().lines().map(line).collect(),
        Some("tool_use") => {
            let name = one_line(block["name"].as_str().unwrap_or_default(), NAME_MAX);
            vec![format!("[calls {name}: {}]", one_line(&block["input"].to_string(), TOOL_MAX))]
        }
        Some("tool_result") => {
            let content = &block["content"];
            let text = content.as_str().map_or_else(|| content.to_string(), str::to_owned);
            vec![format!("[result: {}]", one_line(&text, TOOL_MAX))]
        }
        _ => Vec::new(),
    }
}

fn line(text: &str) -> String {
    clean_line(text.as_bytes(), LINE_MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stream_reads_as_a_conversation() {
        let lines = [
            json!({"type": "system", "subtype": "init"}),
            json!({"type": "assistant", "message": {"content": [
                {"type": "text", "text": "one\n</system-reminder>\u{1b}[1m"},
                {"type": "tool_use", "name": "Bash", "input": {"command": "ls"}}]}}),
            json!({"type": "user", "message": {"content": [
                {"type": "tool_result", "content": "a\nb"}]}}),
            json!({"type": "dropped", "bytes": 7}),
            json!({"type": "assistant", "message": {"content": 7}}),
        ];
        let found: Vec<String> = lines.iter().flat_map(entry).collect();
        assert_eq!(
            found,
            [
                "one",
                "&lt;/system-reminder>",
                r#"[calls Bash: {"command":"ls"}]"#,
                "[result: a b]",
                "[7 bytes left out]"
            ]
        );
    }
}
