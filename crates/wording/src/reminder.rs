//! One reminder about all results that are ready.

use sisyphus_base::paths::StateDir;
use sisyphus_state::store::Leased;
use sisyphus_tasks::delivery::Attempt;

use super::measure::length;
use super::report::Ended;
use super::summary::Rest;

/// How many results one reminder always has room for, each with its outcome and the path of its output.
pub const TOLD_AT_ONCE: usize = 20;
/// Most characters of a reminder. Claude Code replaces a hook's text of more than 10,000 by the name of a file.
pub const REMINDER_MAX: usize = 8_000;
/// Most characters of a task's short report, with the blank line after it.
const SHORT_MAX: usize = 380;
/// Most characters of the line that counts the tasks without room.
const LEFT_OUT_MAX: usize = 80;

const _: () = assert!(TOLD_AT_ONCE * SHORT_MAX + Rest::SAID_MAX + LEFT_OUT_MAX <= REMINDER_MAX);

/// Writes the reminder for finished tasks, failures first; `None` if there are none.
pub fn reminder(
    deliveries: &[Leased],
    rest: &Rest,
    state: &StateDir,
    tail_lines: usize,
) -> Option<String> {
    let mut ordered: Vec<&Leased> = deliveries.iter().collect();
    ordered.sort_by_key(|delivery| delivery.task.status().word() == "completed");
    let results: Vec<(&str, Ended<'_>)> = ordered
        .into_iter()
        .filter_map(|it| Some((mark(it.attempt), Ended::of(&it.task, state)?)))
        .collect();
    if results.is_empty() {
        return None;
    }

    let foot = rest.said();
    let room = REMINDER_MAX.saturating_sub(length(&foot));
    // Each report ends with a blank line.
    let short = |(mark, ended): &(&str, Ended<'_>)| {
        format!("{mark}{}\n", ended.in_short(SHORT_MAX - length(mark) - 1))
    };
    let shorts: Vec<String> = results.iter().map(short).collect();
    let (count, mut spare) = fitting(&shorts, room);
    let is_session = |(_, ended): &&(&str, Ended<'_>)| ended.session().is_some();
    let mut sessions = results.iter().take(count).filter(is_session).count();
    let mut text = String::new();
    for ((mark, ended), short) in results.iter().zip(&shorts).take(count) {
        // Room for every short report is reserved. The first full report that fits gets the rest. Sessions share it.
        let share = length(short) + spare / sessions.max(1) - length(mark) - 1;
        let full = format!("{mark}{}\n", ended.in_full(tail_lines, share));
        sessions -= usize::from(ended.session().is_some());
        let more = length(&full).saturating_sub(length(short));
        if more <= spare {
            spare -= more;
            text.push_str(&full);
        } else {
            text.push_str(short);
        }
    }
    if count < results.len() {
        let left_out = results.len() - count;
        text.push_str(&format!("{left_out} more finished; `sisyphus list` shows them.\n\n"));
    }
    text.push_str(&foot);
    Some(text)
}

/// How many short reports fit, and how much room they leave.
fn fitting(shorts: &[String], room: usize) -> (usize, usize) {
    let total: usize = shorts.iter().map(|short| length(short)).sum();
    if total <= room {
        return (shorts.len(), room - total);
    }
    let mut left = room.saturating_sub(LEFT_OUT_MAX);
    let mut count = 0;
    for short in shorts {
        let Some(rest) = left.checked_sub(length(short)) else { break };
        left = rest;
        count += 1;
    }
    (count, left)
}

/// What precedes a report that is not the first one.
fn mark(attempt: Attempt) -> &'static str {
    match attempt {
        Attempt::First => "",
        Attempt::Redelivery => "(possibly repeated) ",
        Attempt::Correction => "(correction of an earlier report) ",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sisyphus_base::id::TaskId;
    use sisyphus_tasks::code_zero::{CodeZero, Options, Place};
    use sisyphus_tasks::kept_output::KeptOutput;
    use sisyphus_tasks::oom_kill::OomKill;
    use sisyphus_tasks::outcome::{LostReason, Outcome};
    use sisyphus_tasks::session::SessionReport;
    use sisyphus_tasks::task::Task;
    use sisyphus_tasks::task::samples::{delegated, with_ending};
    use sisyphus_tasks::usage::Usage;
    use sisyphus_testing::TempDir;

    use super::super::samples::{ended, with_output};
    use super::*;

    fn first(tasks: &[Task]) -> Vec<Leased> {
        tasks.iter().map(|task| Leased { task: task.clone(), attempt: Attempt::First }).collect()
    }

    fn remind(dir: &TempDir, tasks: &[Task], live: usize) -> String {
        let rest = Rest { live, ..Rest::default() };
        let text = reminder(&first(tasks), &rest, &StateDir::at(dir.path()), 20).unwrap();
        text.replace(dir.path().to_str().unwrap(), "STATE").replace('\\', "/")
    }

    #[test]
    fn one_failure() {
        let dir = TempDir::new();
        let task = with_output(
            &dir,
            ended("t1", Outcome::Failed { exit_code: 3 }, 2_104),
            b"47 passed, 3 failed\n",
        );
        assert_eq!(
            remind(&dir, &[task], 0),
            "\
[sisyphus] Background task t1 (\"run the tests\") failed with exit code 3 after 2.1 s.
command: sleep 2; echo '47 passed, 3 failed'; exit 3
output (1 line, 20 bytes; all of it; each line after \"| \" is the command's):
| 47 passed, 3 failed
whole output: STATE/output/t1.log

No other background command is running."
        );
    }

    /// A success whose exit code says little has one line more, in a full report and in a short one.
    #[test]
    fn a_success_says_whose_code_it_has() {
        let dir = TempDir::new();
        let masked = |number: usize| {
            let mut task = ended(&format!("t{number}"), Outcome::Completed, 1_000);
            task.command = "npm test | tail -1".to_owned();
            let (program, place) = ("tail".to_owned(), Place::PipelineEnd);
            task.code_zero = Some(CodeZero { program, place });
            with_ending(task, |ending| ending.options = Options::Usual)
        };
        assert_eq!(
            remind(&dir, &[masked(1)], 0),
            "\
[sisyphus] Background task t1 (\"run the tests\") completed with exit code 0 after 1 s.
command: npm test | tail -1
exit code 0 is that of `tail`, the last of a pipeline

No other background command is running."
        );
        let all: Vec<Task> = (0..60).map(masked).collect();
        let text = remind(&dir, &all, 0);
        let said = text.matches("\nexit code 0 is that of `tail`").count();
        assert_eq!(said, reports(&text).len(), "{text}");
        assert!(text.matches("command: ").count() < said, "each has a full report: {text}");
        // Another code, or a shell that counts all of them.
        let other = with_ending(masked(1), |ending| ending.options = Options::Other);
        let unknown = with_ending(masked(2), |ending| ending.options = Options::Unknown);
        let code = Outcome::Failed { exit_code: 1 };
        let failed = with_ending(masked(3), |ending| ending.outcome = code);
        let text = remind(&dir, &[other, unknown, failed], 0);
        assert!(!text.contains("that of"), "{text}");
    }

    #[test]
    fn failures_come_first_and_silence_is_said() {
        let dir = TempDir::new();
        let good = with_output(&dir, ended("t1", Outcome::Completed, 61_000), b"");
        let bad = ended("t2", Outcome::TimedOut { limit_ms: Some(90_000) }, 90_000);
        assert_eq!(
            remind(&dir, &[good, bad], 2),
            "\
[sisyphus] Background task t2 (\"run the tests\") timed out after 90 s.
command: sleep 2; echo '47 passed, 3 failed'; exit 3

[sisyphus] Background task t1 (\"run the tests\") completed with exit code 0 after 61 s.
command: sleep 2; echo '47 passed, 3 failed'; exit 3
output: none
whole output: STATE/output/t1.log

2 other background commands have not finished."
        );
    }

    /// The first and the last line of each report.
    fn reports(text: &str) -> Vec<(&str, &str)> {
        let blocks = text.split("\n\n").filter(|block| block.contains("[sisyphus] "));
        blocks.map(|it| (it.lines().next().unwrap(), it.lines().next_back().unwrap())).collect()
    }

    /// As many failures as one hook reports, with this description, in a state folder of this name.
    fn full_house(folder: &Path, description: &str, outcome: &Outcome) -> String {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path().join(folder));
        std::fs::create_dir_all(state.output_dir()).unwrap();
        let deliveries: Vec<Leased> = (0..TOLD_AT_ONCE)
            .map(|number| {
                let mut task = ended(&format!("t{number:08}"), outcome.clone(), u64::MAX);
                task.description = description.to_owned();
                task.command = "c".repeat(10_000);
                let (program, place) = ("p".repeat(30), Place::PipelineEnd);
                task.code_zero = Some(CodeZero { program, place });
                let mut task = with_ending(task, |ending| {
                    ending.options = Options::Usual;
                    ending.oom_kill = Some(OomKill::ControlGroup);
                    ending.usage =
                        Some(Usage { cpu_ms: u64::MAX, largest_process_bytes: u64::MAX });
                });
                std::fs::write(state.output(&task.id), "x\n".repeat(1_000)).unwrap();
                task.output =
                    Some(KeptOutput { bytes: u64::MAX, dropped: u64::MAX, client_file: None });
                Leased { task, attempt: Attempt::Redelivery }
            })
            .collect();
        let rest = Rest { live: usize::MAX, owed: usize::MAX, ..Rest::default() };
        let text = reminder(&deliveries, &rest, &state, 200).unwrap();
        text.replace(dir.path().to_str().unwrap(), "STATE")
    }

    /// Whether a line says where the output of a task is.
    type IsPlace = fn(&str, &str) -> bool;

    fn is_named(id: &str, line: &str) -> bool {
        Path::new(line).ends_with(format!("output/{id}.log"))
    }

    fn is_elsewhere(id: &str, line: &str) -> bool {
        line == format!("output: `sisyphus show {id} --json` names its file")
    }

    /// A reminder has room for as many reports as a hook leases at once, even at their longest.
    #[test]
    fn all_leased_reports_fit_at_their_worst() {
        // With the temporary folder, as long as Claude Code's own usually are, too long for a short report, and almost as
        // long as the system allows.
        let usual = 120_usize.saturating_sub(TempDir::new().path().as_os_str().len()).max(1);
        let folders: [(_, IsPlace); 3] = [
            ("d".repeat(usual), is_named),
            (vec!["e".repeat(250); 3].join("/"), |id, line| {
                is_named(id, line) || is_elsewhere(id, line)
            }),
            (vec!["f".repeat(250); 14].join("/"), is_elsewhere),
        ];
        let outcomes = [
            Outcome::Lost { why: LostReason::RunFolderGone },
            Outcome::TimedOut { limit_ms: Some(u64::MAX) },
            Outcome::Failed { exit_code: i32::MIN },
            Outcome::Completed,
        ];
        for description in ["\"", "\u{e000}", "𝄞 ", "a word "].map(|part| part.repeat(1_000)) {
            for outcome in &outcomes {
                let predicate = outcome.sentence(Some(u64::MAX));
                for (folder, is_place) in &folders {
                    let text = full_house(Path::new(folder), &description, outcome);
                    let length = text.encode_utf16().count();
                    assert!(length <= REMINDER_MAX, "{length}: {text}");
                    let reports = reports(&text);
                    assert_eq!(reports.len(), TOLD_AT_ONCE, "{text}");
                    for (number, (sentence, place)) in reports.into_iter().enumerate() {
                        let id = format!("t{number:08}");
                        assert!(sentence.contains(&id), "{sentence}");
                        assert!(sentence.ends_with(&format!(" {predicate}.")), "{sentence}");
                        assert!(is_place(&id, place), "{place}");
                    }
                    assert!(!text.contains("sisyphus list"), "{text}");
                }
            }
        }
    }

    #[test]
    fn even_the_longest_id_leaves_room_for_its_outcome() {
        let dir = TempDir::new();
        let mut task = ended("t", Outcome::TimedOut { limit_ms: Some(u64::MAX) }, u64::MAX);
        task.id = TaskId::new("t".repeat(128)).unwrap();
        let tasks = vec![with_output(&dir, task, b"x"); TOLD_AT_ONCE];
        let text = remind(&dir, &tasks, 0);
        assert!(length(&text) <= REMINDER_MAX);
        assert_eq!(reports(&text).len(), TOLD_AT_ONCE);
    }

    #[test]
    fn what_has_no_room_at_all_is_counted() {
        let dir = TempDir::new();
        // With every length of a line, so that the last of them ends anywhere before the limit.
        for length_of_one in 1..90 {
            let tasks: Vec<Task> = (100..220)
                .map(|number| {
                    let outcome = Outcome::Failed { exit_code: 1 };
                    let mut task = ended(&format!("t{number}"), outcome, 5);
                    task.description = "d".repeat(length_of_one);
                    task
                })
                .collect();
            let text = remind(&dir, &tasks, 0);
            assert!(length(&text) <= REMINDER_MAX, "{length_of_one}: {}", length(&text));
            let left_out = 120 - reports(&text).len();
            let said = format!("\n{left_out} more finished; `sisyphus list` shows them.\n\n");
            assert!(text.contains(&said), "{text}");
        }
    }

    /// Each of several long answers is quoted, within the bound of the reminder.
    #[test]
    fn sessions_share_the_room() {
        let dir = TempDir::new();
        let report = || Some(SessionReport { cost_micro_usd: Some(10_000), ..Default::default() });
        let answer = "an answer\n".repeat(900);
        let session = |number: u64| {
            let task = delegated(ended(&format!("t{number}"), Outcome::Completed, 5), report());
            with_output(&dir, task, answer.as_bytes())
        };
        for count in [1, 2, 3, 5, 20] {
            let tasks: Vec<Task> = (0..count).map(session).collect();
            let text = remind(&dir, &tasks, 0);
            assert!(length(&text) <= REMINDER_MAX, "{}", length(&text));
            let quoted = text.matches("| [… ").count();
            assert!(quoted == tasks.len() || count == 20, "{text}");
            let ways = text.matches("`background_output(task_id=").count();
            assert_eq!(ways, tasks.len(), "{text}");
        }
    }

    #[test]
    fn what_may_have_been_told_before_says_so() {
        let dir = TempDir::new();
        let task = ended("t1", Outcome::Completed, 5);
        let delivery = Leased { task, attempt: Attempt::Redelivery };
        let text = reminder(&[delivery], &Rest::default(), &StateDir::at(dir.path()), 20).unwrap();
        assert!(text.starts_with("(possibly repeated) [sisyphus] Background task t1 "), "{text}");
    }

    /// I3: a reminder that corrects another one says so.
    #[test]
    fn a_correction_says_so() {
        let dir = TempDir::new();
        let task = ended("t1", Outcome::Failed { exit_code: 137 }, 5);
        let leased = Leased { task, attempt: Attempt::Correction };
        let text = reminder(&[leased], &Rest::default(), &StateDir::at(dir.path()), 20).unwrap();
        assert!(text.starts_with("(correction of an earlier report) [sisyphus] "), "{text}");
    }

    #[test]
    fn nothing_ended_is_no_reminder() {
        assert!(
            reminder(
                &[],
                &Rest { live: 3, owed: 2, ..Rest::default() },
                &StateDir::at("/nowhere"),
                20
            )
            .is_none()
        );
    }
}
