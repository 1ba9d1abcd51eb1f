//! `sisyphus cancel`: what is stopped, and what is never touched.

mod names;

use std::fs;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sisyphus_state::store::Lock;
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, Process, Shell, TestEnv, wait_until};

use crate::planted::{assert_could_be, assert_fails, ended, plant, running};
use crate::support::{assert_good, fixture, id_of, printed, task_of, task_once};

/// A runner, its shell, and all that it has started.
fn tree(running: &Running) -> Vec<Process> {
    let mut tree = vec![running.process];
    let mut next = 0;
    while let Some(process) = tree.get(next) {
        tree.extend(process.children());
        next += 1;
    }
    tree
}

fn assert_gone(processes: &[Process]) {
    // The runner stays a zombie until the test waits for it.
    let left: Vec<&Process> = processes.iter().filter(|it| it.is_alive()).collect();
    assert!(left.is_empty(), "{left:?} survived");
}

fn assert_stopped_by_user(client: &Client, running: &Running) {
    let task = task_of(client, running);
    assert_eq!((&task["status"], &task["by"]), (&json!("cancelled"), &json!("user")), "{task:#}");
}

/// Starts a sleep that says when it runs.
fn start_sleep(client: &Client) -> (Running, Value) {
    let running = client.background(&format!("echo ready; {} 3600", fixture(client, "sleep")));
    running.wait_for_line("ready");
    let task = task_once(client, &running, "running");
    (running, task)
}

/// `sisyphus cancel` stops a task with every process that it started, and records that the user stopped it.
#[test]
fn cancel_stops_the_whole_tree() {
    for shell in Shell::BOTH {
        let client = Client::new(shell);
        let [fork, sleep] = ["fork-child", "sleep"].map(|name| fixture(&client, name));
        let innocent = client.start_plain(&format!("{sleep} 3600"));
        // One in the group, one in a session of its own, one that is an orphan in the group.
        let command = format!(
            "{sleep} 3600 & echo $!; {fork} {sleep} 3600 & ({sleep} 3600 & echo $!); {sleep} 3600"
        );
        let running = client.background(&command);
        let beside = [0, 1, 2].map(|line| printed(&running, line));
        let task = task_once(&client, &running, "running");
        let all = [tree(&running).as_slice(), &beside].concat();
        let before = Instant::now();
        let output = client.env.run("sisyphus", &["cancel", id_of(&task)]);
        assert!(before.elapsed() < Duration::from_secs(5), "it was not TERM that ended it");
        assert_good(&output);
        let expected = format!("{} (\"a test\") was stopped by the user after ", id_of(&task));
        assert!(output.stdout.starts_with(&expected), "{output:?}");
        assert_eq!(output.stdout.lines().count(), 1, "{output:?}");
        assert_gone(&all);
        assert!(innocent.process.is_alive());
        assert_stopped_by_user(&client, &running);
        let records = client.env.state_file("active.json");
        let is_over = |task: &Value| task["status"]["state"] == "finished";
        assert!(records["tasks"].as_array().unwrap().iter().all(is_over), "{records:#}");
        assert!(!running.wait().status.success());
    }
}

/// `sisyphus cancel --all` kills all trees that ignore TERM after one common grace. Takes the grace of five seconds.
#[test]
fn trees_that_ignore_term_share_one_grace() {
    let client = Client::new(Shell::Bash);
    let [ignore, fork] = ["ignore-term", "fork-child"].map(|name| fixture(&client, name));
    let start = |trap: &str| {
        let command = format!("{trap} {ignore} & {fork} {ignore} & echo $$; wait; wait; wait");
        client.background(&command)
    };
    let all = ["trap '' TERM;", ""].map(start).map(|running| {
        wait_until("all numbers", || running.text().lines().count() == 4);
        (tree(&running), running)
    });
    let before = Instant::now();
    let output = client.env.run("sisyphus", &["cancel", "--all"]);
    assert!(before.elapsed() > Duration::from_secs(5), "they had no grace");
    assert!(before.elapsed() < Duration::from_secs(10), "one after the other");
    assert_good(&output);
    assert_eq!(output.stdout.matches(" was stopped by the user after ").count(), 2, "{output:?}");
    for (tree, running) in all {
        assert!(tree.len() >= 5, "{tree:?}");
        assert_gone(&tree);
        assert_stopped_by_user(&client, &running);
    }
}

