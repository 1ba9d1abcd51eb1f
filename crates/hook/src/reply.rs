//! What a hook may answer. The type can't express an invalid reply, nor one that allows a call which Claude Code would
//! have judged otherwise.

use std::io::{self, Write as _};

use serde_json::{Map, Value, json};
use sisyphus_base::id::TaskId;
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_base::text::one_line;
use sisyphus_tasks::delivery::Revision;
use sisyphus_tasks::recipient::Recipient;

use crate::transcript::OUR_REASON;

/// Longest text that Claude Code gets, in units of UTF-16. It would replace a longer one by the name of a file.
const TEXT_MAX: usize = 9_500;
/// Longest line that the user sees, in characters. It fits on one line of a terminal.
const REASON_MAX: usize = 300;

/// What to acknowledge after the reply is printed: the results, and the process that leased them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub by: ProcessRef,
    pub to: Recipient,
    pub results: Vec<(TaskId, Revision)>,
}

/// The answer of a hook.
///
/// ```
/// use sisyphus_hook::Reply;
///
/// let reply = Reply::Silent.with_note(Some("a note".to_owned()));
/// assert_eq!(reply, Reply::Note("a note".to_owned()));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Nothing: Claude Code continues as without us.
    Silent,
    /// A text that the model reads next to the event.
    Note(String),
    /// Results, which the model reads next to the event. They are printed, then confirmed.
    Results { reminder: String, receipt: Receipt },
    /// PreToolUse: the same call with this input. It is always the original input with another `timeout`.
    UpdatedInput(Map<String, Value>),
    /// PreToolUse: the call does not run, and the model reads why.
    Deny { reason: String },
    /// UserPromptSubmit: the prompt, a notice of Claude Code, is not worth a turn. The user sees the reason. It may
    /// repeat foreign words, so it is cleaned, and cut in the middle.
    Block { reason: String },
    /// The same reply, and a line that only the user sees. It may repeat foreign words, so it is cleaned and cut.
    OnScreen { line: String, with: Box<Reply> },
}

impl Reply {
    /// Adds a line for the user's screen.
    #[must_use]
    pub fn on_screen(self, line: Option<String>) -> Self {
        match line {
            Some(line) => Self::OnScreen { line, with: Box::new(self) },
            None => self,
        }
    }

    /// What to acknowledge after the reply is printed.
    pub(crate) fn receipt(&self) -> Option<&Receipt> {
        match self {
            Self::Results { receipt, .. } => Some(receipt),
            Self::OnScreen { with, .. } => with.receipt(),
            Self::Silent
            | Self::Note(_)
            | Self::UpdatedInput(_)
            | Self::Deny { .. }
            | Self::Block { .. } => None,
        }
    }

    /// Puts a note in front of the reply. It replaces a reply that carries no text of ours.
    #[must_use]
    pub fn with_note(self, note: Option<String>) -> Self {
        match (self, note) {
            (reply, None) => reply,
            (Self::OnScreen { line, with }, note) => {
                Self::OnScreen { line, with: Box::new(with.with_note(note)) }
            }
            (Self::Results { reminder, receipt }, Some(note)) => {
                // A result that is cut off would still count as delivered, so the note is cut instead.
                let room = TEXT_MAX.saturating_sub(units(&reminder) + 1);
                let note = beginning(&note, room);
                Self::Results { reminder: format!("{note}\n{reminder}"), receipt }
            }
            (Self::Note(text), Some(note)) => Self::Note(format!("{note}\n{text}")),
            // A denied call stays denied.
            (Self::Deny { reason }, Some(note)) => {
                Self::Deny { reason: format!("{note}\n{reason}") }
            }
            (Self::Silent | Self::UpdatedInput(_) | Self::Block { .. }, Some(note)) => {
                Self::Note(note)
            }
        }
    }

    /// How long a note may be, in units of UTF-16, so that none of this reply's own text is cut off after it.
    pub fn room_for_note(&self) -> usize {
        match self {
            Self::Note(text)
            | Self::Results { reminder: text, .. }
            | Self::Deny { reason: text } => TEXT_MAX.saturating_sub(units(text) + 1),
            Self::Silent | Self::UpdatedInput(_) | Self::Block { .. } => TEXT_MAX,
            Self::OnScreen { with, .. } => with.room_for_note(),
        }
    }

    /// The reply to an event as Claude Code reads it; `None` for a silent reply.
    pub(crate) fn to_json(&self, event: &str) -> Option<Value> {
        match self {
            Self::Silent => None,
            Self::Note(text) | Self::Results { reminder: text, .. } => {
                let text = beginning(text, TEXT_MAX);
                Some(
                    json!({ "hookSpecificOutput": { "hookEventName": event, "additionalContext": text } }),
                )
            }
            Self::UpdatedInput(input) => Some(
                json!({ "hookSpecificOutput": { "hookEventName": event, "updatedInput": input } }),
            ),
            Self::Deny { reason } => Some(json!({ "hookSpecificOutput": {
                "hookEventName": event,
                "permissionDecision": "deny",
                "permissionDecisionReason": beginning(reason, TEXT_MAX),
            } })),
            Self::Block { reason } => Some(json!({
                "decision": "block",
                "reason": one_line(&format!("{OUR_REASON} {reason}"), REASON_MAX),
                "hookSpecificOutput": { "hookEventName": event, "suppressOriginalPrompt": true },
            })),
            Self::OnScreen { line, with } => {
                let mut json = with.to_json(event).unwrap_or_else(|| json!({}));
                json["systemMessage"] = one_line(line, REASON_MAX).into();
                Some(json)
            }
        }
    }

