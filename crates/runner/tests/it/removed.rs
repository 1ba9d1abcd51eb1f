//! What the documents tell people to remove while commands run, with the programs that people use: the list of tasks
//! alone, and the documented folder, which is a link.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, failure_notice, wait_until};

use crate::queue::{let_go, session, wait_for_line, wait_for_start};
use crate::session_stage::{ANSWER, INIT, Stage};

/// A session with one slot, a command that has it and one that waits for it, with their calls.
struct Busy {
    client: Client,
    calls: [Value; 2],
    running: [Running; 2],
}

impl Busy {
    fn new() -> Self {
        let client = session(1);
        let job = |number: usize| {
            let command = format!(
                "echo {number} >> log; until [ -e go-{number} ]; do sleep 0.02; done; exit {number}"
            );
            let call =
                client.announce_with(&command, json!({ "description": format!("job {number}") }));
            let running = client.start(&command);
            client.bind(call.clone(), &running);
            (call, running)
        };
        let first = job(1);
        wait_for_start(&client, &[1]);
        let second = job(2);
        wait_for_line(&client, 1);
        client.wait_until_running(&first.1);
        Self { calls: [first.0, second.0], running: [first.1, second.1], client }
    }

    /// What the list says of each command, in their order.
    fn listed(&self) -> [String; 2] {
        let tasks = self.client.tasks();
        [0, 1].map(|index| {
            let id = self.running[index].id.as_str();
            let task = tasks.iter().find(|task| task["client_id"] == id);
            task.map_or_else(|| "-".to_owned(), |task| task["status"].as_str().unwrap().to_owned())
        })
    }

    /// The commands end in their order as if nothing had happened, and the model reads each end once.
    fn end_well(self) {
        let Self { client, calls, running: [first, second] } = self;
        let notices = [failure_notice(&calls[0], &first, 1), failure_notice(&calls[1], &second, 2)];
        let_go(&client, 1);
        assert_eq!(first.wait().status.code(), Some(1));
        wait_for_start(&client, &[1, 2]);
        let_go(&client, 2);
        assert_eq!(second.wait().status.code(), Some(2));
        let told = notices.map(|notice| client.submits(&notice)).concat();
        for number in [1, 2] {
            let said = format!("(\"job {number}\") failed with exit code {number} ");
            assert_eq!(told.matches(&said).count(), 1, "{told}");
        }
        assert_eq!(client.types(), "");
        let slots = client.background("exit 4");
        assert_eq!(slots.wait().status.code(), Some(4), "a slot is free again");
    }
}

/// The path that the documents name.
fn documented(client: &Client) -> PathBuf {
    client.env.home().join(".claude/.sisyphus/background-tasks")
}

