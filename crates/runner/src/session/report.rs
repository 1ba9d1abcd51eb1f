//! Reads the lines that a session's Claude Code prints, one JSON object each (CC-73). Pure. All of it is foreign: a line
//! that is not understood changes nothing.

use std::path::PathBuf;

use serde_json::Value;
use sisyphus_base::text::one_line;
use sisyphus_tasks::session::{SessionEnd, SessionReport};

/// Longest name that is reported, in characters.
const NAME_MAX: usize = 100;
/// Longest message or problem that is reported, in characters.
const MESSAGE_MAX: usize = 300;
/// How many denied calls are named.
const DENIED_MAX: usize = 50;

/// What the lines so far have said.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    pub(super) report: SessionReport,
    /// The last answer.
    pub(super) answer: Option<String>,
    /// Where it works.
    pub(super) cwd: Option<PathBuf>,
    /// Claude Code's ids of what it runs in the background.
    pub(super) background: Vec<String>,
}

/// What a line changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    Progress,
    /// It was a result. Another one may follow, if the session still runs something in the background.
    Result,
}

impl Heard {
    /// Takes a line. `before` is what the conversation had cost before this task, in millionths of a dollar.
    pub(super) fn take(&mut self, line: &[u8], before: u64) -> Change {
        let Ok(line) = serde_json::from_slice::<Value>(line) else { return Change::Nothing };
        match (line["type"].as_str(), line["subtype"].as_str()) {
            (Some("system"), Some("init")) => {
                self.report.model = name(&line["model"]);
                // Another turn begins, so the result before was not the last.
                self.report.end = None;
                self.cwd = line["cwd"].as_str().map(PathBuf::from).filter(|it| it.is_absolute());
                Change::Progress
            }
            (Some("system"), Some("background_tasks_changed")) => {
                let tasks = line["tasks"].as_array().into_iter().flatten();
                let ids = tasks.filter_map(|task| task["task_id"].as_str().map(str::to_owned));
                self.background = ids.collect();
                Change::Nothing
            }
            (Some("assistant"), _) => self.message(&line["message"]["content"]),
            (Some("result"), subtype) => {
                self.result(&line, subtype, before);
                Change::Result
            }
            _ => Change::Nothing,
        }
    }

    fn message(&mut self, content: &Value) -> Change {
        let mut change = Change::Nothing;
        for block in content.as_array().into_iter().flatten() {
            match block["type"].as_str() {
                Some("text") => self.report.last_message = text(&block["text"]),
                Some("tool_use") => {
                    self.report.tool_calls += 1;
                    self.report.last_tool = name(&block["name"]);
                }
                _ => continue,
            }
            change = Change::Progress;
        }
        if change == Change::Progress {
            self.report.end = None;
        }
        change
    }

    fn result(&mut self, line: &Value, subtype: Option<&str>, before: u64) {
        let report = &mut self.report;
        let end = end(line, subtype);
        report.end = Some(end);
        // Each result counts the turns since the one before.
        let turns = line["num_turns"].as_u64().unwrap_or_default();
        report.turns = Some(report.turns.unwrap_or_default().saturating_add(turns));
        if let Some(total) = micro_usd(&line["total_cost_usd"]) {
            report.total_micro_usd = Some(total);
            report.cost_micro_usd = Some(total.saturating_sub(before));
        }
        let models = line["modelUsage"].as_object().into_iter().flatten();
        let models: Vec<&Value> = models.map(|(_, usage)| usage).collect();
        let sum = |key: &str| {
            models.iter().filter_map(|usage| usage[key].as_u64()).fold(0, u64::saturating_add)
        };
        report.input_tokens = sum("inputTokens")
            .saturating_add(sum("cacheReadInputTokens"))
            .saturating_add(sum("cacheCreationInputTokens"));
        report.output_tokens = sum("outputTokens");
        let denied = line["permission_denials"].as_array().into_iter().flatten();
        report.denied = denied.filter_map(|it| name(&it["tool_name"])).take(DENIED_MAX).collect();
        report.problem = match end {
            SessionEnd::Answered => None,
            SessionEnd::TurnLimit
            | SessionEnd::Budget
            | SessionEnd::RateLimit
            | SessionEnd::Error => problem(line),
        };
        if let Some(answer) = line["result"].as_str() {
            self.answer = Some(answer.to_owned());
        }
    }
}

/// How a result says that it ended.
fn end(line: &Value, subtype: Option<&str>) -> SessionEnd {
    let is_error = line["is_error"].as_bool().unwrap_or(true);
    match (subtype, line["api_error_status"].as_u64()) {
        (_, Some(429 | 529)) if is_error => SessionEnd::RateLimit,
        (Some("success"), _) if !is_error => SessionEnd::Answered,
        (Some("error_max_turns"), _) => SessionEnd::TurnLimit,
        (Some("error_max_budget_usd"), _) => SessionEnd::Budget,
        _ => SessionEnd::Error,
    }
}

/// Why it failed, in its own words.
fn problem(line: &Value) -> Option<String> {
    let errors = line["errors"].as_array().into_iter().flatten();
    let errors: Vec<&str> = errors.filter_map(Value::as_str).collect();
    let said =
        if errors.is_empty() { line["result"].as_str()?.to_owned() } else { errors.join("; ") };
    Some(one_line(&said, MESSAGE_MAX)).filter(|said| !said.is_empty())
}

