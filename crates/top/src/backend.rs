//! What the dashboard asks of the command line, and what it gets: text that is harmless to a terminal.

use anyhow::Result;

/// Everything that is known at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// How many slots are busy, and how many tasks wait for one.
    pub slots: String,
    /// The same for each group of the user's.
    pub groups: Vec<String>,
    /// Live tasks, then the newest that have ended.
    pub rows: Vec<Row>,
    /// What could not be read.
    pub problem: Option<String>,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub id: String,
    pub life: Life,
    pub state: String,
    pub tone: Tone,
    pub time: String,
    pub project: String,
    pub what: String,
    /// The last line that it printed.
    pub last_line: String,
}

/// Whether a task has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Live,
    Ended,
}

/// What a state means to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Bad,
    Waiting,
    Live,
    Dim,
}

/// Reads tasks and acts on them. An error is one sentence for a person.
pub trait Backend: Send + Sync {
    fn read(&self) -> Result<Snapshot>;

    /// The last lines of the output of a task.
    fn tail(&self, id: &str) -> Vec<String>;

    /// What would run, line by line, if this task is run again.
    ///
    /// # Errors
    /// It can't be run again, or not from here.
    fn restart_preview(&self, id: &str) -> Result<Vec<String>>;

    /// Runs a task again. Returns what happened.
    fn restart(&self, id: &str) -> Result<String>;

    /// Stops a task, which may take ten seconds. Returns what happened.
    fn cancel(&self, id: &str) -> Result<String>;
}
