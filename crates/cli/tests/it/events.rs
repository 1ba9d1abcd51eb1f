//! `sisyphus events`, and the file that it reads.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use sisyphus_testing::{Client, Shell, TestEnv, env, wait_until};

use crate::planted::{plant_text, prints};
use crate::support::{id_of, task_once};

/// How long the next line may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Larger than the largest file, in bytes.
const FULL: usize = 5 * 1024 * 1024;

/// The lines that `--json` prints.
fn events(env: &TestEnv, more: &[&str]) -> Vec<Value> {
    let text = prints(env, &[&["events", "--json"], more].concat());
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The changes of one task, as `from>to`.
fn course(events: &[Value], id: &str) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let of_task = events.iter().filter(|event| event["id"] == id);
    of_task.map(|event| format!("{}>{}", word(&event["from"]), word(&event["to"]))).collect()
}

/// A line of a task that has no record.
fn planted(id: &str, ago: TimeDelta) -> String {
    let line = json!({
        "version": 1, "at": Utc::now() - ago, "id": id, "to": "running", "said": "runs",
        "description": "Build", "added later": [1],
    });
    format!("{line}\n")
}

/// A command that waits for a slot, runs and fails has these lines and no other, in order.
#[test]
fn a_command_leaves_its_course() {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "max_background_tasks": 1 }));
    let go = |name: &str| fs::write(client.env.project().join(name), "").unwrap();
    let first = client.background("until [ -e first ]; do sleep 0.02; done");
    client.wait_until_running(&first);
    let second = client.background("until [ -e second ]; do sleep 0.02; done; exit 3");
    let task = task_once(&client, &second, "queued");
    go("first");
    client.wait_until_running(&second);
    go("second");
    first.wait();
    second.wait();
    let all = events(&client.env, &[]);
    let course = course(&all, id_of(&task));
    let begin = usize::from(course[0] == "->pending");
    let queued = ["->queued", "pending>queued"][begin];
    assert_eq!(course[begin..], [queued, "queued>running", "running>failed"], "{all:#?}");
    let end = all.iter().rfind(|event| event["id"] == task["id"]).unwrap();
    assert_eq!((&end["exit_code"], &end["description"]), (&json!(3), &json!("a test")));
    assert!(end["waited_ms"].as_u64() > Some(0) && end["duration_ms"].as_u64() > Some(0), "{end}");
    assert!(end["said"].as_str().unwrap().starts_with("failed with exit code 3 after "), "{end}");
    let text = prints(&client.env, &["events"]);
    let last = text.lines().rfind(|line| line.contains(id_of(&task))).unwrap();
    assert!(
        last.contains(&format!("✖ {}  a test: failed with exit code 3", id_of(&task))),
        "{last}"
    );
    let mode = client.env.state().join("events.jsonl").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Of twenty runners that end at once, no line is torn, missing or there twice.
#[test]
fn twenty_runners_leave_whole_lines() {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "max_background_tasks": 0 }));
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| client.background("sleep 0.2; exit 3").wait());
        }
    });
    let ids: Vec<String> = client.tasks().iter().map(|task| id_of(task).to_owned()).collect();
    assert_eq!(ids.len(), 20);
    let text = fs::read_to_string(client.env.state().join("events.jsonl")).unwrap();
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{text}");
    let all = events(&client.env, &[]);
    for id in ids {
        let course = course(&all, &id);
        // Each line begins where the one before ended.
        let words: Vec<(&str, &str)> =
            course.iter().map(|it| it.split_once('>').unwrap()).collect();
        assert!(words.windows(2).all(|pair| pair[0].1 == pair[1].0), "{course:?}");
        assert_eq!((words[0].0, course.last().unwrap().as_str()), ("-", "running>failed"));
    }
}

/// A following `sisyphus events`, and the ids that it has printed.
struct Following {
    child: Child,
    lines: Receiver<String>,
}