/// Takes the grace of five seconds.
#[test]
fn what_its_runner_leaves_behind_is_killed() {
    let client = Client::new(Shell::Bash);
    let [ignore, sleep] = ["ignore-term", "sleep"].map(|name| fixture(&client, name));
    // The process has lost its parent before the runner collects its tree.
    let running = client.background(&format!("({ignore} &); {sleep} 3600"));
    let orphan = printed(&running, 0);
    let task = task_once(&client, &running, "running");
    let before = Instant::now();
    assert_good(&client.env.run("sisyphus", &["cancel", id_of(&task)]));
    assert!((5..8).contains(&before.elapsed().as_secs()), "{:?}", before.elapsed());
    assert_gone(&[orphan]);
    assert_stopped_by_user(&client, &running);
}

#[test]
fn a_task_that_waits_for_its_turn_never_starts() {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "max_background_tasks": 1 }));
    let (first, first_task) = start_sleep(&client);
    let second = client.background("echo started");
    let task = task_once(&client, &second, "queued");
    let before = Instant::now();
    let output = client.env.run("sisyphus", &["cancel", id_of(&task)]);
    assert!(before.elapsed() < Duration::from_secs(4), "{:?}", before.elapsed());
    assert_good(&output);
    assert!(output.stdout.ends_with(" was stopped by the user.\n"), "{output:?}");
    assert_stopped_by_user(&client, &second);
    assert_eq!(task_of(&client, &second)["started_at"], Value::Null);
    assert_eq!(second.wait().text(), "");
    assert!(first.process.is_alive());
    assert_eq!(task_of(&client, &first), first_task);
}

#[test]
fn a_suspended_runner_is_woken_to_end_its_tree() {
    let client = Client::new(Shell::Bash);
    let (running, task) = start_sleep(&client);
    let tree = tree(&running);
    running.process.signal(Signal::SIGSTOP);
    wait_until("the runner to stand still", || {
        running.process.stat().is_some_and(|stat| stat.state == 'T')
    });
    let before = Instant::now();
    assert_good(&client.env.run("sisyphus", &["cancel", id_of(&task)]));
    assert!(before.elapsed() < Duration::from_secs(5), "it was killed");
    assert_gone(&tree);
    assert_stopped_by_user(&client, &running);
}

/// Takes the patience of the command line, 8 seconds.
#[test]
fn a_runner_that_does_nothing_is_killed_with_its_tree() {
    let client = Client::new(Shell::Bash);
    let [fork, sleep] = ["fork-child", "sleep"].map(|name| fixture(&client, name));
    let running = client.background(&format!("{fork} {sleep} 3600"));
    printed(&running, 0);
    let task = task_once(&client, &running, "running");
    let tree = tree(&running);
    // Held by a debugger: no signal but KILL reaches it.
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: attaching to a child touches no memory of ours.
    let attached =
        unsafe { libc::ptrace(libc::PTRACE_SEIZE, running.process.pid, nothing, nothing) };
    // SAFETY: as above.
    let held =
        unsafe { libc::ptrace(libc::PTRACE_INTERRUPT, running.process.pid, nothing, nothing) };
    assert_eq!((attached, held), (0, 0), "{}", std::io::Error::last_os_error());
    wait_until("the runner to stand still", || {
        running.process.stat().is_some_and(|stat| stat.state == 't')
    });
    assert_good(&client.env.run("sisyphus", &["cancel", id_of(&task)]));
    assert_gone(&tree);
    assert_stopped_by_user(&client, &running);
}

