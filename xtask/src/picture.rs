//! A picture of a terminal: lines with their colours, as SVG.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

const LETTER: usize = 8;
const LINE: usize = 18;
const MARGIN: usize = 16;

const BACKGROUND: &str = "#1c1f24";
pub(crate) const PLAIN: &str = "#e6e6e6";
const BOLD: &str = "#ffffff";
const DIM: &str = "#8b949e";
/// The sixteen colours of a terminal.
const COLOURS: [&str; 16] = [
    "#3b4048", "#ff7b72", "#7ee787", "#f2cc60", "#79c0ff", "#d2a8ff", "#76e3ea", "#e6e6e6",
    "#6e7681", "#ffa198", "#a5f3b0", "#f8e3a1", "#a5d6ff", "#e2c5ff", "#b3f0ff", "#ffffff",
];

/// Text of one colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) colour: String,
    /// Behind it, if that is not the terminal's.
    pub(crate) background: Option<String>,
    pub(crate) text: String,
}

pub(crate) type Line = Vec<Span>;

/// How text is drawn from here on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Pen {
    colour: Option<String>,
    background: Option<String>,
    is_bold: bool,
    is_dim: bool,
    is_reversed: bool,
}

impl Pen {
    /// Obeys the parameters of one sequence.
    fn obey(&mut self, parameters: &str) {
        let mut codes = parameters.split([';', ':']).map(|code| code.parse().unwrap_or(0_usize));
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Self::default(),
                1 => self.is_bold = true,
                2 => self.is_dim = true,
                7 => self.is_reversed = true,
                22 => (self.is_bold, self.is_dim) = (false, false),
                27 => self.is_reversed = false,
                30..=37 => self.colour = Some(COLOURS[code - 30].to_owned()),
                90..=97 => self.colour = Some(COLOURS[code - 82].to_owned()),
                38 => self.colour = extended(&mut codes),
                39 => self.colour = None,
                40..=47 => self.background = Some(COLOURS[code - 40].to_owned()),
                100..=107 => self.background = Some(COLOURS[code - 92].to_owned()),
                48 => self.background = extended(&mut codes),
                49 => self.background = None,
                _ => {}
            }
        }
    }

    /// The colour of the text and of what is behind it.
    fn colours(&self, plain: &str) -> (String, Option<String>) {
        let shade = match (self.is_bold, self.is_dim) {
            (_, true) => DIM,
            (true, false) => BOLD,
            (false, false) => plain,
        };
        let colour = self.colour.clone().unwrap_or_else(|| shade.to_owned());
        if self.is_reversed {
            let background = self.background.clone().unwrap_or_else(|| BACKGROUND.to_owned());
            return (background, Some(colour));
        }
        (colour, self.background.clone())
    }
}

/// A colour of the 256, or one of its own.
fn extended(codes: &mut impl Iterator<Item = usize>) -> Option<String> {
    match codes.next()? {
        5 => Some(indexed(codes.next()?)),
        2 => {
            let [red, green, blue] = [codes.next()?, codes.next()?, codes.next()?];
            Some(format!("#{red:02x}{green:02x}{blue:02x}"))
        }
        _ => None,
    }
}

fn indexed(index: usize) -> String {
    if let Some(colour) = COLOURS.get(index) {
        return (*colour).to_owned();
    }
    if index >= 232 {
        let grey = 8 + 10 * (index - 232).min(23);
        return format!("#{grey:02x}{grey:02x}{grey:02x}");
    }
    let cube = index - 16;
    let level = |it: usize| if it == 0 { 0 } else { 55 + 40 * it };
    let [red, green, blue] = [cube / 36, cube / 6 % 6, cube % 6].map(level);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// The lines of a screen, split at their colours. A colour lasts beyond its line.
#[cfg_attr(all(windows, not(test)), expect(dead_code, reason = "no pictures are drawn on Windows"))]
pub(crate) fn screen(text: &str) -> Vec<Line> {
    let mut pen = Pen::default();
    text.lines().map(|line| spans_by(line, PLAIN, &mut pen)).collect()
}

/// One line, split at its colours. Text without one is `plain`.
pub(crate) fn spans(line: &str, plain: &str) -> Line {
    spans_by(line, plain, &mut Pen::default())
}

fn spans_by(line: &str, plain: &str, pen: &mut Pen) -> Line {
    let mut spans = Line::new();
    let mut push = |pen: &Pen, text: &str| {
        if !text.is_empty() {
            let (colour, background) = pen.colours(plain);
            spans.push(Span { colour, background, text: text.to_owned() });
        }
    };
    let mut parts = line.split('\u{1b}');
    push(pen, parts.next().unwrap_or_default());
    for part in parts {
        let Some(sequence) = part.strip_prefix('[') else {
            push(pen, part);
            continue;
        };
        let end = sequence.find(|it: char| it.is_ascii_alphabetic()).unwrap_or(sequence.len());
        let (parameters, rest) = sequence.split_at(end);
        if rest.starts_with('m') {
            pen.obey(parameters);
        }
        push(pen, rest.get(1..).unwrap_or_default());
    }
    spans
}

/// Lines, each wrapped to so many columns.
pub(crate) fn wrapped(line: Line, columns: usize) -> Vec<Line> {
    let (mut lines, mut left) = (vec![Line::new()], columns);
    for Span { colour, background, text } in line {
        let mut piece = String::new();
        let push = |lines: &mut Vec<Line>, piece: &mut String| {
            let text = std::mem::take(piece);
            if let Some(last) = lines.last_mut().filter(|_| !text.is_empty()) {
                last.push(Span { colour: colour.clone(), background: background.clone(), text });
            }
        };
        for letter in text.chars() {
            let cells = letter.width().unwrap_or_default();
            if cells > left {
                push(&mut lines, &mut piece);
                lines.push(Line::new());
                left = columns;
            }
            left = left.saturating_sub(cells);
            piece.push(letter);
        }
        push(&mut lines, &mut piece);
    }
    lines
}

/// The picture.
pub(crate) fn svg(title: &str, columns: usize, lines: &[Line]) -> String {
    let (width, height) = (columns * LETTER + 2 * MARGIN, lines.len() * LINE + 2 * MARGIN);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"ui-monospace, Menlo, Consolas, monospace\" font-size=\"13\">\n\
         <title>{}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"{BACKGROUND}\"/>\n",
        escaped(title)
    );
    for (number, line) in lines.iter().enumerate() {
        let top = MARGIN + number * LINE;
        let y = top + LINE * 3 / 4;
        let mut column = 0;
        for Span { colour, background, text: letters } in line {
            let begin = column;
            column += letters.width();
            if let Some(background) = background {
                let (x, wide) = (MARGIN + begin * LETTER, (column - begin) * LETTER);
                text += &format!(
                    "<rect x=\"{x}\" y=\"{top}\" width=\"{wide}\" height=\"{LINE}\" fill=\"{background}\"/>\n"
                );
            }
            // The columns stay aligned in any font, and where `textLength` is not known.
            for (at, words) in words(letters) {
                let (x, length) = (MARGIN + (begin + at) * LETTER, words.width() * LETTER);
                text += &format!(
                    "<text x=\"{x}\" y=\"{y}\" fill=\"{colour}\" textLength=\"{length}\" xml:space=\"preserve\">{}</text>\n",
                    escaped(words)
                );
            }
        }
    }
    text + "</svg>\n"
}

