//! Foreign bytes on standard output: harmless on a terminal, unchanged elsewhere, with a prefix if tasks share it.

use anyhow::Result;
use sisyphus_base::id::TaskId;
use sisyphus_tasks::task::Task;

use crate::print::{self, Reader};
use crate::style::{Hue, Paint};
use crate::terminal::Filter;

/// Longest line that is held back until its end, in bytes.
const LINE_MAX: usize = 64 * 1024;

/// What precedes each line.
#[derive(Debug, Clone)]
pub(super) enum Prefix {
    /// Nothing: the bytes are one task's.
    None,
    Text(String),
}

impl Prefix {
    pub(super) fn of(id: &TaskId, width: usize) -> Self {
        Self::Text(Paint::of_output().paint(Hue::Dim, &format!("{:width$} | ", id.as_str())))
    }
}

/// The width of the longest id.
pub(super) fn width_of_ids(tasks: &[&Task]) -> usize {
    tasks.iter().map(|task| task.id.as_str().len()).max().unwrap_or_default()
}

/// Prints the bytes of one task.
pub(super) struct Shown {
    prefix: Prefix,
    /// Only harmless text goes to a terminal. A pipe or a file gets every byte.
    filter: Option<Filter>,
    /// The beginning of a line whose end has not come. It is held back, or other tasks could write into it.
    line: Vec<u8>,
}

impl Shown {
    pub(super) fn new(prefix: Prefix) -> Self {
        let filter = print::is_to_terminal().then(Filter::default);
        Self { prefix, filter, line: Vec::new() }
    }

    pub(super) fn print(&mut self, bytes: &[u8]) -> Result<Reader> {
        match &mut self.filter {
            Some(filter) => {
                let text = filter.pass(bytes);
                self.pass(text.as_bytes())
            }
            None => self.pass(bytes),
        }
    }

    /// Prints what is left. A last line without an end gets one if it has a prefix.
    pub(super) fn finish(mut self) -> Result<Reader> {
        let rest = self.filter.take().map(Filter::finish).unwrap_or_default();
        if self.pass(rest.as_bytes())? == Reader::Gone {
            return Ok(Reader::Gone);
        }
        if self.line.is_empty() { Ok(Reader::Reads) } else { self.pass(b"\n") }
    }

    fn pass(&mut self, bytes: &[u8]) -> Result<Reader> {
        let Prefix::Text(prefix) = &self.prefix else { return print::bytes(bytes) };
        let mut whole = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if !part.ends_with(b"\n") && self.line.len() < LINE_MAX {
                continue;
            }
            whole.extend_from_slice(prefix.as_bytes());
            whole.append(&mut self.line);
            if !whole.ends_with(b"\n") {
                whole.push(b'\n');
            }
        }
        print::bytes(&whole)
    }
}
