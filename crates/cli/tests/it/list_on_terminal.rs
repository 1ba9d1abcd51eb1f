//! `sisyphus list` and `sisyphus wait` on a terminal.

use std::fs;

use serde_json::json;
use sisyphus_testing::{Client, Shell, TestEnv, wait_until};

use crate::planted::{assert_fails, ended, failed, plant, plant_text, prints, running};
use crate::pty::Terminal;
use crate::support::{id_of, task_once};

const LONG: &str =
    "a description that is much longer than any line of a small terminal 日本語日本語日本語";

fn planted() -> TestEnv {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[ended("t1", LONG, 1)]);
    plant(&env, "failed.json", &[failed("t2", "short", 2)]);
    plant(&env, "active.json", &[running("t3", LONG)]);
    env
}

/// How many cells a line takes in which only ASCII, `…` and wide characters stand.
fn cells(line: &str) -> usize {
    line.chars().map(|character| if character > '\u{2e80}' { 2 } else { 1 }).sum()
}

#[test]
fn a_table_fits_the_terminal() {
    let env = planted();
    for width in [20, 40, 60, 80, 100, 120, 200] {
        let output = Terminal::new(&env).with("NO_COLOR", "1").sized(width, 24).run("list");
        assert_eq!(output.code, Some(0), "{output:?}");
        let lines: Vec<&str> = output.stdout.lines().collect();
        assert_eq!(lines.len(), 4, "{output:?}");
        for line in &lines {
            assert!(cells(line) <= usize::from(width), "{width}: {line:?}");
        }
        // Where there is room, nothing is cut.
        assert_eq!(lines[1].ends_with(LONG), width == 200, "{width}: {lines:?}");
    }
}