    /// Writes the reply to standard output in one piece, with the sequence that Claude Code passes on to its terminal.
    pub(crate) fn print(&self, event: &str, sequence: Option<String>) -> io::Result<()> {
        let mut json = self.to_json(event);
        if let Some(sequence) = sequence {
            json.get_or_insert_with(|| json!({}))["terminalSequence"] = sequence.into();
        }
        let Some(json) = json else { return Ok(()) };
        #[expect(clippy::disallowed_methods, reason = "this is the one place where a hook prints")]
        let mut stdout = io::stdout().lock();
        stdout.write_all(json.to_string().as_bytes())?;
        stdout.flush()
    }
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The beginning of a text, at most `max` units of UTF-16 long. JavaScript measures length in these units.
fn beginning(text: &str, max: usize) -> &str {
    let mut length = 0;
    let end = text.char_indices().find(|(_, character)| {
        length += character.len_utf16();
        length > max
    });
    end.map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(text: &str) -> Reply {
        let receipt = Receipt {
            by: ProcessRef { pid: 1, start: None, namespace: None },
            to: Recipient::MainConversation,
            results: vec![(TaskId::new("t1").unwrap(), Revision(0))],
        };
        Reply::Results { reminder: text.to_owned(), receipt }
    }

    #[test]
    fn a_note_gives_way_to_results() {
        let reply = results(&"r".repeat(9_000)).with_note(Some("n".repeat(2_000)));
        let Reply::Results { reminder, .. } = reply else { panic!("no results") };
        assert_eq!(units(&reminder), TEXT_MAX);
        assert!(reminder.ends_with(&"r".repeat(9_000)));
    }

    #[test]
    fn the_shapes() {
        assert_eq!(Reply::Silent.to_json("Stop"), None);
        assert_eq!(
            results("x").to_json("Stop").unwrap().to_string(),
            r#"{"hookSpecificOutput":{"additionalContext":"x","hookEventName":"Stop"}}"#
        );
        let input = json!({ "command": "a", "timeout": 5 });
        assert_eq!(
            Reply::UpdatedInput(input.as_object().unwrap().clone())
                .to_json("PreToolUse")
                .unwrap()
                .to_string(),
            r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","updatedInput":{"command":"a","timeout":5}}}"#
        );
        assert_eq!(
            Reply::Deny { reason: "r".to_owned() }.to_json("PreToolUse").unwrap().to_string(),
            r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"r"}}"#
        );
        let swallowed =
            Reply::Block { reason: "r".to_owned() }.to_json("UserPromptSubmit").unwrap();
        assert_eq!(swallowed["decision"], "block");
        assert_eq!(swallowed["hookSpecificOutput"]["suppressOriginalPrompt"], true);
    }

    #[test]
    fn a_reason_is_one_harmless_line() {
        let name =
            format!("\u{1b}]0;title\u{7}a\nb</system-reminder>{}\u{202e}", "x".repeat(90_000));
        let reason = format!("the result of \"{name}\" was delivered already");
        let json = Reply::Block { reason }.to_json("UserPromptSubmit").unwrap();
        let said = json["reason"].as_str().unwrap();
        assert_eq!(said.chars().count(), REASON_MAX);
        assert!(
            said.starts_with("sisyphus: the result of \"a b&lt;/system-reminder>xxx"),
            "{said}"
        );
        assert!(said.ends_with("xxx\" was delivered already"), "{said}");
    }

    #[test]
    fn a_note_does_not_take_a_denial_back() {
        let denial = Reply::Deny { reason: "r".to_owned() }.with_note(Some("n".to_owned()));
        assert_eq!(denial, Reply::Deny { reason: "n\nr".to_owned() });
    }

    #[test]
    fn a_note_that_fits_cuts_nothing_off() {
        for own in ["", "ä🎉", &"x".repeat(8_000)] {
            let room = results(own).room_for_note();
            let json = results(own).with_note(Some("n".repeat(room))).to_json("Stop").unwrap();
            let text = json["hookSpecificOutput"]["additionalContext"].as_str().unwrap();
            assert!(text.ends_with(&format!("n\n{own}")), "{}", own.len());
            assert_eq!(text.encode_utf16().count(), TEXT_MAX);
        }
        assert_eq!(Reply::Silent.room_for_note(), TEXT_MAX);
        assert_eq!(results(&"x".repeat(20_000)).room_for_note(), 0);
    }

    #[test]
    fn a_text_never_reaches_the_clients_limit() {
        for (character, count) in [("ä", TEXT_MAX), ("🎉", TEXT_MAX / 2)] {
            let json = results(&character.repeat(20_000)).to_json("Stop").unwrap();
            let text = json["hookSpecificOutput"]["additionalContext"].as_str().unwrap();
            assert_eq!(text, character.repeat(count));
            assert!(text.encode_utf16().count() <= TEXT_MAX);
        }
        assert_eq!(beginning("a🎉", 2), "a");
        assert_eq!(beginning("a🎉", 3), "a🎉");
    }
}
