//! `sisyphus output`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use serde_json::json;
use sisyphus_testing::{Client, Shell, TestEnv, env, wait_for, wait_until};

use crate::planted::{assert_fails, ended, plant, plant_text, prints, running};
use crate::support::{id_of, task_once};

/// Clears the screen, sets the title, fills the clipboard, goes back over the line, turns the direction.
const HOSTILE: &str = "\u{1b}[31mred\u{1b}[0m \u{1b}[2J\u{1b}]0;pwned\u{7}\u{1b}]52;c;cHduZWQ=\u{7}safe\rover\u{8}\u{202e}\ttab\u{9b}6n\n";

/// `sisyphus output` prints the exact bytes of a task, while it runs and afterwards.
#[test]
fn output_is_printed_byte_by_byte() {
    for shell in Shell::BOTH {
        let client = Client::new(shell);
        let text = "printf 'a\\0\\377\\033[2Jb\\r\\n'";
        let running = client
            .background(&format!("{text}; echo; until [ -e go ]; do sleep 0.02; done; echo last"));
        let task = task_once(&client, &running, "running");
        let printed = || {
            let mut command = client.env.command("sisyphus");
            let output = command.args(["output", id_of(&task)]).output().unwrap();
            assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
            output.stdout
        };
        wait_until("the first output", || printed() == b"a\0\xff\x1b[2Jb\r\n\n");
        fs::write(client.env.project().join("go"), "").unwrap();
        running.wait();
        assert_eq!(printed(), b"a\0\xff\x1b[2Jb\r\n\nlast\n");
        // What is kept is enough.
        fs::remove_dir_all(client.env.client_tmp().join("-proj")).unwrap();
        assert_eq!(printed(), b"a\0\xff\x1b[2Jb\r\n\nlast\n");
    }
}

#[test]
fn what_the_client_adds_to_its_file_is_no_output() {
    let client = Client::new(Shell::Bash);
    let running = client.background("echo '[killed]'; exit 3");
    let (id, path) = (running.id.clone(), running.output.clone());
    running.wait();
    let task = client.task();
    fs::remove_file(task["output_file"].as_str().unwrap()).unwrap();
    let mut file = fs::File::options().append(true).open(path).unwrap();
    file.write_all(b"\n[exited with code 3]\n").unwrap();
    assert_eq!(prints(&client.env, &["output", &id]), "[killed]\n");
}

/// `sisyphus output --follow` prints all output up to the task's end, without the line that Claude Code adds.
#[test]
fn follow_prints_to_the_end() {
    let client = Client::new(Shell::Bash);
    let running =
        client.background("seq 3; until [ -e go ]; do sleep 0.02; done; seq 4 5000; printf end");
    let task = task_once(&client, &running, "running");
    running.wait_for_line("3");
    let mut command = client.env.command("sisyphus");
    command.args(["output", "--follow", "--tail", "2", id_of(&task)]);
    let mut following = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = following.stdout.take().unwrap();
    let mut first = [0; 4];
    stdout.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"2\n3\n");
    assert_eq!(following.try_wait().unwrap(), None);
    fs::write(client.env.project().join("go"), "").unwrap();
    let output = running.output.clone();
    running.wait();
    // Claude Code appends its line before `sisyphus output` reads the last lines.
    let mut file = fs::File::options().append(true).open(output).unwrap();
    file.write_all(b"\n[exited with code 0]\n").unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    let expected: String = (4..=5000).map(|number| format!("{number}\n")).collect();
    assert_eq!(rest, expected + "end");
    let status = wait_for("the end of the following", || following.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn following_a_task_that_has_ended_ends_at_once() {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[ended("t1", "build", 1)]);
    plant_text(&env, "output/t1.log", "1\n2\n3\n");
    assert_eq!(prints(&env, &["output", "--follow", "t1"]), "1\n2\n3\n");
    for (count, expected) in [("0", ""), ("1", "3\n"), ("2", "2\n3\n"), ("9", "1\n2\n3\n")] {
        assert_eq!(prints(&env, &["output", "-n", count, "build"]), expected);
    }
}

#[test]
fn that_nobody_reads_any_more_ends_it() {
    let client = Client::new(Shell::Bash);
    let running = client.background("yes");
    let task = task_once(&client, &running, "running");
    let sisyphus = client.env.command("sisyphus").get_program().to_str().unwrap().to_owned();
    let mut command = Command::new("/bin/bash");
    client.env.apply(&mut command);
    let line = format!("{sisyphus} output -f {} | head -1; echo ${{PIPESTATUS[0]}}", id_of(&task));
    command.args(["-c", &line]);
    let output = env::run(command, b"");
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("y\n0\n", ""));
    assert!(running.process.is_alive());
}

