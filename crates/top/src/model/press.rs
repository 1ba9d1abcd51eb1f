//! What a key does: state and key give the next state and an action.

use super::{Action, Dialog, Model, Question, Scope, Verb, View};
use crate::backend::Life;
use crate::key::Key;

/// How many rows or lines a page has.
const PAGE: usize = 10;
/// Longest filter, in characters.
const FILTER_MAX: usize = 100;

#[expect(clippy::wildcard_enum_match_arm, reason = "most keys mean nothing")]
impl Model {
    /// What a key does.
    pub(crate) fn press(&mut self, key: Key) -> Action {
        self.message = None;
        match key {
            Key::Interrupt => return Action::Quit,
            Key::Redraw => return Action::Redraw,
            _ => {}
        }
        match std::mem::take(&mut self.dialog) {
            Dialog::Confirm(question) => return self.answer(question, key),
            // Any key closes it.
            Dialog::Help => return Action::None,
            Dialog::Filter => return self.type_filter(key),
            Dialog::None => {}
        }
        match key {
            Key::Char('q') => return Action::Quit,
            Key::Char('?') => self.dialog = Dialog::Help,
            Key::Char('x') => self.ask_cancel(),
            Key::Char('r') => {
                return self
                    .chosen()
                    .map_or(Action::None, |row| Action::AskRestart(row.id.clone()));
            }
            _ => match self.view {
                View::List => self.press_in_list(key),
                View::Output => self.press_in_output(key),
            },
        }
        Action::None
    }

    fn press_in_list(&mut self, key: Key) {
        match key {
            Key::Up | Key::Char('k') => self.step(|at| at.saturating_sub(1)),
            Key::Down | Key::Char('j') => self.step(|at| at + 1),
            Key::PageUp => self.step(|at| at.saturating_sub(PAGE)),
            Key::PageDown => self.step(|at| at + PAGE),
            Key::Home | Key::Char('g') => self.step(|_| 0),
            Key::End | Key::Char('G') => self.step(|_| usize::MAX),
            Key::Enter | Key::Char('f') if self.chosen().is_some() => {
                (self.view, self.back) = (View::Output, 0);
            }
            Key::Char('/') => self.dialog = Dialog::Filter,
            Key::Char('a') => {
                self.scope = match self.scope {
                    Scope::All => Scope::Live,
                    Scope::Live => Scope::All,
                };
                self.choose_again(None);
            }
            Key::Escape => self.set_filter(String::new()),
            _ => {}
        }
    }

    fn press_in_output(&mut self, key: Key) {
        let top = self.tail().len().saturating_sub(1);
        self.back = match key {
            Key::Up | Key::Char('k') => (self.back + 1).min(top),
            Key::Down | Key::Char('j') => self.back.saturating_sub(1),
            Key::PageUp => (self.back + PAGE).min(top),
            Key::PageDown => self.back.saturating_sub(PAGE),
            Key::Home | Key::Char('g') => top,
            Key::End | Key::Char('G') => 0,
            Key::Enter | Key::Escape | Key::Char('f') => {
                self.view = View::List;
                0
            }
            _ => self.back,
        };
    }

    fn ask_cancel(&mut self) {
        let Some(row) = self.chosen() else { return };
        let (id, what) = (row.id.clone(), row.what.clone());
        if row.life == Life::Ended {
            return self.say(format!("{id} has ended."));
        }
        let lines = vec![format!("Stop {id}, with all that it has started?"), what];
        self.ask(Question { verb: Verb::Cancel, id, lines });
    }

    fn answer(&mut self, question: Question, key: Key) -> Action {
        let Key::Char('y' | 'Y') = key else {
            self.say("Nothing was done.");
            return Action::None;
        };
        let Question { verb, id, .. } = question;
        self.say(match verb {
            Verb::Cancel => format!("Stopping {id} …"),
            Verb::Restart => format!("Starting {id} again …"),
        });
        Action::Do(verb, id)
    }

    fn type_filter(&mut self, key: Key) -> Action {
        let mut filter = self.filter.clone();
        match key {
            Key::Enter => return Action::None,
            Key::Escape => filter.clear(),
            Key::Backspace => drop(filter.pop()),
            Key::Char(it) if filter.chars().count() < FILTER_MAX => filter.push(it),
            _ => {}
        }
        if key != Key::Escape {
            self.dialog = Dialog::Filter;
        }
        self.set_filter(filter);
        Action::None
    }
}
