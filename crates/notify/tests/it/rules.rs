//! Which results the notifier shows, when, and in how many notifications.

use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::json;
use sisyphus_base::id::TaskId;
use sisyphus_tasks::outcome::{AgentFailure, Canceller, Outcome};
use sisyphus_testing::wait_until;

use crate::stage::{FAILED, Stage};

const LONG: u64 = 12_000;

/// The notifier shows a failure at once, with the first failing line of the output.
#[test]
fn a_failure_is_shown_at_once() {
    let stage = Stage::new();
    stage.run(&["run the tests", "other"]);
    std::fs::create_dir(stage.env.state().join("output")).unwrap();
    let log = format!("output/t{}.log", "72756e20746865207465737473");
    let output = "compiling\nerror: no such field\n at line 3\nlast words\n";
    std::fs::write(stage.env.state().join(log), output).unwrap();
    stage.end("run the tests", FAILED, 2_100);
    let begin = Instant::now();
    let mut notifier = stage.start();
    wait_until("the notification", || !stage.desktop.calls().is_empty());
    assert!(begin.elapsed() < Duration::from_millis(1_500), "{:?}", begin.elapsed());
    assert!(notifier.wait().unwrap().success());
    assert_eq!(
        stage.said(),
        ["✖ run the tests failed with exit code 3 · proj | error: no such field / After 2.1 s"]
    );
}

#[test]
fn a_success_is_told_if_it_took_its_time() {
    let stage = Stage::new();
    stage.run(&["short", "long", "other"]);
    stage.end("short", Outcome::Completed, 9_999);
    stage.end("long", Outcome::Completed, LONG);
    assert_eq!(stage.told(), ["✔ long completed with exit code 0 · proj | After 12 s"]);
}

#[test]
fn the_user_sets_how_long_that_is() {
    let stage = Stage::new();
    stage.env.set(&json!({ "notify_min_seconds": 60 }));
    stage.run(&["long", "longer", "other"]);
    stage.end("long", Outcome::Completed, 59_999);
    stage.end("longer", Outcome::Completed, 60_000);
    assert_eq!(stage.told(), ["✔ longer completed with exit code 0 · proj | After 60 s"]);
}

/// No sentence begins with an id, which has no capital.
#[test]
fn a_skipped_command_names_what_it_needed() {
    let stage = Stage::new();
    stage.run(&["deploy", "other"]);
    let because = "failed with exit code 3 after 2 s".to_owned();
    let after = TaskId::new("tvsx1yqkp").unwrap();
    stage.end("deploy", Outcome::Skipped { after, because }, 0);
    assert_eq!(
        stage.told(),
        ["■ deploy was skipped · proj | \
          It needed tvsx1yqkp, which failed with exit code 3 after 2 s / After 0 s"]
    );
}

#[test]
fn what_ends_within_two_seconds_is_one_notification() {
    let stage = Stage::new();
    stage.run(&["a", "b", "c", "other"]);
    let begin = Instant::now();
    stage.end("a", Outcome::Completed, LONG);
    let mut notifier = stage.start();
    stage.end("b", Outcome::Completed, LONG);
    stage.end("c", Outcome::Completed, 1);
    assert!(notifier.wait().unwrap().success());
    // Two seconds for what ends with it, and two for what follows.
    assert!(begin.elapsed() > Duration::from_millis(3_500), "{:?}", begin.elapsed());
    assert_eq!(
        stage.said(),
        ["✔ 2 commands finished · proj | a completed with exit code 0 after 12 s / \
          b completed with exit code 0 after 12 s"]
    );
}