#[test]
fn that_there_is_no_output_is_said() {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[ended("t1", "build", 1)]);
    let mut pending = running("t2", "asked for");
    pending["status"] = json!({ "state": "pending", "announced_at": "2999-01-01T00:00:00Z" });
    plant(&env, "active.json", &[pending]);
    let output = env.run("sisyphus", &["output", "t1"]);
    assert_fails(&output, 1, "t1 (\"build\") completed with exit code 0; it has no output");
    let output = env.run("sisyphus", &["output", "t2"]);
    assert_fails(&output, 1, "t2 (\"asked for\") is pending; it has no output");
    assert_fails(&env.run("sisyphus", &["output", "t9"]), 2, "no task `t9`");
}

/// What a terminal gets to see that runs a command line of ours.
fn on_terminal(env: &TestEnv, args: &str) -> String {
    let sisyphus = env.command("sisyphus").get_program().to_str().unwrap().to_owned();
    let mut command = Command::new("script");
    env.apply(&mut command);
    command.args(["--quiet", "--return", "--command", &format!("{sisyphus} {args}"), "/dev/null"]);
    let output = env::run(command, b"");
    assert_eq!(output.code, Some(0), "{output:?}");
    // The terminal's own line breaks.
    output.stdout.replace("\r\n", "\n")
}

#[test]
fn on_a_terminal_hostile_output_is_text_and_colours() {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[ended("t1", "build", 1)]);
    plant_text(&env, "output/t1.log", &format!("{HOSTILE}\u{1b}[32mgreen"));
    let shown = "\u{1b}[31mred\u{1b}[0m safe\nover\ttab6n\n\u{1b}[32mgreen\u{1b}[0m";
    for args in ["output t1", "output --follow t1"] {
        assert_eq!(on_terminal(&env, args), shown);
    }
    assert_eq!(on_terminal(&env, "output --tail 1 t1"), "\u{1b}[32mgreen\u{1b}[0m");
    // Not so into a pipe.
    assert_eq!(prints(&env, &["output", "t1"]), format!("{HOSTILE}\u{1b}[32mgreen"));
}

#[test]
fn the_clients_file_of_an_observed_task_is_found() {
    let env = TestEnv::new();
    let mut task = running("t1", "serve");
    task["client"] = json!({ "id": "b1" });
    plant(&env, "active.json", &[task]);
    let tasks = env.client_tmp().join("-home-dev-proj/session-1/tasks");
    fs::create_dir_all(&tasks).unwrap();
    fs::write(tasks.join("b1.output"), "so far\n").unwrap();
    assert_eq!(prints(&env, &["output", "t1"]), "so far\n");
}

/// The outputs of several tasks come with the id of its task before each line, also of lines without an end.
#[test]
fn several_tasks_share_the_output() {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[ended("t1", "build", 1), ended("t2long", "test", 2)]);
    plant_text(&env, "output/t1.log", "one\ntwo");
    plant_text(&env, "output/t2long.log", "three\n");
    let expected = "t1     | one\nt1     | two\nt2long | three\n";
    // `t1` holds back its line without an end until all is printed.
    let mut lines: Vec<String> =
        prints(&env, &["logs", "t1", "test"]).lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines.join("\n") + "\n", expected);
    assert_eq!(prints(&env, &["output", "--tail", "1", "t2long"]), "three\n");
}

/// `sisyphus tail` prints the last lines and what comes after them, of two commands at once, until both have ended.
#[test]
fn tail_follows_several_tasks() {
    let client = Client::new(Shell::Bash);
    let script = "seq 20; until [ -e go ]; do sleep 0.02; done; echo over";
    let commands = [client.background(script), client.background(script)];
    for command in &commands {
        command.wait_for_line("20");
        task_once(&client, command, "running");
    }
    let mut tail = client.env.command("sisyphus");
    tail.args(["tail", "-n", "2", commands[0].id.as_str(), commands[1].id.as_str()]);
    let mut child = tail.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut begun = vec![0; 4 * "t23456789 | 19\n".len()];
    stdout.read_exact(&mut begun).unwrap();
    fs::write(client.env.project().join("go"), "").unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let begun = String::from_utf8(begun).unwrap();
    let after_prefix = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split_once(" | ").unwrap().1.to_owned()).collect()
    };
    assert_eq!(after_prefix(&begun), ["19", "20", "19", "20"]);
    assert_eq!(after_prefix(&rest), ["over", "over"]);
    for command in commands {
        command.wait();
    }
}
