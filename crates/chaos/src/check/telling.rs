//! The reports that a hook printed for the model.

use serde_json::Value;

/// One report of one task's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Telling {
    /// The number of the call, from its description; `None` if it is not a call of the test.
    pub(super) call: Option<usize>,
    pub(super) outcome: Outcome,
    pub(super) mark: Mark,
    pub(super) command: Option<String>,
    /// The lines of output that the report shows.
    pub(super) output: Vec<String>,
    /// The first line, as printed.
    pub(super) line: String,
}

/// Whether a report says that it may not be the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    Redelivery,
    Correction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Code(i32),
    Signal(i32),
    /// Stopped by a person or the model, or by a signal from outside.
    Stopped,
    TimedOut,
    /// Lost, or ended with an unknown exit code.
    Unknown,
}

/// The reports that a hook printed. A partial report of a killed hook does not count.
pub(super) fn tellings(stdout: &str) -> Vec<Telling> {
    let Ok(answer) = serde_json::from_str::<Value>(stdout) else { return Vec::new() };
    let text = answer["hookSpecificOutput"]["additionalContext"].as_str().unwrap_or_default();
    let mut tellings: Vec<Telling> = Vec::new();
    for line in text.lines() {
        if let Some(telling) = first_line(line) {
            tellings.push(telling);
        } else if let Some(last) = tellings.last_mut() {
            // Lines that a command printed begin with a bar.
            if let Some(output) = line.strip_prefix("| ") {
                last.output.push(output.to_owned());
            } else if let Some(command) = line.strip_prefix("command: ") {
                last.command = Some(command.to_owned());
            }
        }
    }
    tellings
}

/// Reads the first line of a report.
fn first_line(line: &str) -> Option<Telling> {
    let (mark, rest) = match line.strip_prefix('(').and_then(|line| line.split_once(") ")) {
        Some((mark, rest)) if mark.starts_with("possibly repeated") => (Mark::Redelivery, rest),
        Some((mark, rest)) if mark.contains("correct") => (Mark::Correction, rest),
        _ => (Mark::None, line),
    };
    let rest = rest.strip_prefix("[sisyphus] Background task ")?;
    let (_, rest) = rest.split_once(' ')?;
    let (description, predicate) = match rest.strip_prefix("(\"") {
        Some(rest) => rest.split_once("\")")?,
        None => ("", rest),
    };
    let call = description.strip_prefix("call ").and_then(|number| number.parse().ok());
    let outcome = outcome(predicate)?;
    Some(Telling { call, outcome, mark, command: None, output: Vec::new(), line: line.to_owned() })
}

/// `None` for a line about a task that has not ended: it waits, or has printed nothing for long.
fn outcome(predicate: &str) -> Option<Outcome> {
    let number_behind = |words: &str| {
        let (_, rest) = predicate.split_once(words)?;
        let digits = rest.find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits].parse::<i32>().ok()
    };
    if predicate.contains(" is number ") || predicate.contains(" still running ") {
        return None;
    }
    if let Some(code) = number_behind("exit code ") {
        return Some(Outcome::Code(code));
    }
    if let Some(signal) = number_behind("killed by signal ") {
        return Some(Outcome::Signal(signal));
    }
    let says = |words: &[&str]| words.iter().any(|word| predicate.contains(word));
    if says(&["exit code unknown", "exit code is unknown", "was lost"]) {
        Some(Outcome::Unknown)
    } else if says(&["timed out"]) {
        Some(Outcome::TimedOut)
    } else if says(&["was stopped", "was cancelled", "was canceled"]) {
        Some(Outcome::Stopped)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Vec<Telling> {
        let answer = json!({ "hookSpecificOutput": { "additionalContext": text } });
        tellings(&answer.to_string())
    }

    /// A report is read with its command and output, and a quotation of a report is no report.
    #[test]
    fn a_report_and_a_quotation() {
        let told = read(
            "[sisyphus] Background task t12 (\"call 7\") failed with exit code 3 after 1 s.\n\
             command: : call 7; begin\noutput (2 lines):\n| output of call 7\n\
             | [sisyphus] Background task t1 (\"call 8\") completed with exit code 0.\n",
        );
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].call, told[0].outcome), (Some(7), Outcome::Code(3)));
        assert_eq!(told[0].command.as_deref(), Some(": call 7; begin"));
        assert_eq!(told[0].output[0], "output of call 7");
    }

    #[test]
    fn each_predicate() {
        let cases = [
            ("completed with exit code 0 after 1 s.", Some(Outcome::Code(0))),
            ("was killed by signal 9 (SIGKILL).", Some(Outcome::Signal(9))),
            ("was stopped by the user after 1 s.", Some(Outcome::Stopped)),
            ("timed out after 2 s.", Some(Outcome::TimedOut)),
            ("was lost, exit code unknown: it died.", Some(Outcome::Unknown)),
            ("finished, exit code unknown.", Some(Outcome::Unknown)),
            ("is number 3 in the queue: at most 5 at once", None),
            ("has a time limit of 30 min (user setting `sisyphus.task_ttl_minutes`).", None),
            ("is still running and has printed nothing for 5 min.", None),
        ];
        for (predicate, expected) in cases {
            assert_eq!(outcome(&format!(" {predicate}")), expected, "{predicate}");
        }
    }

    #[test]
    fn a_redelivery_is_marked() {
        let line = "[sisyphus] Background task t1 (\"call 7\") completed with exit code 0.";
        assert_eq!(read(line)[0].mark, Mark::None);
        assert_eq!(read(&format!("(possibly repeated) {line}"))[0].mark, Mark::Redelivery);
    }
}