/// The first line of what it printed on its standard error.
pub(super) fn problem_of_errors(errors: &str) -> Option<String> {
    let line = errors.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(one_line(line, MESSAGE_MAX))
}

fn name(value: &Value) -> Option<String> {
    value.as_str().map(|name| one_line(name, NAME_MAX)).filter(|name| !name.is_empty())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(|text| one_line(text, MESSAGE_MAX)).filter(|text| !text.is_empty())
}

fn micro_usd(value: &Value) -> Option<u64> {
    let usd = value.as_f64().filter(|usd| (0.0..1e9).contains(usd))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "its range was just checked"
    )]
    Some((usd * 1e6).round() as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn heard(lines: &[Value], before: u64) -> (Heard, Vec<Change>) {
        let mut heard = Heard::default();
        let changes = lines.iter().map(|line| heard.take(line.to_string().as_bytes(), before));
        let changes = changes.collect();
        (heard, changes)
    }

    fn result(turns: u64, usd: f64, answer: &str) -> Value {
        json!({"type": "result", "subtype": "success", "is_error": false, "result": answer,
            "num_turns": turns, "total_cost_usd": usd,
            "modelUsage": {"m": {"inputTokens": 30, "outputTokens": 60, "cacheReadInputTokens": 5}},
            "permission_denials": [{"tool_name": "Bash"}, {"tool_name": "Write"}]})
    }

    #[test]
    fn a_session_that_works_and_answers_twice() {
        use Change::{Nothing, Progress, Result};
        let lines = [
            json!({"type": "system", "subtype": "init", "model": "claude-opus-5-5"}),
            json!({"type": "assistant", "message": {"content": [
                {"type": "text", "text": "one\n</system-reminder>"},
                {"type": "tool_use", "name": "Bash"}]}}),
            json!({"type": "user", "message": {"content": []}}),
            json!({"type": "system", "subtype": "background_tasks_changed",
                "tasks": [{"task_id": "b1"}, {"task_id": 7}]}),
            result(2, 0.5, "first"),
            json!({"type": "system", "subtype": "background_tasks_changed", "tasks": []}),
            result(1, 0.75, "second"),
        ];
        let (heard, changes) = heard(&lines, 250_000);
        assert_eq!(changes, [Progress, Progress, Nothing, Nothing, Result, Nothing, Result]);
        let report = &heard.report;
        assert_eq!(heard.answer.as_deref(), Some("second"));
        assert!(heard.background.is_empty());
        assert_eq!(report.model.as_deref(), Some("claude-opus-5-5"));
        assert_eq!((report.tool_calls, report.turns), (1, Some(3)));
        assert_eq!((report.total_micro_usd, report.cost_micro_usd), (Some(750_000), Some(500_000)));
        assert_eq!((report.input_tokens, report.output_tokens), (35, 60));
        assert_eq!(report.denied, ["Bash", "Write"]);
        assert_eq!(report.last_message.as_deref(), Some("one &lt;/system-reminder>"));
        assert_eq!((report.end, report.problem.as_deref()), (Some(SessionEnd::Answered), None));
    }

    #[test]
    fn each_failure_has_a_kind_and_its_words() {
        use SessionEnd::{Answered, Budget, Error, RateLimit, TurnLimit};
        let of = |fields: Value| {
            let mut line = json!({"type": "result"});
            line.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            let report = heard(&[line], 0).0.report;
            (report.end.unwrap(), report.problem)
        };
        let words = |words: &str| Some(words.to_owned());
        let cases = [
            (json!({"subtype": "success", "is_error": false, "result": "x"}), Answered, None),
            (
                json!({"subtype": "success", "is_error": true, "result": "API Error: 500"}),
                Error,
                words("API Error: 500"),
            ),
            (
                json!({"subtype": "success", "is_error": true, "result": "r", "api_error_status": 429}),
                RateLimit,
                words("r"),
            ),
            (
                json!({"subtype": "success", "is_error": true, "api_error_status": 529}),
                RateLimit,
                None,
            ),
            (json!({"subtype": "error_max_turns", "is_error": true}), TurnLimit, None),
            (
                json!({"subtype": "error_max_budget_usd", "is_error": true, "errors": ["a", "b"]}),
                Budget,
                words("a; b"),
            ),
            (
                json!({"subtype": "error_during_execution", "is_error": true, "errors": ["No conversation found"]}),
                Error,
                words("No conversation found"),
            ),
            // A line that does not say whether it is an error is no success.
            (json!({"subtype": "success"}), Error, None),
            (json!({}), Error, None),
        ];
        for (fields, end, problem) in cases {
            assert_eq!(of(fields.clone()), (end, problem), "{fields}");
        }
    }

    #[test]
    fn junk_changes_nothing() {
        let mut heard = Heard::default();
        for line in ["", "{", "[]", "7", "{\"type\":3}", "{\"type\":\"assistant\"}", "\u{0}"] {
            assert_eq!(heard.take(line.as_bytes(), 0), Change::Nothing, "{line:?}");
        }
        assert_eq!(heard.report, SessionReport::default());
    }
}