/// What stands between gaps of two spaces and more, each with its column.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut column = 0;
    let mut words = Vec::new();
    for part in text.split("  ") {
        let indent = part.len() - part.trim_start_matches(' ').len();
        let shown = part.trim_matches(' ');
        if !shown.is_empty() {
            words.push((column + indent, shown));
        }
        column += part.width() + 2;
    }
    words
}

fn escaped(line: &str) -> String {
    line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_whole_whatever_was_printed() {
        let lines = wrapped(spans(&"<&>x".repeat(30), PLAIN), 100);
        assert_eq!(lines.len(), 2);
        let picture = svg("<&>", 100, &lines);
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{picture}");
        assert_eq!(picture.matches("<text ").count(), 2);
        assert_eq!(picture.matches('<').count(), 2 * picture.matches("</").count() + 1);
    }

    #[test]
    fn colours_take_no_room() {
        let line = spans("\u{1b}[32m✔ good\u{1b}[0m  1 s  \u{1b}[2mlast\u{1b}[0m", PLAIN);
        let parts: Vec<(&str, &str)> =
            line.iter().map(|span| (span.colour.as_str(), span.text.as_str())).collect();
        assert_eq!(parts, [("#7ee787", "✔ good"), ("#e6e6e6", "  1 s  "), ("#8b949e", "last")]);
        let picture = svg("", 100, &[line]);
        let x = MARGIN + "? good  1 s  ".len() * LETTER;
        assert!(picture.contains(&format!("<text x=\"{x}\"")), "{picture}");
    }

    #[test]
    fn words_keep_their_columns() {
        assert_eq!(words("  ab c   日本  d "), [(2, "ab c"), (9, "日本"), (15, "d")]);
        assert_eq!(words("    "), []);
    }

    #[test]
    fn sequences_are_obeyed_or_left_out() {
        let cases: [(&str, &str, Option<&str>); 9] = [
            ("\u{1b}[31mx", COLOURS[1], None),
            ("\u{1b}[1;91mx", COLOURS[9], None),
            ("\u{1b}[38;5;2mx", COLOURS[2], None),
            ("\u{1b}[38;5;231mx", "#ffffff", None),
            ("\u{1b}[38;2;1;2;255mx", "#0102ff", None),
            ("\u{1b}[31m\u{1b}[39mx", PLAIN, None),
            ("\u{1b}[7mx", BACKGROUND, Some(PLAIN)),
            ("\u{1b}[44mx", PLAIN, Some(COLOURS[4])),
            ("\u{1b}[2Kx\u{1b}[", PLAIN, None),
        ];
        for (text, colour, background) in cases {
            let [span] = &spans(text, PLAIN)[..] else { panic!("not one span: {text:?}") };
            let seen = (span.colour.as_str(), span.background.as_deref(), span.text.as_str());
            assert_eq!(seen, (colour, background, "x"), "{text:?}");
        }
        let lines = screen("\u{1b}[31ma\nb");
        assert_eq!(lines[1][0].colour, COLOURS[1]);
    }

    #[test]
    fn wide_letters_take_two_columns() {
        let lines = wrapped(spans("日本語x", PLAIN), 5);
        assert_eq!(
            lines.iter().map(|line| line[0].text.as_str()).collect::<Vec<_>>(),
            ["日本", "語x"]
        );
        assert!(svg("", 5, &lines).contains("textLength=\"32\""));
    }
}
