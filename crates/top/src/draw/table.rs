//! The list of tasks.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Row as TableRow, Table, TableState};

use crate::backend::Row;
use crate::model::Model;
use crate::palette::{self, Palette};

/// From which width on there is room for the project, and for the last lines.
const WITH_PROJECT: u16 = 60;
const WITH_LAST_LINE: u16 = 100;
/// Widest state and project, in cells.
const STATE_MAX: u16 = 18;
const PROJECT_MAX: u16 = 16;

/// A column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Id,
    State,
    Time,
    Project,
    What,
    LastLine,
}

pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, palette: Palette, area: Rect) {
    let rows = model.rows();
    let columns = columns(area.width);
    let cells = |row: &&Row| TableRow::new(columns.iter().map(|it| cell(*it, row, palette)));
    let titles = columns.iter().map(|it| Cell::from(aligned(*it, Span::raw(title(*it)))));
    let widths = columns.iter().map(|it| width(*it, &rows));
    let table = Table::new(rows.iter().map(cells), widths)
        .header(TableRow::new(titles).style(palette::title()))
        .column_spacing(2)
        .row_highlight_style(palette::chosen())
        .highlight_symbol("▸");
    let mut state = TableState::new().with_selected(model.position());
    frame.render_stateful_widget(table, area, &mut state);
}

fn columns(width: u16) -> Vec<Column> {
    let mut columns = vec![Column::Id, Column::State, Column::Time];
    columns.extend((width >= WITH_PROJECT).then_some(Column::Project));
    columns.push(Column::What);
    columns.extend((width >= WITH_LAST_LINE).then_some(Column::LastLine));
    columns
}

fn title(column: Column) -> &'static str {
    match column {
        Column::Id => "ID",
        Column::State => "STATE",
        Column::Time => "TIME",
        Column::Project => "PROJECT",
        Column::What => "WHAT",
        Column::LastLine => "LAST LINE",
    }
}

fn text(column: Column, row: &Row) -> &str {
    match column {
        Column::Id => &row.id,
        Column::State => &row.state,
        Column::Time => &row.time,
        Column::Project => &row.project,
        Column::What => &row.what,
        Column::LastLine => &row.last_line,
    }
}

fn cell(column: Column, row: &Row, palette: Palette) -> Cell<'static> {
    let style = match column {
        Column::State => palette.of(row.tone),
        Column::LastLine => palette.dim(),
        Column::Id | Column::Time | Column::Project | Column::What => Style::new(),
    };
    Cell::from(aligned(column, Span::styled(text(column, row).to_owned(), style)))
}

fn aligned(column: Column, span: Span<'static>) -> Line<'static> {
    let side = if column == Column::Time { Alignment::Right } else { Alignment::Left };
    Line::from(span).alignment(side)
}

fn width(column: Column, rows: &[&Row]) -> Constraint {
    let widest = |most: u16| {
        let texts = rows.iter().map(|row| Span::raw(text(column, row)).width());
        let widest = texts.chain([title(column).len()]).max().unwrap_or_default();
        Constraint::Length(u16::try_from(widest).unwrap_or(most).min(most))
    };
    match column {
        Column::Id | Column::Time => widest(u16::MAX),
        Column::State => widest(STATE_MAX),
        Column::Project => widest(PROJECT_MAX),
        Column::What => Constraint::Fill(2),
        Column::LastLine => Constraint::Fill(3),
    }
}
