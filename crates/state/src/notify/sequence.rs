//! A notification as a terminal understands it.

use sisyphus_base::environment::Terminal;
use sisyphus_base::text::for_people;

use super::{COALESCE_WINDOW, Line};

/// Longest text in a sequence, in characters: some terminals drop longer ones whole.
const TEXT_MAX: usize = 200;

/// The control sequence that makes a terminal show these; `None` if there are none, or no terminal.
pub fn sequence(lines: &[Line], terminal: Terminal) -> Option<String> {
    if lines.is_empty() {
        return None;
    }
    let each = |show: fn(&str, &str) -> String| {
        together(lines).iter().map(|(title, body)| show(&text(title), &text(body))).collect()
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

/// Combines lines that a desktop would have shown as one notification.
fn together(lines: &[Line]) -> Vec<(String, String)> {
    let groups = lines
        .chunk_by(|one, next| (next.at - one.at).to_std().unwrap_or_default() <= COALESCE_WINDOW);
    groups
        .map(|group| match group {
            [line] => (line.title.clone(), line.body.clone()),
            several => {
                let each = several.iter().map(|line| format!("{}: {}", line.title, line.body));
                (format!("{} notifications", several.len()), each.collect::<Vec<_>>().join("\n"))
            }
        })
        .collect()
}

/// A semicolon would begin another field, and a leading `4;` another command.
fn text(text: &str) -> String {
    for_people(&text.replace('\n', ", "), TEXT_MAX).replace(';', ",")
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use sisyphus_base::id::SessionId;

    use super::*;

    #[test]
    fn a_terminal_gets_one_sequence_a_line_and_no_other() {
        let line = Line {
            session: SessionId::new("s1").unwrap(),
            title: "4;3;p\u{7}\u{1b}]0;x\u{1b}\\roj: a".to_owned(),
            body: "Failed\nerror\u{9c}\u{202e};".to_owned(),
            at: Utc::now(),
        };
        let later = Line { at: line.at + 2 * COALESCE_WINDOW, ..line.clone() };
        let said =
            |terminal| sequence(&[line.clone(), later.clone()], terminal).unwrap_or_default();
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

    #[test]
    fn what_comes_together_is_one() {
        let now = Utc::now();
        let line = |title: &str, ms: i64| Line {
            session: SessionId::new("s1").unwrap(),
            title: title.to_owned(),
            body: "Failed".to_owned(),
            at: now + chrono::Duration::milliseconds(ms),
        };
        let lines = [line("a", 0), line("b", 1_900), line("c", 3_800), line("d", 6_000)];
        assert_eq!(
            sequence(&lines, Terminal::Osc777).unwrap(),
            "\u{1b}]777;notify;3 notifications;a: Failed, b: Failed, c: Failed\u{7}\
             \u{1b}]777;notify;d;Failed\u{7}"
        );
    }
}
