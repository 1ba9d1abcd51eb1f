//! `sisyphus timeline`.

use std::fs;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

use crate::planted::{assert_fails, ended, failed, plant, prints, task};
use crate::pty::Terminal;

/// Minutes ago, as state files have it.
fn ago(minutes: i64) -> String {
    (Utc::now() - TimeDelta::minutes(minutes)).to_rfc3339()
}

fn ran(mut task: Value, from: i64, to: i64, waited_minutes: i64) -> Value {
    task["status"]["started_at"] = ago(from).into();
    task["status"]["ended_at"] = ago(to).into();
    task["status"]["duration_ms"] = ((from - to).abs() * 60_000).into();
    task["status"]["waited_ms"] = (waited_minutes * 60_000).into();
    task
}

fn planted() -> TestEnv {
    let env = TestEnv::new();
    plant(
        &env,
        "completed.json",
        &[
            ran(ended("told", "yesterday", 1), 1_500, 1_440, 0),
            ran(ended("t1", "first", 1), 100, 50, 0),
        ],
    );
    plant(&env, "failed.json", &[ran(failed("t2", "second <b>&", 1), 50, 25, 25)]);
    let live = json!({ "state": "running", "started_at": ago(10), "watch": "observed" });
    plant(&env, "active.json", &[task("t3", "third", live)]);
    env
}

#[test]
fn bars_stand_below_their_times_the_earliest_first() {
    let env = planted();
    let text = prints(&env, &["timeline"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1 + 3 + 1, "{text}");
    for (line, (name, said)) in lines[1..].iter().zip([
        ("first", "completed 50 min"),
        ("second <b>&", "failed(3) 25 min"),
        ("third", "running 10 min"),
    ]) {
        assert!(line.starts_with(name) && line.contains(said), "{line}");
        assert!(line.chars().count() <= 100, "{line}");
    }
    let bar = |line: &str| line.split('│').nth(1).unwrap().to_owned();
    let cells = bar(lines[1]).chars().count();
    let count = |line: &str, sign: char| bar(line).chars().filter(|it| *it == sign).count();
    // A hundred minutes in all: half of them the first ran, a quarter the second waited, another it ran.
    for (line, sign, part) in
        [(lines[1], '█', 50), (lines[2], '░', 25), (lines[2], '█', 25), (lines[3], '█', 10)]
    {
        let expected = cells * part / 100;
        assert!(count(line, sign).abs_diff(expected) <= 1, "{part}: {text}");
    }
    assert!(bar(lines[1]).starts_with('█') && bar(lines[3]).ends_with('█'), "{text}");
    assert!(!text.contains("yesterday"));
    assert!(prints(&env, &["timeline", "--hours", "48"]).contains("yesterday"));
    assert_eq!(prints(&env, &["timeline", "--last", "2"]).lines().count(), 4);
    for wrong in ["0", "-1", "NaN", "1e9", "x"] {
        assert_eq!(env.run("sisyphus", &["timeline", "--hours", wrong]).code, Some(2), "{wrong}");
    }
}

#[test]
fn it_fits_the_terminal_and_is_coloured_there() {
    let env = planted();
    for width in [50, 80, 160] {
        let output = Terminal::new(&env).with("NO_COLOR", "1").sized(width, 24).run("timeline");
        assert_eq!(output.code, Some(0));
        let widest = output.stdout.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= usize::from(width), "{width}: {}", output.stdout);
        assert!(widest > usize::from(width) - 12, "{width}: {}", output.stdout);
    }
    assert!(Terminal::new(&env).run("timeline").stdout.contains("\u{1b}[31m│"));
}

/// Whatever the descriptions hold, `sisyphus timeline --svg` writes a well-formed picture.
#[test]
fn a_picture_is_well_formed() {
    let env = planted();
    let mut hostile = ran(
        ended("t9", "</text><script>x</script>\u{1b}]0;t\u{7}\u{202e}\u{0}\u{ffff}]]>", 1),
        20,
        10,
        1,
    );
    hostile["cwd"] = "/\"'<&".into();
    plant(&env, "completed.json", &[hostile]);
    let path = env.project().join("t.svg");
    assert_eq!(prints(&env, &["timeline", "--svg", path.to_str().unwrap()]), "");
    let picture = fs::read_to_string(&path).unwrap();
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{picture}");
    assert!(!picture.contains("<script"), "{picture}");
    assert!(picture.contains("second &lt;b&gt;&amp;"), "{picture}");
    let odd = |character: char| {
        character.is_control() && character != '\n' || matches!(character, '\u{202e}' | '\u{ffff}')
    };
    assert!(!picture.contains(odd), "{picture:?}");
    // Every element that is opened is closed.
    for name in ["svg", "g", "text", "title"] {
        let opened = picture.matches(&format!("<{name}>")).count()
            + picture.matches(&format!("<{name} ")).count();
        assert_eq!(opened, picture.matches(&format!("</{name}>")).count(), "{name}: {picture}");
    }
    assert_eq!(picture.matches("<g>").count(), 3);
    let missing = env.project().join("no/such/folder.svg");
    let output = env.run("sisyphus", &["timeline", "--svg", missing.to_str().unwrap()]);
    assert_fails(&output, 1, "could not write");
}

#[test]
fn the_json_holds_the_tasks_of_that_time() {
    let env = planted();
    let said: Value = serde_json::from_str(&prints(&env, &["timeline", "--json"])).unwrap();
    assert_eq!(said["version"], 1);
    let ids: Vec<&str> =
        said["tasks"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["t1", "t2", "t3"]);
    assert!(said["from"].is_string() && said["to"].is_string());
    let nothing = prints(&TestEnv::new(), &["timeline"]);
    assert_eq!(nothing, "No background command in this time.\n");
}

#[test]
fn times_that_make_no_sense_are_drawn_all_the_same() {
    let env = TestEnv::new();
    let mut backwards = ran(ended("t1", "backwards", 1), 10, 20, 0);
    backwards["status"]["waited_ms"] = u64::MAX.into();
    let mut future = ended("t2", "future", 1);
    future["status"]["ended_at"] = "2999-01-01T00:00:00Z".into();
    plant(&env, "completed.json", &[backwards, future]);
    let text = prints(&env, &["timeline"]);
    assert!(text.contains("backwards"), "{text}");
    prints(&env, &["timeline", "--svg", "t.svg"]);
}

/// If nothing goes on, the chart ends with the last task: a minute of work two hours ago fills the picture.
#[test]
fn a_short_span_is_not_squashed() {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[ran(ended("t1", "short", 1), 121, 120, 0)]);
    prints(&env, &["timeline", "--svg", "t.svg"]);
    let picture = fs::read_to_string(env.project().join("t.svg")).unwrap();
    let (before, _) = picture.split_once("\" height=\"14\"").unwrap();
    let (_, width) = before.rsplit_once('"').unwrap();
    assert_eq!(width, "600", "{picture}");
    let text = prints(&env, &["timeline"]);
    assert!(text.lines().nth(1).unwrap().contains("│██████"), "{text}");
}