/// Removes a path with `rm` and these options. Returns what `rm` says.
fn rm(client: &Client, options: &[&str], path: &str) -> (Option<i32>, String) {
    let output = client.env.plain("rm").args(options).arg(path).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|it| it.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Without the list of tasks, what runs reports itself again, what waits goes on waiting, and both results arrive.
#[test]
fn the_list_of_tasks_is_removed() {
    let busy = Busy::new();
    let list = documented(&busy.client).join("active.json");
    assert_eq!(rm(&busy.client, &[], list.to_str().unwrap()), (Some(0), String::new()));
    assert!(!busy.client.env.state().join("active.json").exists(), "it is the state's own file");
    // The list comes back when the first process looks for it.
    assert_eq!(busy.listed(), ["running", "queued"]);
    assert!(busy.running.iter().all(|it| it.process.is_alive()), "nothing was ended");
    busy.end_well();
}

/// The same again and again, while the commands end.
#[test]
fn the_list_is_removed_before_each_end() {
    let Busy { client, calls, running: [first, second] } = Busy::new();
    let list = documented(&client).join("active.json");
    for (running, call, number) in [(first, &calls[0], 1), (second, &calls[1], 2)] {
        wait_for_start(&client, &(1..=number).collect::<Vec<_>>());
        let notice = failure_notice(call, &running, i32::try_from(number).unwrap());
        rm(&client, &["-f"], list.to_str().unwrap());
        let_go(&client, number);
        running.wait();
        rm(&client, &["-f"], list.to_str().unwrap());
        let text = client.submits(&notice);
        assert!(text.contains(&format!("failed with exit code {number}")), "{text}");
    }
}

/// Without a slash, `rm -rf` of the documented folder removes the link alone, and the next session makes it again.
#[test]
fn the_link_is_removed() {
    let busy = Busy::new();
    let link = documented(&busy.client);
    let before = names(&busy.client.env.state());
    assert_eq!(rm(&busy.client, &["-rf"], link.to_str().unwrap()), (Some(0), String::new()));
    assert!(link.symlink_metadata().is_err());
    assert_eq!(names(&busy.client.env.state()), before);
    assert_eq!(busy.listed(), ["running", "queued"]);
    let event = json!({ "hook_event_name": "SessionStart", "source": "resume" });
    busy.client.hook("sisyphus-session-start", event);
    assert_eq!(fs::read_link(&link).unwrap(), busy.client.env.state());
    busy.end_well();
}

/// With a slash, GNU `rm -rf` removes all that is in the state folder. That costs the history and nothing else: what
/// runs goes on, what waits keeps its place, and each end is reported.
#[test]
fn everything_behind_the_link_is_removed() {
    let busy = Busy::new();
    busy.client.background_with("exit 9", json!({ "description": "gone" }));
    let link = format!("{}/", documented(&busy.client).display());
    let (_, said) = rm(&busy.client, &["-rf"], &link);
    assert!(names(&busy.client.env.state()).is_empty(), "{said}");
    assert!(busy.running.iter().all(|it| it.process.is_alive()), "nothing was ended");
    busy.end_well();
}

/// A runner that is killed after its folder was removed is reported as lost or as Claude Code saw it, never as good.
#[test]
fn a_killed_runner_without_its_folder() {
    let Busy { client, calls, running: [first, second] } = Busy::new();
    let link = format!("{}/", documented(&client).display());
    rm(&client, &["-rf"], &link);
    let notice = failure_notice(&calls[0], &first, 137);
    first.process.signal(Signal::SIGKILL);
    first.wait();
    let text = client.submits(&notice);
    assert!(text.contains("failed with exit code 137") || text.contains("SIGKILL"), "{text}");
    // Its slot is free: a lock of its own held it.
    wait_for_start(&client, &[1, 2]);
    let_go(&client, 2);
    assert_eq!(second.wait().status.code(), Some(2));
}

/// A delegated session whose record or whose folder is removed reports itself, and its answer is owed all the same.
#[test]
fn a_session_whose_record_is_removed() {
    for (options, path, is_looked_at) in
        [("-f", "active.json", true), ("-f", "active.json", false), ("-rf", "*", false)]
    {
        let mut stage = Stage::new(&format!(
            "{INIT}; echo >started; until [ -e go ]; do sleep 0.02; done; {ANSWER}"
        ));
        stage.delegate("t1", 1);
        stage.wait_for_file("started");
        wait_until("the record", || stage.task("t1")["status"]["state"] == "running");
        let command = format!("rm {options} {}/{path}", stage.env.state().display());
        assert!(stage.env.plain("bash").args(["-c", &command]).status().unwrap().success());
        if is_looked_at {
            assert_eq!(stage.task("t1")["status"]["state"], "running");
        }
        fs::write(stage.env.project().join("go"), "").unwrap();
        assert!(stage.runners[0].wait().unwrap().success());
        let prompt = json!({ "hook_event_name": "UserPromptSubmit", "session_id": "s1", "cwd": "/", "prompt": "and?" });
        let said = stage.env.hook("sisyphus-user-prompt-submit", &prompt).stdout;
        assert!(said.contains("it is 42"), "{command}: {said:?}");
        assert_eq!(stage.task("t1")["status"]["outcome"], "completed", "{command}");
    }
}
