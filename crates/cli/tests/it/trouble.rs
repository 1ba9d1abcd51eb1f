//! What must not reach the terminal, and what must be said when it goes wrong.

use std::fs::{self, File};
use std::io;
use std::process::{Command, Stdio};

use serde_json::json;
use sisyphus_testing::{TestEnv, env};

use crate::planted::{assert_fails, ended, plant, plant_text, prints, running};

/// Clears the screen, sets the title, goes back over the line, turns the direction, breaks the line, hides.
const HOSTILE: &str =
    "\u{1b}[2J\u{1b}]0;pwned\u{7}a\rb\u{8}\u{202e}c\nd\u{9b}31me\u{2066}\u{200b}\u{7f}\u{0}";

/// Whether a terminal would do anything with this character but show it or end the line.
fn is_harmful(character: char) -> bool {
    let turns = matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    turns || (character.is_control() && character != '\n' && character != '\t')
}

fn assert_harmless(text: &str) {
    let harmful: Vec<char> = text.chars().filter(|&character| is_harmful(character)).collect();
    assert_eq!(harmful, Vec::<char>::new(), "{text:?}");
    assert!(!text.contains("pwned"), "{text:?}");
}

/// `sisyphus list` prints a hostile description as plain text on one line.
#[test]
fn a_hostile_description_is_plain_text() {
    let env = TestEnv::new();
    let mut by_folder = ended("t2", "fine", 2);
    by_folder["cwd"] = format!("/home/{HOSTILE}").into();
    let mut by_command = ended("t3", "", 3);
    by_command["command"] = HOSTILE.into();
    plant(&env, "completed.json", &[ended("t1", HOSTILE, 1), by_folder, by_command]);
    plant(&env, "active.json", &[running("t0", HOSTILE)]);
    let table = prints(&env, &["list"]);
    assert_harmless(&table);
    assert_eq!(table.lines().count(), 5, "{table:?}");
}

#[test]
fn a_hostile_ended_task_is_shown_as_plain_text() {
    let env = TestEnv::new();
    let mut task = ended("t1", HOSTILE, 1);
    task["command"] = HOSTILE.into();
    task["output"] = json!({ "bytes": HOSTILE.len() });
    plant(&env, "completed.json", &[task]);
    plant_text(&env, "output/t1.log", HOSTILE);
    assert_harmless(&prints(&env, &["show", "t1"]));
}

#[test]
fn a_hostile_running_task_is_shown_as_plain_text() {
    let env = TestEnv::new();
    let mut task = running("t1", HOSTILE);
    task["command"] = HOSTILE.into();
    plant(&env, "active.json", &[task]);
    let text = prints(&env, &["show", "t1"]);
    assert_harmless(&text);
    let heads: Vec<_> = text.lines().skip(1).map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(heads, ["command", "folder", "session", "started", "watched"], "{text:?}");
}

#[test]
fn that_nobody_reads_any_more_is_no_error() {
    let env = TestEnv::new();
    plant(&env, "active.json", &[running("t1", "")]);
    for args in
        [&["list"][..], &["list", "--json"], &["show", "t1"], &["--help"], &["list", "--help"]]
    {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut command = env.command("sisyphus");
        let output = command.args(args).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
        assert_eq!(output.stderr, b"", "{args:?}");
    }
}

#[test]
fn that_what_is_printed_is_lost_is_an_error() {
    let env = TestEnv::new();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = env.command("sisyphus");
    let output = command.arg("list").stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stderr.starts_with(b"sisyphus: "), "{output:?}");
}

const MALFORMED: &str = "{ \"version\": 1, \"tasks\": [tru";
const NEWER: &str = "{ \"version\": 3, \"tasks\": {} }";

const NEWER_IS: &str = "has format 3, this version knows 2; update sisyphus";

/// Without the live records nothing true can be said, and a newer version's are not to be changed.
#[test]
fn live_records_of_a_newer_version_are_named() {
    let env = TestEnv::new();
    plant_text(&env, "active.json", NEWER);
    let path = env.state().join("active.json");
    for args in [&["list"][..], &["list", "--json"], &["show", "t1"]] {
        let output = env.run("sisyphus", args);
        assert_fails(&output, 1, NEWER_IS);
        assert!(output.stderr.contains(path.to_str().unwrap()), "{output:?}");
    }
    assert_eq!(fs::read_to_string(path).unwrap(), NEWER);
}

/// Every command that reads the history, with a task that is live and one that has finished.
const READERS: [&[&str]; 9] = [
    &["list"],
    &["list", "--all"],
    &["show", "tgood"],
    &["show", "tlive"],
    &["output", "tgood"],
    &["wait", "tgood"],
    &["wait", "--timeout", "0.3", "tlive"],
    &["stats"],
    &["timeline"],
];

/// A home in which one task is live and one has finished well, the latter in this file.
fn with_good(env: &TestEnv, other: &str) {
    plant(env, "active.json", &[running("tlive", "")]);
    plant(env, other, &[ended("tgood", "", 1)]);
    plant_text(env, "output/tgood.log", "fine\n");
}