#[test]
fn an_unknown_task_means_that_nothing_is_cancelled() {
    let client = Client::new(Shell::Bash);
    let (running, task) = start_sleep(&client);
    for names in [
        &["no-such"][..],
        &[id_of(&task), "no-such"],
        &["no-such", id_of(&task)],
        &[id_of(&task), ""],
    ] {
        let output = client.env.run("sisyphus", &[&["cancel"], names].concat());
        assert_fails(&output, 2, "no task ");
    }
    assert_fails(&client.env.run("sisyphus", &["cancel", "--session", "s9"]), 2, "no session `s9`");
    assert_fails(&client.env.run("sisyphus", &["cancel", "--session", ""]), 2, "no session ``");
    assert_eq!(client.env.state_file("active.json")["tasks"][0]["stop_asked"], Value::Null);
    assert!(tree(&running).iter().all(|it| it.is_alive()));
    assert_eq!(task_of(&client, &running), task);
}

#[test]
fn what_only_the_client_can_stop_is_said_to_be_so() {
    let env = TestEnv::new();
    let mut pending = running("t2", "asked for");
    pending["status"] = json!({ "state": "pending", "announced_at": "2999-01-01T00:00:00Z" });
    plant(&env, "active.json", &[running("t1", "serve"), pending]);
    let before = env.state_file("active.json");
    for (id, status) in [("t1", "running"), ("t2", "pending")] {
        let output = env.run("sisyphus", &["cancel", id]);
        assert_fails(
            &output,
            1,
            "only Claude Code can stop it: use /tasks there, or ask the model",
        );
        assert!(output.stderr.contains(&format!(" is {status};")), "{output:?}");
    }
    let output = env.run("sisyphus", &["cancel", "--all"]);
    assert_good(&output);
    assert_eq!(output.stdout, "There is nothing to stop.\n");
    assert_eq!(env.state_file("active.json"), before);
}

/// `sisyphus cancel` never stops a shell that Claude Code has not named as a background command.
#[test]
fn cancel_leaves_an_unconfirmed_shell_alone() {
    let client = Client::new(Shell::Bash);
    let command = format!("echo ready; {} 3600", fixture(&client, "sleep"));
    // A foreground command with the same words, while the call is still at its permission prompt.
    let call = client.announce(&command);
    let foreground = client.start(&command);
    foreground.wait_for_line("ready");
    client.wait_until_attached(&foreground);
    // The announced call is all that is listed, and it has no shell.
    let announced = client.task();
    assert_eq!((&announced["status"], &announced["client_id"]), (&json!("pending"), &Value::Null));
    let output = client.env.run("sisyphus", &["cancel", &foreground.id]);
    assert_fails(&output, 2, "no task ");
    let output = client.env.run("sisyphus", &["cancel", id_of(&announced)]);
    assert_fails(&output, 1, "only Claude Code can stop it");
    assert_good(&client.env.run("sisyphus", &["cancel", "--all"]));
    assert!(tree(&foreground).iter().all(|it| it.is_alive()));

    // The call runs at last.
    let background = client.start(&command);
    client.bind(call, &background);
    background.wait_for_line("ready");
    let task = task_once(&client, &background, "running");
    let called = tree(&background);
    assert_good(&client.env.run("sisyphus", &["cancel", id_of(&task)]));
    assert_gone(&called);
    assert_stopped_by_user(&client, &background);
    assert!(tree(&foreground).len() > 1 && tree(&foreground).iter().all(|it| it.is_alive()));
}

