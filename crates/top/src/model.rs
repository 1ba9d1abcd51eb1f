//! What is shown. Nothing here reads or draws.

mod press;

use crate::backend::{Life, Row, Snapshot};

/// Everything that is shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    /// None before the first look.
    snapshot: Option<Snapshot>,
    pub(crate) scope: Scope,
    pub(crate) view: View,
    pub(crate) dialog: Dialog,
    /// What a row must contain to be shown.
    pub(crate) filter: String,
    /// The id of the chosen task.
    chosen: Option<String>,
    tail: Tail,
    /// How many lines above the end of the output the view ends.
    pub(crate) back: usize,
    /// One sentence for the person, until the next key.
    pub(crate) message: Option<String>,
}

/// Which tasks are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Scope {
    #[default]
    All,
    Live,
}

/// What fills the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum View {
    #[default]
    List,
    /// The output of the chosen task.
    Output,
}

/// What reads the next key before the view does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Dialog {
    #[default]
    None,
    /// The person types a filter.
    Filter,
    Help,
    Confirm(Question),
}

/// What is asked before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) verb: Verb,
    pub(crate) id: String,
    pub(crate) lines: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Cancel,
    Restart,
}

/// The end of the output of one task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Tail {
    id: String,
    lines: Vec<String>,
}

/// What a key asks for beyond the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    None,
    Quit,
    Redraw,
    /// Ask whether to run this task again, with what would run.
    AskRestart(String),
    Do(Verb, String),
}

impl Model {
    pub(crate) fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    fn all_rows(&self) -> &[Row] {
        self.snapshot.as_ref().map_or(&[], |snapshot| &snapshot.rows)
    }

    /// The rows that are shown.
    pub(crate) fn rows(&self) -> Vec<&Row> {
        let filter = self.filter.to_lowercase();
        let is_shown = |row: &&Row| {
            let text = [&row.id, &row.state, &row.project, &row.what];
            (self.scope == Scope::All || row.life == Life::Live)
                && (filter.is_empty() || text.iter().any(|it| it.to_lowercase().contains(&filter)))
        };
        self.all_rows().iter().filter(is_shown).collect()
    }

    /// The chosen row.
    pub(crate) fn chosen(&self) -> Option<&Row> {
        let id = self.chosen.as_ref()?;
        self.all_rows().iter().find(|row| &row.id == id)
    }

    /// The index of the chosen row among those that are shown.
    pub(crate) fn position(&self) -> Option<usize> {
        let id = self.chosen.as_ref()?;
        self.rows().iter().position(|row| &row.id == id)
    }

    /// The last lines of the chosen task.
    pub(crate) fn tail(&self) -> &[String] {
        match &self.chosen {
            Some(id) if *id == self.tail.id => &self.tail.lines,
            Some(_) | None => &[],
        }
    }

    /// Takes what was read. Returns whether something changed.
    pub(crate) fn update(&mut self, snapshot: Snapshot) -> bool {
        if self.snapshot.as_ref() == Some(&snapshot) {
            return false;
        }
        let before = self.position();
        self.snapshot = Some(snapshot);
        self.choose_again(before);
        true
    }

    /// Takes the end of the output of a task. Returns whether something changed.
    pub(crate) fn update_tail(&mut self, id: String, lines: Vec<String>) -> bool {
        let tail = Tail { id, lines };
        if tail == self.tail {
            return false;
        }
        if self.back > 0 && tail.id == self.tail.id {
            // What is looked at stays where it is.
            self.back += tail.lines.len().saturating_sub(self.tail.lines.len());
        }
        self.tail = tail;
        true
    }

    pub(crate) fn say(&mut self, sentence: impl Into<String>) {
        self.message = Some(sentence.into());
    }

    pub(crate) fn ask(&mut self, question: Question) {
        self.dialog = Dialog::Confirm(question);
    }

    fn set_filter(&mut self, filter: String) {
        let before = self.position();
        self.filter = filter;
        self.choose_again(before);
    }

    fn step(&mut self, to: impl Fn(usize) -> usize) {
        let rows = self.rows();
        let Some(last) = rows.len().checked_sub(1) else { return };
        let at = self.position().map_or(0, to).min(last);
        self.chosen = Some(rows[at].id.clone());
    }

    /// Keeps the chosen task. If it is not shown any more, takes the row in its place.
    fn choose_again(&mut self, before: Option<usize>) {
        // The output that a person reads stays on the screen.
        let is_read = self.view == View::Output && self.chosen().is_some();
        if is_read || self.position().is_some() {
            return;
        }
        let rows = self.rows();
        let at = before.unwrap_or_default().min(rows.len().saturating_sub(1));
        let chosen = rows.get(at).map(|row| row.id.clone());
        if chosen.is_none() {
            self.view = View::List;
        }
        self.chosen = chosen;
    }
}

#[cfg(test)]
mod tests;