/// Runs every command that reads the history: each goes on with the rest and says in one line what it left out.
fn all_go_on(env: &TestEnv, file: &str, expected: &str) {
    for args in READERS {
        let output = env.run("sisyphus", args);
        let times_out = args.contains(&"tlive") && args[0] == "wait";
        assert_eq!(output.code, Some(if times_out { 124 } else { 0 }), "{args:?}: {output:?}");
        let said: Vec<&str> = output.stderr.lines().filter(|it| it.contains(file)).collect();
        let needs_history = expected_of(args, file);
        assert_eq!(said.len(), usize::from(needs_history), "{args:?}: {output:?}");
        assert!(said.iter().all(|line| line.contains(expected)), "{args:?}: {output:?}");
        if args[0] == "list" || args.contains(&"tgood") {
            assert!(output.stdout.contains("tgood") || output.stdout == "fine\n", "{output:?}");
        }
    }
    let output = env.run("sisyphus", &["cancel", "tgood"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let output = env.run("sisyphus", &["cancel", "--all"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let output = env.run("sisyphus", &["statusline"]);
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("▶1\n", ""), "{output:?}");
    assert!(env.run("sisyphus", &["doctor"]).stdout.contains("state"));
}

/// Whether a command reads this file at all: the archive only if it is asked to look far back.
fn expected_of(args: &[&str], file: &str) -> bool {
    !file.contains("archive") || args != ["list"]
}

/// S13: half of a history file costs the tasks in it and nothing else.
#[test]
fn half_a_history_file_stops_nothing() {
    for (file, other) in [("completed.json", "failed.json"), ("failed.json", "completed.json")] {
        for text in [&half(), MALFORMED, NEWER] {
            let env = TestEnv::new();
            with_good(&env, other);
            plant_text(&env, file, text);
            let expected = if text == NEWER { NEWER_IS } else { "is malformed: " };
            all_go_on(&env, file, expected);
            // Looking repairs nothing and loses nothing.
            assert_eq!(fs::read_to_string(env.state().join(file)).unwrap(), text);
        }
    }
}

/// The first half of a sound file.
fn half() -> String {
    let text =
        json!({ "version": 2, "tasks": [ended("t1", "", 1), ended("t2", "", 2)] }).to_string();
    text[..text.len() / 2].to_owned()
}

/// S14: a byte that is no UTF-8 costs its line of the archive.
#[test]
fn a_byte_that_is_no_text_costs_its_line() {
    let env = TestEnv::new();
    with_good(&env, "completed.json");
    let mut bytes = format!("\n{}\n", ended("tarch", "old", 1)).into_bytes();
    bytes.extend(b"{\"id\":\"tbad\xff\"}\n");
    let path = env.state().join("archive/2026-02.jsonl");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, &bytes).unwrap();
    all_go_on(&env, "archive/2026-02.jsonl", "left out 1 damaged lines");
    assert_eq!(fs::read(&path).unwrap(), bytes);
    let output = env.run("sisyphus", &["show", "tarch"]);
    assert_eq!(output.code, Some(0), "{output:?}");
}

/// `sisyphus list` sets a damaged `active.json` aside with the reason, and lists the history.
#[test]
fn a_damaged_active_list_is_set_aside() {
    let env = TestEnv::new();
    plant_text(&env, "active.json", MALFORMED);
    plant(&env, "completed.json", &[ended("t1", "", 1)]);
    assert!(prints(&env, &["list"]).contains("t1 "));
    let names = fs::read_dir(env.state()).unwrap().map(|entry| entry.unwrap().path());
    let aside: Vec<_> = names.filter(|path| path.to_str().unwrap().contains("corrupt")).collect();
    assert_eq!(aside.len(), 2, "the file and the reason: {aside:?}");
    assert!(aside.iter().any(|path| fs::read_to_string(path).unwrap() == MALFORMED), "{aside:?}");
}

#[test]
fn one_damaged_task_does_not_hide_the_others() {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[json!({ "id": "../evil" }), ended("t1", "", 1)]);
    assert!(prints(&env, &["list"]).contains("t1 "));
}

#[test]
fn without_a_home_it_says_so() {
    let env = TestEnv::new();
    let mut command = env.command("sisyphus");
    command.arg("list").env_remove("HOME");
    assert_fails(&env::run(command, b""), 1, "set HOME");
}

#[test]
fn what_it_does_not_know_is_refused_with_exit_code_2() {
    let env = TestEnv::new();
    for args in [&["lst"][..], &["list", "--lst"], &["list", "--last", "x"], &["show"], &[]] {
        let output = env.run("sisyphus", args);
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{args:?}: {output:?}");
        assert!(output.stderr.contains("--help"), "{args:?}: {output:?}");
    }
}

#[test]
fn the_terminals_own_tools_agree() {
    // With a shell's pipeline, as people type it.
    let test = TestEnv::new();
    let many: Vec<_> = (0..60).map(|second| ended(&format!("t{second}"), "", second)).collect();
    plant(&test, "completed.json", &many);
    let sisyphus = test.command("sisyphus").get_program().to_str().unwrap().to_owned();
    let mut command = Command::new("/bin/bash");
    test.apply(&mut command);
    command.args(["-c", &format!("{sisyphus} list --all | head -1; echo ${{PIPESTATUS[0]}}")]);
    let output = env::run(command, b"");
    assert!(output.stdout.ends_with(" WHAT\n0\n"), "{output:?}");
    assert_eq!(output.stderr, "");
}