/// Where there is no room for all columns, those go that say least about a task.
#[test]
fn a_small_terminal_shows_what_ran() {
    let env = planted();
    let titles = |width: u16| {
        let text = Terminal::new(&env).with("NO_COLOR", "1").sized(width, 24).run("list").stdout;
        assert!(text.contains("  a descriptio"), "{text}");
        text.lines().next().unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(titles(80), ["ID", "STATE", "TIME", "AGE", "PROJECT", "WHAT"]);
    assert_eq!(titles(54), ["ID", "STATE", "TIME", "WHAT"]);
    assert_eq!(titles(40), ["ID", "STATE", "WHAT"]);
}

#[test]
fn colours_are_for_terminals_whose_user_wants_them() {
    let env = planted();
    let coloured = Terminal::new(&env).run("list").stdout;
    assert!(coloured.contains("\u{1b}[31mfailed(3) \u{1b}[0m"), "{coloured:?}");
    for plain in [
        Terminal::new(&env).with("NO_COLOR", "1").run("list").stdout,
        Terminal::new(&env).with("TERM", "dumb").run("list").stdout,
        Terminal::new(&env).redirected("| cat").run("list").stdout,
        prints(&env, &["list"]),
    ] {
        assert!(!plain.contains('\u{1b}'), "{plain:?}");
        assert!(plain.contains("failed(3)"), "{plain:?}");
    }
    // An empty variable says nothing.
    assert_eq!(
        Terminal::new(&env).with("NO_COLOR", "").run("list").stdout.replace("  ", ""),
        coloured.replace("  ", "")
    );
}

/// `sisyphus list --watch` draws changes and new output over its last drawing.
#[test]
fn watch_draws_in_place() {
    let client = Client::new(Shell::Bash);
    let task = client.background(
        r"printf '\033[2Jstep 1\n'; until [ -e go ]; do sleep 0.02; done; echo step 2; sleep 300",
    );
    let id = task_once(&client, &task, "running")["id"].as_str().unwrap().to_owned();
    let screen = Terminal::new(&client.env).start("list --watch");
    wait_until("the first drawing", || screen.text().contains("step 1"));
    fs::write(client.env.project().join("go"), "").unwrap();
    wait_until("the next drawing", || screen.text().contains("step 2"));
    let text = screen.text();
    // Two lines of the table, one of output and one of the slots, over which the next drawing goes.
    assert!(text.contains("\u{1b}[4A\r\u{1b}[J"), "{text:?}");
    assert!(text.contains("1 of 5 slots busy, 0 queued"), "{text:?}");
    assert!(text.matches(&id).count() >= 2, "{text:?}");
    assert!(!text.contains("\u{1b}[2J"), "{text:?}");
}

#[test]
fn watching_never_draws_more_than_the_terminal_shows() {
    let env = TestEnv::new();
    let many: Vec<_> = (0..15).map(|number| ended(&format!("t{number}"), "", number)).collect();
    plant(&env, "completed.json", &many);
    let screen = Terminal::new(&env).sized(80, 6).start("list -w");
    wait_until("the second drawing", || screen.text().contains("\u{1b}[5A"));
    let first = screen.text().split("\u{1b}[5A").next().unwrap().to_owned();
    assert_eq!(first.lines().count(), 5, "{first:?}");
}

#[test]
fn without_a_terminal_there_is_nothing_to_watch() {
    let env = planted();
    assert_fails(&env.run("sisyphus", &["list", "--watch"]), 1, "not a terminal");
    assert_eq!(env.run("sisyphus", &["list", "--watch", "--json"]).code, Some(2));
}

/// On a terminal, `sisyphus wait` shows a line while the task runs, and removes it at the end.
#[test]
fn wait_shows_a_line_until_the_end() {
    let client = Client::new(Shell::Bash);
    let running = client.background("until [ -e go ]; do sleep 0.02; done");
    let task = task_once(&client, &running, "running");
    let screen = Terminal::new(&client.env).start(&format!("wait {}", id_of(&task)));
    let line = format!("{} is running: a test", id_of(&task));
    wait_until("the line that turns", || screen.text().matches(&line).count() >= 2);
    fs::write(client.env.project().join("go"), "").unwrap();
    running.wait();
    wait_until("the end", || screen.text().contains("completed with exit code 0"));
    let text = screen.text();
    let (_, last) = text.rsplit_once(&line).unwrap();
    assert!(last.starts_with("\r\u{1b}[K"), "{text:?}");
    assert!(!last.contains("is running"), "{text:?}");
}

#[test]
fn what_turns_is_seen_by_people_only() {
    let env = TestEnv::new();
    plant(&env, "active.json", &[running("t1", "")]);
    let output = env.run("sisyphus", &["wait", "--timeout", "0.4", "t1"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(124), ""));
    assert_eq!(output.stderr, "sisyphus: timed out: t1 is running\n");
    // On a terminal, standard output has nothing but the JSON.
    let json = Terminal::new(&env).redirected(">out.json").run("wait --timeout 0.4 --json t1");
    assert_eq!(json.code, Some(124), "{json:?}");
    assert!(json.stdout.contains("t1 is running: npm test"), "{json:?}");
    let text = fs::read_to_string(env.project().join("out.json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["tasks"][0]["id"], json!("t1"));
}

#[test]
fn a_hostile_last_line_is_drawn_as_text() {
    let env = TestEnv::new();
    let mut task = running("t1", "serve");
    task["client"] = json!({ "id": "b1" });
    plant(&env, "active.json", &[task]);
    let tasks = env.client_tmp().join("-home-dev-proj/session-1/tasks");
    fs::create_dir_all(&tasks).unwrap();
    fs::write(tasks.join("b1.output"), "\u{1b}]0;pwned\u{7}\u{202e}line\u{1b}[2J here\n\n")
        .unwrap();
    plant_text(&env, "completed.json", "{}");
    let screen = Terminal::new(&env).start("list --watch");
    wait_until("the line", || screen.text().contains("line here"));
    assert!(!screen.text().contains("pwned"), "{:?}", screen.text());
    assert!(!screen.text().contains("\u{1b}[2J"), "{:?}", screen.text());
}

/// On a terminal, the last line of the list has the slots and groups. A pipe gets rows only.
#[test]
fn slots_are_below_the_list() {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({
        "max_background_tasks": 1,
    }));
    let hold = "until [ -e stop ]; do sleep 0.02; done";
    let mut started = vec![client.background(hold)];
    task_once(&client, &started[0], "running");
    started.push(client.background(hold));
    task_once(&client, &started[1], "queued");
    let shown = Terminal::new(&client.env).with("NO_COLOR", "1").run("list").stdout;
    let piped = prints(&client.env, &["list"]);
    fs::write(client.env.project().join("stop"), "").unwrap();
    for it in started {
        it.wait();
    }
    assert!(shown.ends_with("\n1 of 1 slot busy, 1 queued\n"), "{shown}");
    assert!(!piped.contains("busy"), "{piped}");
    let idle = Terminal::new(&client.env).run("list").stdout;
    assert!(!idle.contains("busy"), "{idle}");
}
