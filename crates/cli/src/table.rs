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
}

impl Column {
    pub(crate) const fn left(title: &'static str, least: usize) -> Self {
        Self { title, side: Side::Left, least, narrowest: None }
    }

    pub(crate) const fn right(title: &'static str, least: usize) -> Self {
        Self { title, side: Side::Right, least, narrowest: None }
    }

    pub(crate) const fn may_shrink_to(self, narrowest: usize) -> Self {
        Self { narrowest: Some(narrowest), ..self }
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
    let widths = widths(columns, rows, most);
    let titles = columns.map(|column| Cell::of(Hue::Title, column.title));
    std::iter::once(&titles)
        .chain(rows)
        .map(|row| line(columns, &widths, row, most, paint))
        .collect()
}

fn widths<const N: usize>(
    columns: &[Column; N],
    rows: &[[Cell; N]],
    most: Option<usize>,
) -> Vec<usize> {
    let of = |index: usize| {
        let cells = rows.iter().map(|row| width(&row[index].text));
        let column = &columns[index];
        cells.chain([column.least, width(column.title)]).max().unwrap_or_default()
    };
    let mut widths: Vec<usize> = (0..N).map(of).collect();
    let Some(most) = most else { return widths };
    let total: usize = widths.iter().sum::<usize>() + GAP * N.saturating_sub(1);
    let mut over = total.saturating_sub(most);
    // The last column shrinks first: later columns hold longer texts.
    for (column, width) in columns.iter().zip(&mut widths).rev() {
        let room = column.narrowest.map_or(0, |narrowest| width.saturating_sub(narrowest));
        *width -= room.min(over);
        over -= room.min(over);
    }
    widths
}

fn line<const N: usize>(
    columns: &[Column; N],
    widths: &[usize],
    row: &[Cell; N],
    most: Option<usize>,
    paint: Paint,
) -> String {
    let (mut text, mut left) = (String::new(), most.unwrap_or(usize::MAX));
    for (index, ((column, cell), width)) in columns.iter().zip(row).zip(widths).enumerate() {
        let cut = fit(&cell.text, *width);
        let placed = match column.side {
            Side::Left if index + 1 == N => cut,
            Side::Left => pad(&cut, *width),
            Side::Right => pad_left(&cut, *width),
        };
        let gap = if index == 0 { 0 } else { GAP.min(left) };
        left -= gap;
        // A terminal too narrow for all columns shows the first ones.
        let placed = fit(&placed, left);
        left -= screen::width(&placed);
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

    #[test]
    fn colours_take_no_room() {
        let plain = lines(&COLUMNS, &rows(), Some(21), Paint::Plain);
        let coloured = lines(&COLUMNS, &rows(), Some(21), Paint::Coloured);
        assert_eq!(coloured[2], plain[2].replace(" b", " \u{1b}[31mb\u{1b}[0m"));
    }
}
