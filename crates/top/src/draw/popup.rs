//! A box over everything else: a question, or the keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Text;
use ratatui::widgets::{Block, Clear, Paragraph};

use super::wrap::{height_of, wrapped};
use crate::model::{Question, Verb};
use crate::palette;

/// Widest box, in cells with its border.
const WIDEST: u16 = 90;

const KEYS: [&str; 11] = [
    "↑ ↓ j k        choose a task, or scroll",
    "PgUp PgDn g G  further, first, last",
    "⏎ f            the task's whole screen of output",
    "esc            back; without filter",
    "x              cancel the task",
    "r              run the task again",
    "/              show only what contains a text",
    "a              all tasks, or live ones only",
    "Ctrl-L         draw everything again",
    "?              this page",
    "q Ctrl-C       quit",
];

pub(super) fn help(frame: &mut Frame<'_>) {
    let lines: Vec<String> = KEYS.map(str::to_owned).into();
    popup(frame, " Keys ", &lines, "any key: back");
}

pub(super) fn confirm(frame: &mut Frame<'_>, question: &Question) {
    let title = match question.verb {
        Verb::Cancel => " Cancel ",
        Verb::Restart => " Run this again? ",
    };
    popup(frame, title, &question.lines, "y: yes, any other key: no");
}

/// Draws a box with these lines, and says how many of them have no room.
fn popup(frame: &mut Frame<'_>, title: &str, lines: &[String], answer: &str) {
    let area = frame.area();
    let width = area.width.min(WIDEST);
    let mut rows: Vec<String> =
        lines.iter().flat_map(|line| wrapped(line, width.saturating_sub(2))).collect();
    let room = usize::from(area.height.saturating_sub(3));
    if rows.len() > room {
        let kept = room.saturating_sub(1);
        let missing = rows.len() - kept;
        rows.truncate(kept);
        rows.push(format!("… {missing} more lines"));
    }
    rows.push(answer.to_owned());
    let height = height_of(rows.len() + 2).min(area.height);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let last = rows.len() - 1;
    let mut text: Text<'_> = rows.into_iter().collect();
    text.lines[last].style = palette::title();
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(text).block(Block::bordered().title(title)), place);
}
