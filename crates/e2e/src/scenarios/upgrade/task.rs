//! The commands, and the model that starts them.

use std::sync::{Mutex, PoisonError};

use crate::api::{Block, Request, bash, text};

/// A command in the background: it ends when the scenario says so, with an exit code and an output of its own.
#[derive(Clone, Copy)]
pub(super) struct Task {
    pub(super) name: &'static str,
    pub(super) exit_code: u16,
}

/// Ends under 0.1.0, which reports it.
pub(super) const TOLD: Task = Task { name: "reported", exit_code: 11 };
/// Ends under 0.1.0 and is still owed when the plugin is replaced.
pub(super) const OWED: Task = Task { name: "owed", exit_code: 12 };
/// Ends after the update.
pub(super) const AFTER: Task = Task { name: "after", exit_code: 13 };
/// Ends when Claude Code is dead.
pub(super) const ORPHAN: Task = Task { name: "orphan", exit_code: 14 };
/// Is queued at the update, and runs on into the resumed session.
pub(super) const WAITS: Task = Task { name: "waits", exit_code: 15 };
/// Starts after the update in the session that 0.1.0 has set up.
pub(super) const LATE: Task = Task { name: "late", exit_code: 16 };
/// Starts in the resumed session.
pub(super) const FRESH: Task = Task { name: "fresh", exit_code: 17 };

const OF_OLD: [Task; 5] = [TOLD, OWED, AFTER, ORPHAN, WAITS];
pub(super) const TO_THE_OPEN_SESSION: [Task; 4] = [TOLD, OWED, AFTER, LATE];
pub(super) const ALL: [Task; 7] = [TOLD, OWED, AFTER, ORPHAN, WAITS, LATE, FRESH];

/// A command in the foreground, in which the plugin is replaced.
const HOLD: &str = "touch began-hold; until [ -e go-hold ]; do sleep 0.1; done";

/// Answers each of these prompts once with its calls, and everything else with a word.
pub(super) fn model() -> impl Fn(&Request, usize) -> Vec<Block> {
    let hold = vec![bash(HOLD).description("hold on")];
    let turns = Mutex::new(vec![
        ("start them all", OF_OLD.iter().map(Task::call).collect()),
        ("work on it", hold),
        ("one more", vec![LATE.call()]),
        ("a fresh one", vec![FRESH.call()]),
    ]);
    move |request, _| {
        let said = request.text();
        let mut turns = turns.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = turns.iter().position(|(prompt, _)| said.contains(prompt));
        turn.map_or_else(|| vec![text("I see.")], |turn| turns.remove(turn).1)
    }
}

impl Task {
    fn call(&self) -> Block {
        let Self { name, exit_code } = self;
        bash(&format!(
            "touch began-{name}; until [ -e go-{name} ]; do sleep 0.1; done; echo made-$((1000 + {exit_code})); exit {exit_code}"
        ))
        .description(name)
        .background()
    }

    /// How a reminder says that it ended. The time that it took may follow.
    pub(super) fn end(&self) -> String {
        format!("(\"{}\") failed with exit code {}", self.name, self.exit_code)
    }

    /// What it prints, which does not stand in its text.
    pub(super) fn output(&self) -> String {
        format!("made-{}\n", 1000 + self.exit_code)
    }
}