/// The notifier adds what ends within two seconds after a failure to the notification of the failure.
#[test]
fn ends_after_a_failure_join_its_notification() {
    let stage = Stage::new();
    stage.run(&["a", "b", "c", "other"]);
    stage.end("a", FAILED, 1);
    let mut notifier = stage.start();
    wait_until("the first", || stage.desktop.calls().len() == 1);
    stage.end("b", Outcome::TimedOut { limit_ms: None }, 1_000);
    stage.end("c", Outcome::Completed, LONG);
    assert!(notifier.wait().unwrap().success());
    let calls = stage.desktop.calls();
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert_eq!((calls[0].replaces, calls[1].replaces), (0, calls[0].id));
    assert_eq!(
        stage.said()[1],
        "✖ 2 of 3 commands failed · proj | a failed with exit code 3 after 0 s / \
         b timed out at Claude Code's own limit after 1 s / c completed with exit code 0 after 12 s"
    );
}

/// The notifier never shows an end that is older than ten minutes.
#[test]
fn old_ends_are_never_shown() {
    let stage = Stage::new();
    stage.run(&["a", "b", "c", "d"]);
    // No process could start a notifier.
    for name in ["a", "b", "c"] {
        stage.end(name, FAILED, LONG);
    }
    stage.end("d", Outcome::Completed, LONG);
    stage.env.edit_state("notify.json", |notes| {
        for kind in ["ended", "over"] {
            let notes = notes[kind].as_array_mut().unwrap();
            // The last result is younger, the summary is not.
            let old = notes.len() - usize::from(kind == "ended");
            for note in &mut notes[..old] {
                note["at"] = json!(Utc::now() - Duration::from_secs(11 * 60));
            }
        }
    });
    assert_eq!(stage.told(), ["✔ d completed with exit code 0 · proj | After 12 s"]);
}

/// Of two notifiers, one shows all ends and the other ends at once.
#[test]
fn of_two_notifiers_one_shows() {
    let stage = Stage::new();
    stage.run(&["a", "b", "other"]);
    stage.end("a", FAILED, 1);
    let mut notifier = stage.start();
    wait_until("the first", || stage.desktop.calls().len() == 1);
    stage.end("b", FAILED, 1);
    let begin = Instant::now();
    assert!(stage.start().wait().unwrap().success());
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert!(notifier.wait().unwrap().success());
    let calls = stage.desktop.calls();
    let replaced: Vec<u32> = calls.iter().map(|it| it.replaces).collect();
    assert_eq!(replaced, [0, calls[0].id]);
}

#[test]
fn a_failure_takes_along_what_waits() {
    let stage = Stage::new();
    stage.run(&["a", "b", "other"]);
    stage.end("a", Outcome::Completed, LONG);
    stage.end("b", FAILED, 1);
    assert_eq!(
        stage.told(),
        ["✖ 1 of 2 commands failed · proj | b failed with exit code 3 after 0 s / \
          a completed with exit code 0 after 12 s"]
    );
}

#[test]
fn who_stopped_it_is_not_told() {
    let stage = Stage::new();
    stage.run(&["a", "b", "c", "other"]);
    stage.end("a", Outcome::Cancelled { by: Canceller::Model }, LONG);
    stage.end("b", Outcome::Cancelled { by: Canceller::SessionEnd }, LONG);
    stage.end("c", Outcome::Cancelled { by: Canceller::User }, LONG);
    assert_eq!(stage.told(), [""; 0]);
}

/// The notifier shows a foreign stop only when it is sure that no end of a session was the cause.
#[test]
fn what_a_session_end_may_have_stopped_waits() {
    let stage = Stage::new();
    stage.run(&["a", "other"]);
    stage.end("a", Outcome::Cancelled { by: Canceller::Unknown }, LONG);
    let begin = Instant::now();
    assert_eq!(stage.told(), ["■ a was stopped by a signal from outside · proj | After 12 s"]);
    assert!(begin.elapsed() > Duration::from_secs(5), "{:?}", begin.elapsed());
}

#[test]
fn the_last_end_of_a_session_brings_the_sum_once() {
    let stage = Stage::new();
    stage.run(&["a", "b", "c"]);
    stage.end("a", Outcome::Completed, 1_000);
    stage.end("b", FAILED, 1_000);
    stage.end("c", Outcome::Completed, LONG);
    assert_eq!(
        stage.told(),
        ["✖ 1 of 3 commands failed · proj | b failed with exit code 3 after 1 s / \
          c completed with exit code 0 after 12 s / \
          All 3 commands of this session finished: 1 failed, 2 completed, in 12 s"]
    );
}

