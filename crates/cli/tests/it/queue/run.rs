//! `sisyphus run`: the person's command, its streams, its exit and its record.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sisyphus_testing::env::run;
use sisyphus_testing::{
    Client, Output, Process, Shell, TestEnv, copy_program, wait_for, wait_until,
};

use crate::pty::Terminal;

/// All tasks, as `sisyphus list` has them.
pub(crate) fn tasks(env: &TestEnv) -> Vec<Value> {
    let output = env.run("sisyphus", &["list", "--json"]);
    output.json()["tasks"].as_array().unwrap().clone()
}

/// The only task.
pub(crate) fn only_task(env: &TestEnv) -> Value {
    let [task] = tasks(env).try_into().unwrap_or_else(|tasks| panic!("{tasks:#?}"));
    task
}

/// Runs a command in the background, and returns its id.
pub(crate) fn detach(env: &TestEnv, args: &[&str]) -> String {
    let output = env.run("sisyphus", &[&["run", "--detach"], args].concat());
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
    output.stdout.trim_end().to_owned()
}

/// Waits for the end of a task, and returns it.
pub(crate) fn ended(env: &TestEnv, id: &str) -> Value {
    let _ = env.run("sisyphus", &["wait", id]).code;
    let output = env.run("sisyphus", &["show", "--json", id]);
    output.json()["task"].clone()
}

/// Runs a command in the foreground.
pub(crate) fn here(env: &TestEnv, args: &[&str]) -> Output {
    env.run("sisyphus", &[&["run"], args].concat())
}

/// A mistyped option is no command. The options behind the command are its own.
#[test]
fn an_unknown_option_is_no_command() {
    let env = TestEnv::new();
    let output = here(&env, &["--detatch", "true"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("a similar argument exists: '--detach'"), "{output:?}");
    assert!(tasks(&env).is_empty());
    assert_eq!(here(&env, &["echo", "-n", "--detach"]).stdout, "--detach");
}

/// The command has the person's streams, and `run` ends as it ends.
#[test]
fn the_command_keeps_its_streams_and_its_exit() {
    let env = TestEnv::new();
    let mut command = env.command("sisyphus");
    command.args(["run", "--", "sh", "-c", "cat; echo err >&2; exit 7"]);
    let output = run(command, b"from stdin\n");
    assert_eq!(output.code, Some(7));
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("from stdin\n", "err\n"));
    let task = only_task(&env);
    assert_eq!((&task["status"], &task["exit_code"]), (&json!("failed"), &json!(7)), "{task:#}");
    assert_eq!(task["command"], "sh -c 'cat; echo err >&2; exit 7'");
    assert_eq!(task["cwd"], json!(env.project()));
}

/// Options behind the command are the command's.
#[test]
fn what_follows_the_command_is_the_commands() {
    let env = TestEnv::new();
    let output = here(&env, &["echo", "--timeout", "5", "--detach"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "--timeout 5 --detach\n"));
}

/// As a shell has it: 127 for a program that is missing, 126 for one that is none.
#[test]
fn what_cant_be_run_ends_as_in_a_shell() {
    let env = TestEnv::new();
    let output = here(&env, &["no-such-program"]);
    assert_eq!(output.code, Some(127));
    assert!(output.stderr.contains("could not run `no-such-program`"), "{output:?}");
    assert_eq!(here(&env, &["./"]).code, Some(126));
    let line = here(&env, &["echo one && echo two"]);
    assert_eq!(line.code, Some(127));
    assert!(line.stderr.contains("sh -c"), "{line:?}");
    let id = detach(&env, &["--", "no-such-program"]);
    assert_eq!(ended(&env, &id)["exit_code"], 127);
    let kept = env.run("sisyphus", &["output", &id]);
    assert!(kept.stdout.contains("could not run `no-such-program`"), "{kept:?}");
}