impl Following {
    fn start(env: &TestEnv, more: &[&str]) -> Self {
        let mut command = env.command("sisyphus");
        command.args(["events", "--follow"]).args(more).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    fn next(&self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A follower misses no line while full files move aside, and keeps fields that are not known here.
#[test]
fn a_follower_survives_the_move() {
    let client = Client::new(Shell::Bash);
    let line = planted("told", TimeDelta::zero());
    let full = line.repeat(FULL / line.len() - 3);
    plant_text(&client.env, "events.jsonl", &full);
    let following = Following::start(&client.env, &["--json", "--since", "1h"]);
    for _ in full.lines() {
        let event = following.next();
        assert_eq!((&event["id"], &event["added later"]), (&json!("told"), &json!([1])));
    }
    let mut expected = Vec::new();
    for _ in 0..6 {
        let running = client.background("exit 3");
        let id = running.id.clone();
        running.wait();
        let task = client.tasks().into_iter().find(|task| task["client_id"] == id).unwrap();
        expected.push(task["id"].clone());
    }
    let mut ended = Vec::new();
    while ended.len() < expected.len() {
        let event = following.next();
        if event["to"] == "failed" {
            ended.push(event["id"].clone());
        }
    }
    assert_eq!(ended, expected);
    let old = fs::read_to_string(client.env.state().join("events.1.jsonl")).unwrap();
    assert!(old.starts_with(&full));
    let new = fs::read_to_string(client.env.state().join("events.jsonl")).unwrap();
    assert!(new.len() < 10_000, "{}", new.len());
}

/// A follower ends when its reader is gone, without a word.
#[test]
fn a_follower_ends_with_its_reader() {
    let env = TestEnv::new();
    plant_text(&env, "events.jsonl", &planted("t1", TimeDelta::zero()));
    let sisyphus = env.command("sisyphus").get_program().to_str().unwrap().to_owned();
    let mut command = Command::new("/bin/bash");
    env.apply(&mut command);
    let line =
        format!("{sisyphus} events -f --since 1h | head -1 >/dev/null; echo ${{PIPESTATUS[0]}}");
    command.args(["-c", &line]);
    let path = env.state().join("events.jsonl");
    let lines = thread::scope(|scope| {
        let shell = scope.spawn(|| env::run(command, b""));
        wait_until("the end of the follower", || {
            let mut file = fs::File::options().append(true).open(&path).unwrap();
            file.write_all(planted("t2", TimeDelta::zero()).as_bytes()).unwrap();
            shell.is_finished()
        });
        shell.join().unwrap()
    });
    assert_eq!((lines.stdout.as_str(), lines.stderr.as_str()), ("0\n", ""));
}

/// `--since` leaves out what was before, and a damaged line costs itself.
#[test]
fn since_begins_there() {
    let env = TestEnv::new();
    assert_eq!(prints(&env, &["events"]), "");
    let (old, new) = (planted("told", TimeDelta::hours(3)), planted("tnew", TimeDelta::minutes(1)));
    plant_text(&env, "events.1.jsonl", &old);
    plant_text(&env, "events.jsonl", &new);
    assert_eq!(prints(&env, &["events", "--json"]), old.clone() + &new);
    assert_eq!(prints(&env, &["events", "--json", "--since", "2h"]), new);
    assert_eq!(prints(&env, &["events", "--since", "30s"]), "");
    let output = env.run("sisyphus", &["events", "--since", "yesterday"]);
    assert!(output.stderr.contains("not a time such as `2h`"), "{output:?}");
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""));
    plant_text(&env, "events.jsonl", &format!("{{\"version\":1\n{new}"));
    let output = env.run("sisyphus", &["events", "--since", "2h", "--json"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), new.as_str()));
    assert_eq!(output.stderr, "sisyphus: left out 1 damaged lines of the events\n");
}

/// A link in the place of the file is neither followed nor replaced, and the commits go on.
#[test]
fn a_link_stops_nothing() {
    let client = Client::new(Shell::Bash);
    let outside = client.env.path().join("outside");
    fs::write(&outside, "mine").unwrap();
    std::os::unix::fs::symlink(&outside, client.env.state().join("events.jsonl")).unwrap();
    client.background("exit 3").wait();
    assert_eq!(client.task()["status"], "failed");
    assert_eq!(fs::read_to_string(&outside).unwrap(), "mine");
    let log = fs::read_to_string(client.env.state().join("hooks.log")).unwrap();
    assert!(log.contains("could not append to `") && log.contains("events.jsonl"), "{log}");
}
