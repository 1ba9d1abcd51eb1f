//! The output of one task, as it grows.

use std::path::Path;

use anyhow::{Context as _, Result};
use sisyphus_base::paths::StateDir;
use sisyphus_state::output::{Messages, Source};
use sisyphus_tasks::from_terminal::OutputPlace;
use sisyphus_tasks::task::{Kind, Task};

use super::shown::{Prefix, Shown};
use crate::format::predicate;
use crate::print::Reader;

/// How much is read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// The output of one task that is being printed.
pub(super) struct Stream {
    task: Task,
    from: From,
    /// With how many last lines it begins; `None` for all.
    tail: Option<u64>,
    shown: Shown,
    /// Whether its record is gone.
    is_forgotten: bool,
}

/// Where its bytes come from.
enum From {
    /// No file was found yet.
    Nowhere,
    File {
        source: Source,
        /// The end of what was printed.
        position: u64,
    },
    /// A running session and its tools: what they have said.
    Session { messages: Messages, has_said: bool },
}

impl Stream {
    pub(super) fn new(task: Task, tail: Option<u64>, prefix: Prefix) -> Self {
        let is_running_session = task.kind == Kind::Session && !task.status().is_final();
        let from = if is_running_session {
            From::Session { messages: Messages::default(), has_said: false }
        } else {
            From::Nowhere
        };
        Self { task, from, tail, shown: Shown::new(prefix), is_forgotten: false }
    }

    pub(super) fn task(&self) -> &Task {
        &self.task
    }

    pub(super) fn may_grow(&self) -> bool {
        !self.task.status().is_final() && !self.is_forgotten
    }

    pub(super) fn update(&mut self, task: Task) {
        self.task = task;
    }

    pub(super) fn forget(&mut self) {
        self.is_forgotten = true;
    }

    /// Prints what was added since.
    pub(super) fn go_on(&mut self, state: &StateDir, client_tmp: &Path) -> Result<Reader> {
        if matches!(self.from, From::Nowhere)
            && let Some(mut source) = Source::open(&self.task, state, client_tmp)
        {
            let position = self.first(&mut source).with_context(|| self.unreadable())?;
            self.from = From::File { source, position };
        }
        match &mut self.from {
            From::Nowhere => Ok(Reader::Reads),
            From::Session { messages, has_said } => {
                let new = messages.more(&self.task, state);
                *has_said |= !new.is_empty();
                let tail =
                    self.tail.take().map(|count| usize::try_from(count).unwrap_or(usize::MAX));
                let from = tail.map_or(0, |tail| new.len().saturating_sub(tail));
                let text: String = new[from..].iter().map(|line| format!("{line}\n")).collect();
                self.shown.print(text.as_bytes())
            }
            From::File { .. } => self.more_of_file(),
        }
    }

    /// Prints what is left. Returns what is wrong if there was nothing at all.
    pub(super) fn finish(self) -> Option<String> {
        let (name, predicate) = (self.task.heading(), predicate(&self.task));
        let complaint = match self.from {
            From::Nowhere if was_in_terminal(&self.task) => Some(format!(
                "{name} {predicate}; its output went to your terminal, and was not kept"
            )),
            From::Nowhere => Some(format!("{name} {predicate}; it has no output")),
            From::Session { has_said: false, .. } => {
                Some(format!("{name} {predicate}; it has said nothing yet"))
            }
            From::File { .. } | From::Session { has_said: true, .. } => None,
        };
        match self.shown.finish() {
            Ok(_) => complaint,
            Err(error) => Some(format!("{error:#}")),
        }
    }

    /// Where to begin.
    fn first(&self, source: &mut Source) -> Result<u64> {
        let Some(count) = self.tail else { return Ok(0) };
        let end = source.end(&self.task)?;
        Ok(source.start_of_last(count, end)?)
    }

    fn more_of_file(&mut self) -> Result<Reader> {
        let unreadable = self.unreadable();
        let From::File { source, position } = &mut self.from else { return Ok(Reader::Reads) };
        let end = source.end(&self.task).with_context(|| unreadable.clone())?;
        let mut piece = vec![0; PIECE];
        while *position < end {
            let wanted = usize::try_from(end - *position).unwrap_or(PIECE).min(PIECE);
            let read = source.read_at(*position, &mut piece[..wanted]);
            let read = read.with_context(|| unreadable.clone())?;
            if read == 0 {
                break;
            }
            *position += read as u64;
            if self.shown.print(&piece[..read])? == Reader::Gone {
                return Ok(Reader::Gone);
            }
        }
        Ok(Reader::Reads)
    }

    fn unreadable(&self) -> String {
        format!("could not read the output of {}", self.task.id)
    }
}

fn was_in_terminal(task: &Task) -> bool {
    task.from_terminal.as_ref().is_some_and(|known| known.place == OutputPlace::Terminal)
}
