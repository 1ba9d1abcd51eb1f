//! Tables for people: aligned columns, and lines that fit the terminal.

use crate::screen::{self, fit, pad, pad_left, width};
use crate::style::{Hue, Paint};

/// How a text is aligned in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) side: Side,
    /// Its minimum width, even if its content is narrower.
    pub(crate) least: usize,
    /// The width to which it may shrink; `None` for a column that is never cut.
    pub(crate) narrowest: Option<usize>,
    /// In which turn it goes where the last column would have no room; `None` for a column that always stands there.
    pub(crate) goes: Option<u8>,
}

impl Column {
    pub(crate) const fn left(title: &'static str, least: usize) -> Self {
        Self { title, side: Side::Left, least, narrowest: None, goes: None }
    }

    pub(crate) const fn right(title: &'static str, least: usize) -> Self {
        Self { title, side: Side::Right, least, narrowest: None, goes: None }
    }

    pub(crate) const fn may_shrink_to(self, narrowest: usize) -> Self {
        Self { narrowest: Some(narrowest), ..self }
    }

    pub(crate) const fn may_go(self, turn: u8) -> Self {
        Self { goes: Some(turn), ..self }
    }
}

/// One field. Its text must be cleaned.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) hue: Hue,
}

impl Cell {
    pub(crate) fn of(hue: Hue, text: impl Into<String>) -> Self {
        Self { text: text.into(), hue }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), hue: Hue::None }
    }
}

/// The gap between columns.
const GAP: usize = 2;
/// How many cells of the last column others make room for by going.
const READABLE: usize = 16;

/// A table for standard output.
pub(crate) fn text<const N: usize>(columns: &[Column; N], rows: &[[Cell; N]]) -> String {
    let lines = lines(columns, rows, screen::width_of_output(), Paint::of_output());
    lines.into_iter().map(|line| line + "\n").collect()
}

/// Lays out a table as one string for each line, titles first. `most` is the width of the terminal.
pub(crate) fn lines<const N: usize>(
    columns: &[Column; N],
    rows: &[[Cell; N]],
    most: Option<usize>,
    paint: Paint,
) -> Vec<String> {
    let shown = shown(columns, rows, most);
    let titles = columns.map(|column| Cell::of(Hue::Title, column.title));
    std::iter::once(&titles).chain(rows).map(|row| line(&shown, row, most, paint)).collect()
}

/// A column that is shown.
struct Shown {
    column: Column,
    /// Its place in a row.
    index: usize,
    width: usize,
}

impl Shown {
    /// How much narrower it can be.
    fn spare(&self) -> usize {
        self.column.narrowest.map_or(0, |narrowest| self.width.saturating_sub(narrowest))
    }
}

fn shown<const N: usize>(
    columns: &[Column; N],
    rows: &[[Cell; N]],
    most: Option<usize>,
) -> Vec<Shown> {
    let of = |(index, column): (usize, &Column)| {
        let cells = rows.iter().map(|row| width(&row[index].text));
        let width = cells.chain([column.least, width(column.title)]).max().unwrap_or_default();
        Shown { column: *column, index, width }
    };
    let mut shown: Vec<Shown> = columns.iter().enumerate().map(of).collect();
    let Some(most) = most else { return shown };
    while let Some((last, others)) = shown.split_last() {
        let taken: usize = others.iter().map(|it| it.width - it.spare() + GAP).sum();
        let next = others.iter().filter_map(|it| Some((it.column.goes?, it.index))).min();
        match next {
            Some((_, next)) if taken + last.width.min(READABLE) > most => {
                shown.retain(|it| it.index != next);
            }
            Some(_) | None => break,
        }
    }
    let total: usize = shown.iter().map(|it| it.width + GAP).sum();
    let mut over = total.saturating_sub(most + GAP);
    // The last column shrinks first: later columns hold longer texts.
    for it in shown.iter_mut().rev() {
        let room = it.spare().min(over);
        it.width -= room;
        over -= room;
    }
    shown
}

fn line<const N: usize>(
    shown: &[Shown],
    row: &[Cell; N],
    most: Option<usize>,
    paint: Paint,
) -> String {
    let (mut text, mut left) = (String::new(), most.unwrap_or(usize::MAX));
    for (place, it) in shown.iter().enumerate() {
        let cell = &row[it.index];
        let cut = fit(&cell.text, it.width);
        let placed = match it.column.side {
            Side::Left if place + 1 == shown.len() => cut,
            Side::Left => pad(&cut, it.width),
            Side::Right => pad_left(&cut, it.width),
        };
        let gap = if place == 0 { 0 } else { GAP.min(left) };
        left -= gap;
        // A terminal too narrow for all columns shows the first ones.
        let placed = fit(&placed, left);
        left -= width(&placed);
        text.push_str(&" ".repeat(gap));
        text.push_str(&paint.paint(cell.hue, &placed));
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] =
        [Column::left("ID", 4), Column::right("TIME", 0), Column::left("WHAT", 0).may_shrink_to(3)];

    fn rows() -> Vec<[Cell; 3]> {
        vec![
            ["t1".into(), "2 s".into(), "run the tests".into()],
            ["t2345".into(), "12 min".into(), Cell::of(Hue::Bad, "b")],
        ]
    }

    #[test]
    fn columns_stand_below_each_other() {
        assert_eq!(
            lines(&COLUMNS, &rows(), None, Paint::Plain),
            ["ID       TIME  WHAT", "t1        2 s  run the tests", "t2345  12 min  b"]
        );
    }

    #[test]
    fn no_line_is_wider_than_it_may_be() {
        for most in 0..40 {
            for line in lines(&COLUMNS, &rows(), Some(most), Paint::Plain) {
                assert!(width(&line) <= most, "{most}: {line:?}");
            }
        }
        assert_eq!(lines(&COLUMNS, &rows(), Some(21), Paint::Plain)[1], "t1        2 s  run t…");
    }

    /// One column after the other goes until the last one says something.
    #[test]
    fn columns_go_where_there_is_no_room() {
        let [id, time, what] = COLUMNS;
        let columns = [id.may_go(2), time.may_go(1), what];
        let at = |most: usize| lines(&columns, &rows(), Some(most), Paint::Plain)[1].clone();
        assert_eq!(at(28), "t1        2 s  run the tests");
        assert_eq!(at(27), "t1     run the tests");
        assert_eq!(at(19), "run the tests");
        assert_eq!(at(9), "run the …");
        assert_eq!(lines(&columns, &rows(), None, Paint::Plain)[1], at(28));
    }

    #[test]
    fn colours_take_no_room() {
        let plain = lines(&COLUMNS, &rows(), Some(21), Paint::Plain);
        let coloured = lines(&COLUMNS, &rows(), Some(21), Paint::Coloured);
        assert_eq!(coloured[2], plain[2].replace(" b", " \u{1b}[31mb\u{1b}[0m"));
    }
}
