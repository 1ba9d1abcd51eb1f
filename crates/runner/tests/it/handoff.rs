//! What `claim` hands to the `run` that follows it names the program that is started: it must be ours, and without it
//! the command runs all the same.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use sisyphus_state::store::Lock;
use sisyphus_testing::{Client, Shell, failure_notice, write_program};

use crate::support::in_both;

/// A handoff that names another program. Its author can write to Claude Code's temporary folder and nowhere else.
struct Plant {
    /// The planted file, still elsewhere.
    file: PathBuf,
    /// Where a sandboxed process would look for it.
    dir: PathBuf,
    /// Appears when the program is started.
    damage: PathBuf,
}

impl Plant {
    fn new(client: &Client) -> Self {
        let plant = Self {
            file: client.env.client_tmp().join("plant"),
            dir: client.env.runs().join("claims"),
            damage: client.env.client_tmp().join("damage"),
        };
        let program = client.env.client_tmp().join("bash");
        let script = format!("#!/bin/sh\necho >> '{}'\nexit 99\n", plant.damage.display());
        write_program(&program, script);
        let announced = fs::read_dir(client.announced_dir()).unwrap().next().unwrap().unwrap();
        let announced = fs::read_to_string(announced.path()).unwrap();
        let handoff = json!({
            "announcement": serde_json::from_str::<Value>(&announced).unwrap(),
            "confinement": "outside",
            "program": program.as_os_str(),
            "arg0": OsStr::new("bash"),
            "restore": [],
        });
        fs::write(&plant.file, handoff.to_string()).unwrap();
        fs::create_dir(&plant.dir).unwrap();
        fs::set_permissions(&plant.dir, Permissions::from_mode(0o700)).unwrap();
        plant
    }

    /// Puts it where the runner in whose place this shell will stand would look. `$key` is the name.
    fn command(&self) -> String {
        format!("cp {} {}/$key", self.file.display(), self.dir.display())
    }
}

/// How a shell finds the name under which it is handed something, as `$key`.
const KEY: &str = "key=$(stat -L -c %i /proc/self/ns/pid)-$$-$(cut -d' ' -f22 /proc/$$/stat)";

/// A runner outside the sandbox never starts a program that a process in the sandbox named.
#[test]
fn a_planted_program_is_never_started() {
    let mut client = Client::new(Shell::Bash);
    let command = "echo harmless; exit 7";
    let call = client.announce(command);
    let plant = Plant::new(&client);
    let seen = client.env.path().join("seen");
    // Before each command of the shell, so between `claim` and `run` too, where the true handoff is to be seen.
    client.prelude = format!(
        "{KEY}\ntrap '[ -e {}/claims/$key ] && : > {}; {}' DEBUG\n",
        client.env.state().display(),
        seen.display(),
        plant.command(),
    );
    let running = client.start(command);
    client.bind(call, &running);
    let finished = running.wait();
    assert!(!plant.damage.exists(), "the planted program was started");
    assert_eq!((finished.text().as_str(), finished.status.code()), ("harmless\n", Some(7)));
    assert!(seen.exists(), "handed over under another name: the plant was never in the way");
    let task = client.task();
    assert_eq!((&task["status"], &task["exit_code"]), (&json!("failed"), &json!(7)));
    assert!(!task["duration_ms"].is_null(), "not supervised: {task:#}");
}

/// A runner to which `claim` handed nothing takes nothing that was planted.
#[test]
fn a_runner_without_a_handoff_takes_no_plant() {
    let client = Client::new(Shell::Bash);
    client.announce("never started");
    let plant = Plant::new(&client);
    let string =
        format!("{KEY}; {}; exec {} run \"$STRING\"", plant.command(), client.runner().display());
    let harmless = format!("{}echo harmless; exit 7", client.snippet());
    let running = client.spawn(&string, |shell, _| {
        shell.env("STRING", &harmless);
    });
    let finished = running.wait();
    assert_eq!((finished.text().as_str(), finished.status.code()), ("harmless\n", Some(7)));
    assert!(!plant.damage.exists(), "the planted program was started");
    assert_eq!(fs::read_dir(&plant.dir).unwrap().count(), 1, "the plant was not there");
}