/// A sum that counts delegated sessions calls them tasks, as the title does.
#[test]
fn the_sum_of_sessions_counts_tasks() {
    let stage = Stage::new();
    stage.run(&["a", "review"]);
    stage.end("a", FAILED, 1_000);
    stage.end_session("review", Outcome::Completed, None);
    let told = stage.told();
    let sum = told[0].split(" / ").last().unwrap();
    assert!(
        sum.starts_with("All 2 tasks of this session finished: 1 failed, 1 completed"),
        "{told:?}"
    );
}

/// The end of a session names it, what it cost, and of a failure the cause.
#[test]
fn a_session_is_shown_with_its_cost() {
    let stage = Stage::new();
    stage.run(&["review", "other"]);
    stage.end_session("review", Outcome::Completed, None);
    assert_eq!(stage.told(), ["✔ session review finished · proj | After 3 min 2 s, $0.42"]);
    let stage = Stage::new();
    stage.run(&["review", "a", "other"]);
    let failed = Outcome::AgentFailed { why: AgentFailure::Budget };
    stage.end_session("review", failed.clone(), Some("over\nbudget"));
    let said =
        "✖ session review failed at its budget · proj | over budget / After 3 min 2 s, $0.42";
    assert_eq!(stage.told(), [said]);
    let stage = Stage::new();
    stage.run(&["review", "a", "other"]);
    stage.end("a", FAILED, 1_000);
    stage.end_session("review", failed, None);
    let said = "✖ 2 of 2 tasks failed · proj | a failed with exit code 3 after 1 s / \
                session review failed at its budget after 3 min 2 s, $0.42";
    assert_eq!(stage.told(), [said]);
}

/// The icon says the outcome. No outcome stays on the screen until it is dismissed, and none comes without a banner.
#[test]
fn an_outcome_has_its_icon() {
    const NORMAL: Option<u8> = Some(1);
    let lost = Outcome::Cancelled { by: Canceller::Unknown };
    for (outcome, sign, icon) in [
        (FAILED, "✖ ", "dialog-error"),
        (Outcome::TimedOut { limit_ms: None }, "✖ ", "dialog-error"),
        (Outcome::Completed, "✔ ", "dialog-information"),
        (lost, "■ ", "dialog-warning"),
    ] {
        let stage = Stage::new();
        stage.run(&["a", "other"]);
        stage.end("a", outcome, LONG);
        let told = stage.told();
        let call = &stage.desktop.calls()[0];
        assert!(told[0].starts_with(sign), "{told:?}");
        assert_eq!((call.icon.as_str(), call.urgency), (icon, NORMAL), "{call:?}");
    }
}

/// Two ends that were shown by themselves, and the last one of the session.
fn three_ends(stage: &Stage, before_the_last: impl FnOnce()) {
    stage.run(&["a", "b", "c"]);
    stage.end("a", FAILED, 1_000);
    stage.told();
    stage.end("b", Outcome::Completed, LONG);
    stage.told();
    before_the_last();
    stage.end("c", Outcome::Completed, 1_000);
    stage.told();
}

/// The summary of a session replaces its notifications, also those of earlier notifiers, and says what they said.
#[test]
fn a_summary_replaces_what_it_sums_up() {
    let stage = Stage::new();
    three_ends(&stage, || {});
    let replaced: Vec<u32> = stage.desktop.calls().iter().map(|it| it.replaces).collect();
    assert_eq!(
        (replaced.as_slice(), stage.desktop.closed().as_slice()),
        ([0, 0, 2].as_slice(), [1].as_slice())
    );
    assert!(
        stage.said()[2].starts_with(
            "✖ 1 of 3 commands failed · proj | a failed with exit code 3 after 1 s / \
             b completed with exit code 0 after 12 s / \
             All 3 commands of this session finished: 1 failed, 2 completed"
        ),
        "{:?}",
        stage.said()
    );
}