/// The end of its own time is the limit of `--timeout`, and the whole tree goes. One line says so.
#[test]
fn a_limit_stops_the_whole_tree() {
    for more in [&[][..], &["--keep-going"]] {
        let client = Client::new(Shell::Bash);
        let command = ["--timeout", "2", "--", "sh", "-c", "sleep 3600 & echo $!; wait"];
        let output = here(&client.env, &[more, &command].concat());
        assert_eq!(output.code, Some(124), "{output:?}");
        let child: i32 = output.stdout.trim().parse().unwrap();
        wait_until("the end of the child", || Process::of(child).is_none());
        let task = only_task(&client.env);
        assert_eq!((&task["status"], &task["limit_ms"]), (&json!("timed_out"), &json!(2_000)));
        let line = format!("sisyphus: {} timed out after 2 s\n", task["id"].as_str().unwrap());
        assert_eq!(output.stderr, line);
    }
}

/// A signal to `run` alone reaches its command. Without a slot of the queue nothing is started.
#[test]
fn a_signal_is_passed_on() {
    let client = Client::new(Shell::Bash);
    let ready = client.env.project().join("ready");
    let mut command = client.env.command("sisyphus");
    let script = "trap 'echo got it; exit 5' TERM; touch ready; while :; do sleep 0.01; done";
    command.args(["run", "--", "sh", "-c", script]).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    wait_until("the command", || ready.exists());
    Process::of(i32::try_from(child.id()).unwrap()).unwrap().signal(Signal::SIGTERM);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "got it\n");
}

/// If the runner is killed, the command goes with it, and the record says what is not known.
#[test]
fn a_killed_runner_takes_its_command_along() {
    let client = Client::new(Shell::Bash);
    let mut command = client.env.command("sisyphus");
    let mut child = command.args(["run", "sleep", "3600"]).spawn().unwrap();
    let runner = Process::of(i32::try_from(child.id()).unwrap()).unwrap();
    let sleep = wait_for("the command", || runner.children().pop());
    wait_until("its record", || only_task(&client.env)["status"] == "running");
    runner.signal(Signal::SIGKILL);
    child.wait().unwrap();
    wait_until("the end of the command", || !sleep.is_alive());
    let task = only_task(&client.env);
    assert_eq!((&task["status"], &task["lost_because"]), (&json!("lost"), &json!("runner_died")));
}

/// Ctrl-C on the terminal stops the command, which gets it once, and the record says that the person did it.
#[test]
fn ctrl_c_is_the_persons() {
    let client = Client::new(Shell::Bash);
    let script =
        "trap \"echo once >>heard; exit 130\" INT; echo ready; while :; do sleep 0.01; done";
    let mut screen = Terminal::new(&client.env).start(&format!("run -- sh -c '{script}'"));
    wait_until("the command", || screen.text().contains("ready"));
    screen.type_in("\x03");
    assert_eq!(screen.wait(), Some(130));
    assert_eq!(fs::read_to_string(client.env.project().join("heard")).unwrap(), "once\n");
    let task = only_task(&client.env);
    assert_eq!((&task["status"], &task["by"]), (&json!("cancelled"), &json!("user")), "{task:#}");
}

/// The signal counts although the runner, which `strace` delays before each wait, sees the exit before it.
#[test]
fn a_signal_counts_that_comes_with_the_exit() {
    let client = Client::new(Shell::Bash);
    let ready = client.env.project().join("ready");
    let mut strace = client.env.plain("strace");
    strace.args(["-qq", "-o", "/dev/null", "-e", "trace=wait4"]);
    strace.args(["-e", "inject=wait4:delay_enter=500000", "-e", "signal=none"]);
    strace.arg(client.env.command("sisyphus").get_program());
    let script = "trap 'exit 130' INT; touch ready; while :; do sleep 0.01; done";
    let mut tracer = strace.args(["run", "--", "sh", "-c", script]).spawn().unwrap();
    wait_until("the command", || ready.exists());
    let tracer_itself = Process::of(i32::try_from(tracer.id()).unwrap()).unwrap();
    let runner = tracer_itself.children().pop().unwrap();
    let command = runner.children().pop().unwrap();
    runner.signal(Signal::SIGINT);
    command.signal(Signal::SIGINT);
    assert_eq!(tracer.wait().unwrap().code(), Some(130));
    let task = only_task(&client.env);
    assert_eq!((&task["status"], &task["by"]), (&json!("cancelled"), &json!("user")), "{task:#}");
}

