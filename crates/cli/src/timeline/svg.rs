//! The timeline as a picture.

use chrono::{DateTime, Local, TimeDelta, Utc};

use super::Chart;
use super::span::Span;
use crate::screen::fit;
use crate::style::Hue;

const WIDTH: i64 = 1_000;
/// The left and the right end of the bars.
const LEFT: i64 = 240;
const RIGHT: i64 = 840;
const ROW: i64 = 22;
const TOP: i64 = 34;
/// How many parts the time is divided into.
const PARTS: i32 = 6;

/// Draws it.
pub(super) fn draw(chart: &Chart) -> String {
    let rows = i64::try_from(chart.spans.len()).unwrap_or(0);
    let height = TOP + rows * ROW + 12;
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"ui-monospace, monospace\" font-size=\"12\">\n\
         <title>Background commands</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for part in 0..=PARTS {
        let at = chart.from + (chart.to - chart.from) / PARTS * part;
        let (x, time) = (place(at, chart), clock(at, chart));
        picture.push_str(&format!(
            "<line x1=\"{x}\" y1=\"{TOP}\" x2=\"{x}\" y2=\"{}\" stroke=\"#dddddd\"/>\n\
             <text x=\"{x}\" y=\"20\" text-anchor=\"middle\" fill=\"#555555\">{time}</text>\n",
            height - 8
        ));
    }
    for (row, span) in (0..).zip(&chart.spans) {
        picture.push_str(&bar(span, chart, TOP + row * ROW));
    }
    picture.push_str("</svg>\n");
    picture
}

fn bar(span: &Span, chart: &Chart, y: i64) -> String {
    let (label, said) = (escape(&fit(&span.label, 30)), escape(&span.said));
    let (begin, end) = (place(span.begin, chart), place(span.end, chart));
    let start = span.start.map_or(end, |start| place(start, chart));
    let colour = colour(span.hue);
    let text = y + 15;
    let (upper, lower, behind) = (y + 4, y + 8, RIGHT + 12);
    let (id, whole_label) = (escape(&span.id), escape(&span.label));
    let mut drawn = format!(
        "<g><title>{id} {whole_label}: {said}</title>\n\
         <text x=\"8\" y=\"{text}\" fill=\"#222222\">{label}</text>\n"
    );
    if start > begin {
        let width = start - begin;
        drawn.push_str(&format!(
            "<rect x=\"{begin}\" y=\"{lower}\" width=\"{width}\" height=\"6\" fill=\"#c8c8c8\"/>\n"
        ));
    }
    if span.start.is_some() {
        // Even a very short bar stays visible.
        let width = (end - start).max(2);
        drawn.push_str(&format!(
            "<rect x=\"{start}\" y=\"{upper}\" width=\"{width}\" height=\"14\" rx=\"2\" fill=\"{colour}\"/>\n"
        ));
    }
    drawn + &format!("<text x=\"{behind}\" y=\"{text}\" fill=\"{colour}\">{said}</text></g>\n")
}

fn colour(hue: Hue) -> &'static str {
    match hue {
        Hue::Good => "#2e7d32",
        Hue::Bad => "#c62828",
        Hue::Waiting => "#b26a00",
        Hue::Live => "#00708a",
        Hue::None | Hue::Dim | Hue::Title => "#616161",
    }
}

fn clock(at: DateTime<Utc>, chart: &Chart) -> String {
    let is_short = chart.to - chart.from < TimeDelta::minutes(10);
    at.with_timezone(&Local).format(if is_short { "%H:%M:%S" } else { "%m-%d %H:%M" }).to_string()
}

fn place(at: DateTime<Utc>, chart: &Chart) -> i64 {
    LEFT + chart.parts_before(at, RIGHT - LEFT)
}

/// Text escaped for XML. Characters that XML can't hold are dropped.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => {}
            _ if character.is_control() => {}
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_foreign_stays_text() {
        let hostile = "</text><script>alert(\"1\")</script>&amp;'\u{0}\u{1b}\u{ffff}";
        assert_eq!(
            escape(hostile),
            "&lt;/text&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;amp;&#39;"
        );
    }
}