/// The desktop answers with an error for a notification that the user has dismissed. That is what was wanted.
#[test]
fn what_the_user_has_dismissed_is_no_fault() {
    let stage = Stage::new();
    three_ends(&stage, || stage.desktop.dismiss(1));
    assert_eq!(stage.desktop.closed(), [1]);
    let log = std::fs::read_to_string(stage.env.state().join("hooks.log")).unwrap_or_default();
    assert_eq!(log, "");
    let shown = std::fs::read_to_string(stage.env.state().join("notify.shown.json")).unwrap();
    assert!(shown.contains("\"sessions\":[]"), "the summary has taken their place: {shown}");
}

/// After a restart of the desktop, the ids are those of other programs: the summary touches none.
#[test]
fn a_summary_spares_another_desktop() {
    let stage = Stage::new();
    three_ends(&stage, || {
        stage.env.edit_state("notify.shown.json", |shown| shown["server"] = json!(":1.999"));
    });
    let calls = stage.desktop.calls();
    assert_eq!(calls.len(), 3, "{calls:?}");
    assert!(calls.iter().all(|it| it.replaces == 0), "{calls:?}");
    assert_eq!(stage.desktop.closed(), [0; 0]);
}

#[test]
fn a_sum_of_moments_is_none() {
    let stage = Stage::new();
    stage.run(&["a", "b"]);
    stage.end("a", Outcome::Completed, 10);
    stage.end("b", Outcome::Completed, 10);
    assert_eq!(stage.told(), [""; 0]);
}

#[test]
fn it_is_off_where_the_user_or_the_project_says_so() {
    for (file, text) in [
        ("home/.claude/settings.json", json!({ "background_notifications": false })),
        ("proj/.claude/settings.json", json!({ "background_notifications": false })),
        ("proj/.claude/settings.local.json", json!({ "sisyphus.background_notifications": false })),
    ] {
        let stage = Stage::new();
        stage.run(&["a", "b"]);
        let path = stage.env.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text.to_string()).unwrap();
        stage.end("a", FAILED, LONG);
        stage.end("b", Outcome::Completed, LONG);
        let begin = Instant::now();
        assert_eq!(stage.told(), [""; 0], "{file}");
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    }
}

#[test]
fn a_project_does_not_switch_it_on() {
    let stage = Stage::new();
    stage.run(&["a"]);
    let write = |path: &str, on: bool| {
        let path = stage.env.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = json!({ "background_notifications": on, "sisyphus.notify_min_seconds": 0 });
        std::fs::write(path, text.to_string()).unwrap();
    };
    write("home/.claude/settings.json", false);
    write("proj/.claude/settings.json", true);
    stage.end("a", FAILED, LONG);
    assert_eq!(stage.told(), [""; 0]);
}

/// While five threads record ends, notifiers of five others show each end once.
#[test]
fn every_end_is_shown_once_under_load() {
    let stage = Stage::new();
    let names: Vec<String> = (0..40).map(|number| format!("n{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    stage.run(&names);
    stage.run(&["other"]);
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                for name in &names {
                    stage.end(name, FAILED, 1);
                }
            });
            scope.spawn(|| {
                for _ in 0..3 {
                    assert!(stage.start().wait().unwrap().success());
                }
            });
        }
    });
    stage.told();
    // Of the calls that replace each other the last one counts.
    let calls = stage.desktop.calls();
    let shown = calls
        .iter()
        .filter(|it| !calls.iter().any(|other| other.replaces == it.id && other != *it));
    let count = |title: &str| {
        let words: Vec<&str> = title.split(' ').collect();
        words.iter().position(|word| *word == "of").map_or(1, |at| words[at - 1].parse().unwrap())
    };
    let total: usize = shown.map(|it| count(&it.title)).sum();
    assert_eq!(total, 40, "{calls:?}");
}