/// `sisyphus cancel` ends it with everything that it has started, and nothing else of its pipeline.
#[test]
fn cancel_ends_it_and_not_its_pipeline() {
    let client = Client::new(Shell::Bash);
    let sisyphus = client.env.command("sisyphus").get_program().to_str().unwrap().to_owned();
    let line = format!(
        "{sisyphus} run -- sh -c 'sleep 3600 & echo $!; touch said; wait' | (read it; echo $it; cat; echo over)"
    );
    let mut shell = client.env.plain("sh");
    let child = shell.args(["-c", &line]).stdout(Stdio::piped()).spawn().unwrap();
    let id = wait_for("the record", || {
        let task = tasks(&client.env).pop().filter(|task| task["status"] == "running")?;
        Some(task["id"].as_str().unwrap().to_owned())
    });
    wait_until("its word", || client.env.project().join("said").exists());
    let output = client.env.run("sisyphus", &["cancel", &id]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let printed = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let (pid, rest) = printed.split_once('\n').unwrap();
    assert_eq!(rest, "over\n");
    assert!(Process::of(pid.parse().unwrap()).is_none());
}

/// In the background its output is kept, whatever its size: both ends and the number of bytes between.
#[test]
fn the_output_of_a_background_command_is_kept() {
    let client = Client::new(Shell::Bash);
    let script = "echo first; head -c 12000000 /dev/zero | tr '\\0' x; echo; echo last >&2";
    let id = detach(&client.env, &["--", "sh", "-c", script]);
    let task = ended(&client.env, &id);
    assert_eq!(task["status"], "completed");
    let kept = client.env.run("sisyphus", &["output", &id]).stdout;
    assert!(kept.starts_with("first\n") && kept.ends_with("last\n"), "{} bytes", kept.len());
    assert!(kept.contains("bytes dropped here"));
    // While it runs the output can be read too.
    let id = detach(&client.env, &["--", "sh", "-c", "echo so far; sleep 3600"]);
    wait_until("its output", || client.env.run("sisyphus", &["output", &id]).stdout == "so far\n");
    assert_eq!(client.env.run("sisyphus", &["cancel", &id]).code, Some(0));
}

/// `--keep-going` shows the output and ends as the command does. A closed terminal does not stop the command.
#[test]
fn it_goes_on_without_its_terminal() {
    let client = Client::new(Shell::Bash);
    let output =
        here(&client.env, &["--keep-going", "--", "sh", "-c", "echo a; echo b >&2; exit 9"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(9), "a\nb\n"), "{output:?}");
    assert_eq!(here(&client.env, &["--keep-going", "sh", "-c", "kill -9 $$"]).code, Some(137));
    let script = "echo begun; while [ ! -e go ]; do sleep 0.01; done; echo over >over";
    let screen = Terminal::new(&client.env).start(&format!("run --keep-going -- sh -c '{script}'"));
    wait_until("the output", || screen.text().contains("begun"));
    assert!(screen.text().contains("goes on after Ctrl-C"), "{}", screen.text());
    drop(screen);
    fs::write(client.env.project().join("go"), "").unwrap();
    wait_until("the end", || client.env.project().join("over").exists());
}

/// The user's program starts for a command that the user stopped, also where no hook has seen the setting.
#[test]
fn the_users_program_hears_of_a_stopped_command() {
    let client = Client::new(Shell::Bash);
    let heard = client.env.path().join("heard");
    let script = format!("cat >>{}", heard.display());
    client.env.set(&json!({ "on_complete": ["sh", "-c", script] }));
    let id = detach(&client.env, &["sleep", "3600"]);
    wait_until("the command", || only_task(&client.env)["status"] == "running");
    assert_eq!(client.env.run("sisyphus", &["cancel", &id]).code, Some(0));
    wait_until("the program", || fs::read_to_string(&heard).is_ok_and(|text| text.contains(&id)));
}

/// Below Claude Code, its permission rules must see each command.
#[test]
fn below_claude_code_it_refuses() {
    let env = TestEnv::new();
    for (args, code) in [(["run", "true"], 125), (["restart", "t1"], 1)] {
        let mut command = env.command("sisyphus");
        command.args(args).env("CLAUDE_CODE_SESSION_ID", "session-1");
        let output = run(command, b"");
        assert_eq!(output.code, Some(code));
        assert!(output.stderr.contains("below Claude Code"), "{output:?}");
    }
    // A process below Claude Code may drop variables, and not its ancestors.
    let claude = env.path().join("claude");
    copy_program("/bin/sh", &claude);
    let sisyphus = env.command("sisyphus").get_program().to_str().unwrap().to_owned();
    let mut command = env.plain(claude.to_str().unwrap());
    let output = run(
        {
            command.args(["-c", &format!("{sisyphus} run true; exit $?")]);
            command
        },
        b"",
    );
    assert_eq!(output.code, Some(125), "{output:?}");
    assert_eq!(tasks(&env).len(), 0);
}

/// The kernel signals a hangup to the leader of the session alone, which may be `sisyphus run`: as in `xterm -e`.
#[test]
fn a_hangup_reaches_the_command() {
    let client = Client::new(Shell::Bash);
    let screen = Terminal::new(&client.env).start("run -- sh -c 'echo $$; exec sleep 3600'");
    let command = wait_for("the command", || Process::of(screen.text().trim().parse().ok()?));
    drop(screen);
    wait_until("the end of the command", || !command.is_alive());
}

/// A command of a person is no sign that a hook has fired, and what it wrote to the terminal is not called nothing.
#[test]
fn it_leaves_no_trace_of_a_hook() {
    let env = TestEnv::new();
    assert_eq!(here(&env, &["echo", "seen"]).stdout, "seen\n");
    let said = env.run("sisyphus", &["doctor"]).stdout;
    assert!(said.contains("no hook has left a trace"), "{said}");
    let kept = env.run("sisyphus", &["output", "echo seen"]);
    assert!(kept.stderr.contains("its output went to your terminal"), "{kept:?}");
}

/// A busy lock, and a state that can't be read for a while, are no end of what was started.
#[test]
fn keep_going_bears_a_busy_state() {
    let client = Client::new(Shell::Bash);
    let go = client.env.project().join("go");
    let started = |script: &str| {
        let mut command = client.env.command("sisyphus");
        command.args(["run", "--keep-going", "--", "sh", "-c", script]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let script = "echo up; while [ ! -e go ]; do sleep 0.01; done; exit 4";
    let lock = fs::File::create(client.env.state().join("state.lock")).unwrap();
    lock.try_lock().unwrap();
    let child = started(script);
    let locked = Instant::now();
    wait_until("looks that wait for the lock", || locked.elapsed() > Duration::from_millis(2_500));
    lock.unlock().unwrap();
    fs::write(&go, "").unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(4), "{ended:?}");
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "up\n", "{ended:?}");
}

/// A reader that is gone, or a full disk, is no sign that the command was not run: 125 is for that.
#[test]
fn a_full_standard_output_is_not_125() {
    let client = Client::new(Shell::Bash);
    for option in ["--detach", "--keep-going"] {
        let mut command = client.env.command("sisyphus");
        command.args(["run", option, "--", "sh", "-c", "echo hi; exit 3"]);
        command.stdout(fs::File::options().write(true).open("/dev/full").unwrap());
        let output = command.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let id = only_task(&client.env)["id"].as_str().unwrap().to_owned();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("{id} was started")), "{said}");
        assert_eq!(ended(&client.env, &id)["exit_code"], 3);
        assert!(client.env.run("sisyphus", &["clean", "--all"]).code == Some(0));
    }
}

/// A limit of no time at all is a slip: no command would run.
#[test]
fn a_limit_of_nothing_is_refused() {
    let env = TestEnv::new();
    let output = env.run("sisyphus", &["run", "--timeout", "0", "true"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("give more than 0 seconds"), "{output:?}");
}