/// `sisyphus cancel` signals no stranger. A sandboxed command can replace the lock of its task with a file that another
/// process holds.
#[test]
fn a_stranger_who_holds_the_lock_gets_no_signal() {
    let client = Client::new(Shell::Bash);
    let (running, task) = start_sleep(&client);
    let (other, other_task) = start_sleep(&client);
    let all = [tree(&running), tree(&other)].concat();
    let lock = lock_of(&client, &task);
    let (away, spare) = (lock.with_extension("away"), lock.with_extension("spare"));

    // This test itself.
    let held = Lock::acquire(&spare, Duration::ZERO).unwrap();
    fs::rename(&lock, &away).unwrap();
    fs::rename(&spare, &lock).unwrap();
    let output = client.env.run("sisyphus", &["cancel", id_of(&task)]);
    let expected = format!("is held by process {}, not by its runner", std::process::id());
    assert_fails(&output, 1, &expected);
    assert!(output.stderr.contains("nothing was signaled"), "{output:?}");

    // The runner of another task.
    fs::hard_link(lock_of(&client, &other_task), &spare).unwrap();
    fs::rename(&spare, &lock).unwrap();
    drop(held);
    let output = client.env.run("sisyphus", &["cancel", id_of(&task)]);
    assert_fails(&output, 1, &format!("process {}, not by its runner", other.process.pid));
    for process in all {
        assert!(process.is_alive(), "{process:?} was signalled");
    }

    // Its own again.
    fs::rename(&away, &lock).unwrap();
    assert_good(&client.env.run("sisyphus", &["cancel", id_of(&task)]));
    assert_stopped_by_user(&client, &running);
    assert!(other.process.is_alive());
}

#[test]
fn of_several_sessions_one_can_be_meant() {
    let mut client = Client::new(Shell::Bash);
    let (running, task) = start_sleep(&client);
    client.switch("session-2");
    let (other, other_task) = start_sleep(&client);
    let output = client.env.run("sisyphus", &["cancel", "--session", "session-"]);
    let said = "`session-` could be 2 sessions; to name one, give its id";
    assert_could_be(&output, said, &["session-1", "session-2"]);
    let output = client.env.run("sisyphus", &["cancel", "--session", "session-1", "--json"]);
    assert_good(&output);
    let told = output.json();
    let [answer] = told["tasks"].as_array().unwrap().as_slice() else { panic!("{told:#}") };
    assert_eq!((&answer["result"], &answer["problem"]), (&json!("ended"), &Value::Null));
    assert_eq!((&answer["task"]["id"], &answer["task"]["by"]), (&task["id"], &json!("user")));
    assert_stopped_by_user(&client, &running);
    assert!(other.process.is_alive());
    let again = client.env.run("sisyphus", &["cancel", "--session", "session-1"]);
    assert_eq!(again.stdout, "There is nothing to stop.\n");
    assert_eq!(task_of(&client, &other), other_task);
    // The beginning is enough where there is but one.
    client.env.edit_state("active.json", |file| {
        let tasks = file["tasks"].as_array_mut().unwrap();
        tasks.retain(|task| task["session"] != "session-1");
    });
    assert_good(&client.env.run("sisyphus", &["cancel", "--session", "sess"]));
    assert_stopped_by_user(&client, &other);
}

#[test]
fn the_json_says_of_each_what_came_of_it() {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[ended("t1", "build", 1)]);
    plant(&env, "active.json", &[running("t2", "serve")]);
    let output = env.run("sisyphus", &["cancel", "--json", "t1", "t2", "build"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(1), ""), "{output:?}");
    let told = output.json();
    assert_eq!(told["version"], 1);
    let [one, two] = told["tasks"].as_array().unwrap().as_slice() else { panic!("{told:#}") };
    assert_eq!((&one["task"]["id"], &one["result"]), (&json!("t1"), &json!("had_ended")));
    assert_eq!((&two["task"]["id"], &two["result"]), (&json!("t2"), &json!("not_stopped")));
    assert!(two["problem"].as_str().unwrap().starts_with("only Claude Code"), "{told:#}");
}

#[test]
fn the_command_line_names_tasks_or_a_session_or_all() {
    let env = TestEnv::new();
    for args in [&[][..], &["--all", "t1"], &["--session", "s", "t1"], &["--session", "s", "--all"]]
    {
        let output = env.run("sisyphus", &[&["cancel"], args].concat());
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{args:?}: {output:?}");
    }
}

/// The lock of the task's runner.
fn lock_of(client: &Client, task: &Value) -> std::path::PathBuf {
    let run = client.env.state().join("runs/session-1").join(task["client_id"].as_str().unwrap());
    run.join("lock")
}
