//! The timeline in a terminal: `░` waited, `█` ran.

use chrono::{DateTime, Local, Utc};

use super::Chart;
use super::span::Span;
use crate::screen::{fit, pad, width};
use crate::style::{Hue, Paint};

/// The most cells for the names on the left, and for the outcomes on the right.
const LABEL_MAX: usize = 28;
const SAID_MAX: usize = 22;
/// A narrower bar shows nothing.
const BAR_LEAST: usize = 10;

/// Draws it.
pub(super) fn draw(chart: &Chart, most: usize, paint: Paint) -> String {
    if chart.spans.is_empty() {
        return "No background command in this time.\n".to_owned();
    }
    let widest = |of: fn(&Span) -> &str| chart.spans.iter().map(|span| width(of(span))).max();
    let said = widest(|span| &span.said).unwrap_or_default().min(SAID_MAX);
    let label = widest(|span| &span.label).unwrap_or_default().min(LABEL_MAX).min(most / 4);
    // Two separators, and two cells before the outcome.
    let bar = most.saturating_sub(label + said + 4).max(BAR_LEAST);
    let mut lines = vec![format!("{} {}", pad("", label), scale(chart, bar))];
    for span in &chart.spans {
        let cells: String = (0..bar).map(|cell| sign(span, chart, cell, bar)).collect();
        let name = pad(&fit(&span.label, label), label);
        let said = fit(&span.said, said);
        lines.push(format!(
            "{name} {}{}",
            paint.paint(span.hue, &format!("│{cells}│")),
            paint.paint(Hue::None, &format!(" {said}"))
        ));
    }
    lines.push(paint.paint(Hue::Dim, &fit("░ waited  █ ran", most)));
    lines.into_iter().map(|line| line + "\n").collect()
}

/// The times of day at both ends and in the middle.
fn scale(chart: &Chart, bar: usize) -> String {
    let middle = chart.from + (chart.to - chart.from) / 2;
    let (first, middle, last) =
        (clock(chart, chart.from), clock(chart, middle), clock(chart, chart.to));
    if first.len() + middle.len() + last.len() + 4 > bar {
        return format!(" {first} – {last}");
    }
    let left = pad(&format!(" {first}"), (bar + 2 - middle.len()) / 2);
    let centre = pad(&format!("{left}{middle}"), bar + 1 - last.len());
    format!("{centre}{last}")
}

/// The local time of day, with the date if the chart spans days.
fn clock(chart: &Chart, at: DateTime<Utc>) -> String {
    let form = match (chart.to - chart.from).num_minutes() {
        0..5 => "%H:%M:%S",
        5..1_200 => "%H:%M",
        _ => "%m-%d %H:%M",
    };
    at.with_timezone(&Local).format(form).to_string()
}

/// The character of one cell. A task that lasted less than a cell still gets one.
fn sign(span: &Span, chart: &Chart, cell: usize, cells: usize) -> char {
    let place = |at: DateTime<Utc>| place(at, chart, cells);
    let is_within =
        |from: DateTime<Utc>, to: DateTime<Utc>| (place(from)..=place(to)).contains(&cell);
    match span.start {
        Some(start) if is_within(start, span.end) => '█',
        Some(start) if is_within(span.begin, start) => '░',
        None if is_within(span.begin, span.end) => '░',
        Some(_) | None => ' ',
    }
}

/// The cell of a time. Earlier times fall into the first cell, later ones into the last.
fn place(at: DateTime<Utc>, chart: &Chart, cells: usize) -> usize {
    let before = chart.parts_before(at, i64::try_from(cells).unwrap_or(1));
    usize::try_from(before).unwrap_or_default().min(cells - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn span(begin: i64, start: Option<i64>, end: i64) -> Span {
        Span {
            id: "t1".to_owned(),
            label: "build".to_owned(),
            said: "completed 5 s".to_owned(),
            hue: Hue::Good,
            begin: at(begin),
            start: start.map(at),
            end: at(end),
        }
    }

    #[test]
    fn bars_stand_where_their_times_are() {
        let cases = [
            (span(0, Some(0), 9), "██████████"),
            (span(0, Some(5), 9), "░░░░░█████"),
            (span(2, Some(2), 2), "  █       "),
            (span(3, None, 6), "   ░░░░   "),
            (span(-50, Some(-5), 3), "████      "),
            (span(-50, Some(3), 99), "░░░███████"),
        ];
        for (span, expected) in cases {
            let chart = Chart { from: at(0), to: at(10), spans: Vec::new() };
            let cells: String = (0..10).map(|cell| sign(&span, &chart, cell, 10)).collect();
            assert_eq!(cells, expected, "{span:?}");
        }
    }

    #[test]
    fn no_line_is_wider_than_it_may_be() {
        for most in 45..150 {
            let spans = vec![span(0, Some(3), 9), span(4, None, 7)];
            let chart = Chart { from: at(0), to: at(36_000), spans };
            for line in draw(&chart, most, Paint::Plain).lines() {
                assert!(width(line) <= most, "{most}: {line:?}");
            }
        }
    }
}