/// Puts a plain file where claims are handed over.
fn spoil_claims(client: &Client) -> PathBuf {
    let claims = client.env.state().join("claims");
    fs::write(&claims, "in the way").unwrap();
    claims
}

fn count_lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap_or_default().lines().count()
}

/// If `claim` can't hand a command over, the shell runs it once without a runner, and its notice ends the task.
#[test]
fn a_command_without_a_handoff_runs_once() {
    // The notice comes before or after a hook knows that there is no runner.
    for knows in ["not yet", "already"] {
        in_both(|client| {
            let claims = spoil_claims(client);
            let times = client.env.path().join("times");
            let command = format!("echo run >> '{}'; echo \"$PPID\"; exit 6", times.display());
            let call = client.announce(&command);
            let running = client.start(&command);
            // By then `run` has found that nothing was handed over.
            running.wait_for_line(&std::process::id().to_string());
            client.bind(call.clone(), &running);
            let (notice, id) = (failure_notice(&call, &running, 6), running.id.clone());
            let finished = running.wait();
            assert_eq!(finished.status.code(), Some(6), "{knows}: {}", finished.text());
            assert_eq!(finished.text(), format!("{}\n", std::process::id()), "{knows}");
            assert_eq!(count_lines(&times), 1, "{knows}");
            assert_eq!(fs::read_to_string(&claims).unwrap(), "in the way");

            if knows == "already" {
                client.env.edit_state("active.json", |active| {
                    // Announced when the machine started.
                    active["tasks"][0]["ticket"] = 1.into();
                });
                let task = client.task();
                assert_eq!(
                    (&task["status"], &task["watch"]),
                    (&json!("running"), &json!("observed"))
                );
            }
            let text = client.submits(&notice);
            assert!(text.contains("failed with exit code 6."), "{knows}: {text:?}");
            let task = client.task();
            assert_eq!((&task["status"], &task["exit_code"]), (&json!("failed"), &json!(6)));
            assert_eq!(task["client_id"], *id);
            assert_eq!(client.types(), "", "{knows}: reported twice");
        });
    }
}

/// As when a hook runs in the moment before a runner gives its run up.
#[test]
fn a_run_that_was_seen_and_then_given_up_is_no_loss() {
    let client = Client::new(Shell::Bash);
    let call = client.announce("exit 6");
    let announced = fs::read_dir(client.announced_dir()).unwrap().next().unwrap().unwrap();
    let announced = fs::read(announced.path()).unwrap();
    let running = client.start_plain("until [ -e stop ]; do sleep 0.02; done; exit 6");
    client.bind(call.clone(), &running);
    let run = client.run_dir(&running.id);
    let alive = Lock::acquire(&run.join("lock"), Duration::ZERO).unwrap();
    fs::write(run.join("attached.json"), announced).unwrap();
    fs::write(run.join("queued.json"), json!({ "at": "2026-01-01T00:00:00Z" }).to_string())
        .unwrap();
    assert_eq!(client.types(), "");
    assert_eq!(client.task()["status"], "queued");
    // As `give_up` does it: first the word that it attached goes, then the lock.
    fs::remove_file(run.join("attached.json")).unwrap();
    drop(alive);
    assert_eq!(client.types(), "", "reported as lost");
    fs::write(client.env.project().join("stop"), "").unwrap();
    let notice = failure_notice(&call, &running, 6);
    assert_eq!(running.wait().status.code(), Some(6));
    let text = client.submits(&notice);
    assert!(text.contains("failed with exit code 6."), "{text:?}");
    assert_eq!(client.types(), "", "reported twice");
}
