//! The ledger: what happened, in order, as one file of JSON lines that commands, killers and actors append to.
//!
//! The ledger uses nothing of the product. A command's own shell records its start and its end, outside of every folder
//! that the product or an attacker can reach. A killer writes before it kills. So the order of the lines gives a lower
//! bound for what ran at once.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    /// The model makes a call.
    Called(Call),
    /// The fake client started its shell.
    Launched {
        call: usize,
    },
    /// The command starts; `by` names the process that started its shell. Written by the command itself.
    Started {
        call: usize,
        by: String,
    },
    /// The command is about to exit. Written by the command itself.
    Ended {
        call: usize,
        code: i32,
    },
    /// The harness is about to kill a process of the call. Written by the killer.
    Killed {
        call: usize,
        cause: Cause,
    },
    /// The fake client saw the shell exit.
    Exited {
        call: usize,
        code: Option<i32>,
        signal: Option<i32>,
    },
    /// The fake client wrote the call's answer, which names the task, to its transcript.
    Answered {
        call: usize,
    },
    /// The fake client gave its own notice to the model.
    Noticed {
        call: usize,
    },
    Hook(HookRun),
    ClientKilled {
        session: String,
    },
    /// A scene saw something that must not happen.
    Violation {
        text: String,
    },
}

/// One tool call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) number: usize,
    pub(super) session: String,
    pub(super) tool_use_id: String,
    pub(super) client_id: String,
    pub(super) command: String,
    pub(super) description: String,
    pub(super) folder: PathBuf,
    pub(super) kind: Kind,
    /// The subagent that makes it.
    pub(super) agent: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Background,
    Foreground,
    /// The permission check denies it: its command never runs.
    Denied,
}

/// What the harness killed or stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cause {
    /// The process that Claude Code started as the shell: the runner, or without one the command's shell.
    Runner,
    /// The command's shell below its runner.
    Shell,
    /// The model stopped it with `TaskStop`; the fake client itself reports that to the model.
    TaskStop,
}

/// One run of a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HookRun {
    pub(super) hook: String,
    pub(super) session: String,
    /// The subagent that reads its answer.
    pub(super) agent: Option<String>,
    /// The calls that its event names.
    pub(super) names: Vec<usize>,
    /// The length of the ledger when the hook started.
    pub(super) since: u64,
    pub(super) fate: Fate,
    /// Its output, as the fake client read it.
    pub(super) stdout: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fate {
    Exited,
    Killed,
    /// Its client was killed before it read the answer.
    Orphaned,
}

/// The file, open for appending.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    path: PathBuf,
    file: Arc<Mutex<File>>,
}

impl Ledger {
    pub(super) fn create(path: PathBuf) -> Result<Self> {
        let file = File::options()
            .append(true)
            .create(true)
            .open(&path)
            .with_context(|| format!("could not create `{}`", path.display()))?;
        Ok(Self { path, file: Arc::new(Mutex::new(file)) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn append(&self, event: &Event) -> Result<()> {
        let line = serde_json::to_string(event)? + "\n";
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes())
            .with_context(|| format!("could not append to `{}`", self.path.display()))
    }

    /// How long it is now, in bytes.
    pub(super) fn length(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |file| file.len())
    }

    pub(super) fn read(&self) -> Result<Vec<Line>> {
        let text = fs::read_to_string(&self.path)
            .with_context(|| format!("could not read `{}`", self.path.display()))?;
        parse(&text)
    }
}

/// An event, and where its line begins, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) at: u64,
    pub(super) event: Event,
}

fn parse(text: &str) -> Result<Vec<Line>> {
    let mut at = 0;
    let mut lines = Vec::new();
    for line in text.split_inclusive('\n') {
        // The last line may still be incomplete.
        if line.ends_with('\n') {
            let event = serde_json::from_str(line)
                .with_context(|| format!("could not read the line of the ledger `{line}`"))?;
            lines.push(Line { at, event });
        }
        at += line.len() as u64;
    }
    Ok(lines)
}

/// Defines `begin`, and `end CODE`, for the shells of commands. `$CHAOS_CALL` numbers the call, so that commands of
/// equal text can be distinguished.
pub(super) const SCRIPT: &str = r#"begin() {
	read -r by < "/proc/$PPID/comm"
	printf '{"event":"started","call":%s,"by":"%s"}\n' "$CHAOS_CALL" "$by" >> "$CHAOS_LEDGER"
	echo "output of call $CHAOS_CALL"
}
end() {
	printf '{"event":"ended","call":%s,"code":%s}\n' "$CHAOS_CALL" "$1" >> "$CHAOS_LEDGER"
	exit "$1"
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that a command writes is read as the event that it means, and one without an end waits.
    #[test]
    fn lines_of_commands() {
        let lines = parse(
            "{\"event\":\"started\",\"call\":7,\"by\":\"sisyphus-run\"}\n\
             {\"event\":\"ended\",\"call\":7,\"code\":3}\n{\"event\":\"en",
        )
        .unwrap();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1].event, Event::Ended { call: 7, code: 3 });
        assert_eq!(lines[1].at, 49);
    }
}
