//! Draws the model. It fits any terminal: what has no room is left out, the less important first.

mod popup;
mod table;
#[cfg(test)]
mod tests;
mod wrap;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Borders};

use crate::backend::Life;
use crate::model::{Dialog, Model, Scope, View};
use crate::palette::{self, Palette};
use wrap::{height_of, wrapped};

/// Fewest lines that a list with its titles, and an output with its title, are worth.
const LIST_MIN: u16 = 3;
const OUTPUT_MIN: u16 = 3;
/// Most lines of a message.
const MESSAGE_MAX: u16 = 4;

const KEYS_IN_LIST: &str =
    "q quit  ? help  ⏎ follow  x cancel  r restart  / filter  a live only  ↑↓ choose";
const KEYS_IN_LIVE_LIST: &str =
    "q quit  ? help  ⏎ follow  x cancel  r restart  / filter  a all  ↑↓ choose";
const KEYS_IN_OUTPUT: &str = "q quit  ? help  esc back  ↑↓ scroll  x cancel  r restart";

pub(crate) fn draw(frame: &mut Frame<'_>, model: &Model, palette: Palette) {
    let footer = footer(model, palette, frame.area().width);
    let below = u16::try_from(footer.lines.len()).unwrap_or(MESSAGE_MAX).clamp(1, MESSAGE_MAX);
    let rows = [Constraint::Length(1), Constraint::Min(0), Constraint::Length(below)];
    let [head, body, foot] = Layout::vertical(rows).areas(frame.area());
    frame.render_widget(header(model, palette), head);
    match model.view {
        View::List => list(frame, model, palette, body),
        View::Output => output(frame, model, palette, body),
    }
    frame.render_widget(footer, foot);
    match &model.dialog {
        Dialog::None | Dialog::Filter => {}
        Dialog::Help => popup::help(frame),
        Dialog::Confirm(question) => popup::confirm(frame, question),
    }
}

/// The slots, and the groups as far as they fit.
fn header(model: &Model, palette: Palette) -> Line<'static> {
    let Some(snapshot) = model.snapshot() else { return Line::default() };
    let mut spans = vec![Span::styled(snapshot.slots.clone(), palette::title())];
    let groups = snapshot.groups.iter();
    spans.extend(groups.map(|group| Span::styled(format!(" · {group}"), palette.dim())));
    Line::from(spans)
}

/// The list above the end of the chosen task's output. A list that needs less room leaves the rest to the output.
fn list(frame: &mut Frame<'_>, model: &Model, palette: Palette, area: Rect) {
    let rows = model.rows();
    if rows.is_empty() {
        return frame.render_widget(Line::from(nothing(model)).style(palette.dim()), area);
    }
    let wanted = height_of(rows.len() + 1).max(LIST_MIN);
    let output_min = (area.height / 3).max(OUTPUT_MIN);
    if area.height < LIST_MIN + output_min {
        return table::draw(frame, model, palette, area);
    }
    let most = area.height - output_min;
    let parts = [Constraint::Length(wanted.min(most)), Constraint::Min(0)];
    let [above, below] = Layout::vertical(parts).areas(area);
    table::draw(frame, model, palette, above);
    output(frame, model, palette, below);
}

fn nothing(model: &Model) -> &'static str {
    match model.scope {
        _ if model.snapshot().is_none() => "Reading the tasks…",
        _ if !model.filter.is_empty() => "No task fits the filter.",
        Scope::Live => "No task is live.",
        Scope::All => "No background commands yet.",
    }
}

/// The end of the output of the chosen task, or what is above it by as many lines as the person went back.
fn output(frame: &mut Frame<'_>, model: &Model, palette: Palette, area: Rect) {
    let Some(row) = model.chosen() else { return };
    let state =
        Span::styled(format!(" {}", row.state), palette::plain().patch(palette.of(row.tone)));
    let time = Span::styled(format!(" {}", row.time), palette::plain());
    let title = Line::from(vec![
        Span::styled("─ ", palette.dim()),
        Span::styled(row.id.clone(), palette::title()),
        state,
        time,
        Span::styled(format!("  {} ", row.what), palette.dim()),
    ]);
    let block = Block::new().borders(Borders::TOP).border_style(palette.dim()).title(title);
    let inner = block.inner(area);
    frame.render_widget(block, area);

    let lines = model.tail();
    if lines.is_empty() {
        let text = match row.life {
            Life::Live => "It has printed nothing yet.",
            Life::Ended => "It has no output.",
        };
        return frame.render_widget(Line::from(text).style(palette.dim()), inner);
    }
    let back = if model.view == View::Output { model.back } else { 0 };
    let shown = &lines[..lines.len().saturating_sub(back)];
    let height = usize::from(inner.height);
    // No line takes less than one row.
    let near = &shown[shown.len().saturating_sub(height)..];
    let rows: Vec<String> = near.iter().flat_map(|line| wrapped(line, inner.width)).collect();
    let rows = &rows[rows.len().saturating_sub(height)..];
    frame.render_widget(rows.iter().cloned().collect::<Text<'_>>(), inner);
}

/// What is said, or typed, or the keys.
fn footer(model: &Model, palette: Palette, width: u16) -> Text<'static> {
    let message = model.message.as_ref().or_else(|| model.snapshot()?.problem.as_ref());
    if let Some(message) = message {
        return wrapped(message, width).into_iter().collect();
    }
    if model.dialog == Dialog::Filter {
        return Text::from(Line::from(vec![
            Span::styled("/", palette::title()),
            Span::raw(model.filter.clone()),
            Span::styled(" ", palette::chosen()),
        ]));
    }
    let keys = match (model.view, model.scope) {
        (View::Output, _) => KEYS_IN_OUTPUT,
        (View::List, Scope::All) => KEYS_IN_LIST,
        (View::List, Scope::Live) => KEYS_IN_LIVE_LIST,
    };
    let state = match (model.view, model.back, model.filter.as_str()) {
        (View::Output, 1, _) => "1 line below  ".to_owned(),
        (View::Output, 2.., _) => format!("{} lines below  ", model.back),
        (View::List, _, filter) if !filter.is_empty() => format!("/{filter}  "),
        (View::List | View::Output, _, _) => String::new(),
    };
    let line = vec![Span::styled(state, palette::title()), Span::styled(keys, palette.dim())];
    Text::from(Line::from(line))
}
