//! A notification as a terminal understands it.

use super::Line;
use crate::environment::Terminal;
use crate::output::for_people;

/// Longest text in a sequence, in characters: some terminals drop longer ones whole.
const TEXT_MAX: usize = 200;

/// The control sequence with which a terminal tells people of these; `None` if there is nothing to tell, or no terminal.
pub fn sequence(lines: &[Line], terminal: Terminal) -> Option<String> {
    if lines.is_empty() {
        return None;
    }
    let each = |show: fn(&str, &str) -> String| {
        lines.iter().map(|line| show(&text(&line.title), &text(&line.body))).collect()
    };
    match terminal {
        Terminal::None => None,
        Terminal::Bell => Some("\u{7}".to_owned()),
        Terminal::Osc9 => Some(each(|title, body| format!("\u{1b}]9;{title}: {body}\u{7}"))),
        Terminal::Osc99 => Some(each(|title, body| format!("\u{1b}]99;;{title}: {body}\u{1b}\\"))),
        Terminal::Osc777 => {
            Some(each(|title, body| format!("\u{1b}]777;notify;{title};{body}\u{7}")))
        }
    }
}

/// A semicolon would begin another field, and a `4;` in front another command.
fn text(text: &str) -> String {
    for_people(&text.replace('\n', ", "), TEXT_MAX).replace(';', ",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionId;
    use chrono::Utc;

    #[test]
    fn a_terminal_gets_one_sequence_a_line_and_no_other() {
        let line = Line {
            session: SessionId::new("s1").unwrap(),
            title: "4;3;p\u{7}\u{1b}]0;x\u{1b}\\roj: a".to_owned(),
            body: "Failed\nerror\u{9c}\u{202e};".to_owned(),
            at: Utc::now(),
        };
        let said = |terminal| sequence(&[line.clone(), line.clone()], terminal).unwrap_or_default();
        let twice = |text: &str| format!("{text}{text}");
        assert_eq!(said(Terminal::None), "");
        assert_eq!(said(Terminal::Bell), "\u{7}");
        assert_eq!(said(Terminal::Osc9), twice("\u{1b}]9;4,3,proj: a: Failed, error,\u{7}"));
        assert_eq!(said(Terminal::Osc99), twice("\u{1b}]99;;4,3,proj: a: Failed, error,\u{1b}\\"));
        assert_eq!(
            said(Terminal::Osc777),
            twice("\u{1b}]777;notify;4,3,proj: a;Failed, error,\u{7}")
        );
        assert_eq!(sequence(&[], Terminal::Bell), None);
    }
}
