//! `sisyphus demo`: the installer's self-check.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use sisyphus_testing::{
    Client, Output, Process, Shell, TestEnv, copy_program, env, processes, wait_until,
    write_program,
};

use crate::planted::tree;
use crate::pty::Terminal;

const HOOKS: [&str; 7] = [
    "run",
    "session-start",
    "user-prompt-submit",
    "pre-tool-use",
    "post-tool-use",
    "stop",
    "session-end",
];

/// A plugin of its own, so that binaries can be missing.
struct Plugin {
    env: TestEnv,
}

impl Plugin {
    fn new() -> Self {
        let plugin = Self { env: TestEnv::new() };
        plugin.provide("sisyphus", &plugin.command_line());
        for name in HOOKS {
            plugin.provide(&format!("sisyphus-{name}"), &plugin.hook(name));
        }
        plugin
    }

    fn provide(&self, name: &str, target: &Path) {
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        copy_program(self.env.command(name).get_program(), target);
    }

    fn command_line(&self) -> PathBuf {
        self.env.path().join("plugin/bin/sisyphus")
    }

    fn hook(&self, name: &str) -> PathBuf {
        self.env.path().join("plugin/hooks/bin").join(format!("sisyphus-{name}"))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.command_line());
        self.env.apply(&mut command);
        command.arg("demo").env("TMPDIR", self.env.tmp());
        command
    }

    fn demo(&self) -> Output {
        env::run(self.command(), b"")
    }

    /// Puts a script in the place of a hook.
    fn replace(&self, hook: &str, script: &str) {
        write_program(&self.hook(hook), format!("#!/bin/sh\n{script}\n"));
    }

    /// Waits for the end of what was started here: it may write something yet.
    fn wait_for_quiet(&self) {
        let is_ours = |process: &Process| {
            process.program().is_some_and(|program| program.starts_with(self.env.path()))
        };
        wait_until("the end of what the demo started", || !processes::all().iter().any(is_ours));
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        processes::kill_all_of_home(&self.env.home());
    }
}

#[test]
fn passes_and_leaves_nothing_behind() {
    let plugin = Plugin::new();
    let before = tree(plugin.env.path());
    let output = plugin.demo();
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
    assert!(!output.stdout.contains('\u{1b}'), "{output:?}");
    let phases = [
        "  build: runs\n",
        "  run the tests: runs\n",
        "  lint: queued, starts next\n",
        "  wait for the server: queued, 1 before it\n",
        "  wait for the server: runs\n",
        "  wait for the server: timed out after 1.5 s",
        "the model reads",
        "(\"run the tests\") failed with exit code 3 after ",
        "| error: auth/login.test: expected 200, got 401\n",
        "(\"wait for the server\") timed out after 1.5 s",
        "All 4 background commands have finished: 1 failed, 1 timed out, 2 completed.\n",
    ];
    let mut rest = output.stdout.as_str();
    for phase in phases {
        (_, rest) = rest.split_once(phase).unwrap_or_else(|| panic!("{phase:?}: {output:?}"));
    }
    for said in [
        "  build: completed with exit code 0 after ",
        "  run the tests: failed with exit code 3 after ",
        // It may begin and end between two looks, and then it is never seen to run.
        "  lint: completed with exit code 0 after ",
    ] {
        assert_eq!(output.stdout.matches(said).count(), 1, "{said}: {output:?}");
    }
    plugin.wait_for_quiet();
    assert_eq!(tree(plugin.env.path()), before);
}

/// What a terminal of 60 columns gets to see.
fn on_terminal(env: &TestEnv, colours: &str) -> Output {
    let tmp = env.tmp().display().to_string();
    let terminal = Terminal::new(env).sized(60, 50).with("TMPDIR", &tmp).with("TERM", "xterm");
    terminal.with("NO_COLOR", colours).run("demo")
}

#[test]
fn on_a_terminal_the_rows_are_drawn_in_their_place() {
    let env = TestEnv::new();
    let output = on_terminal(&env, "1");
    assert_eq!(output.code, Some(0), "{output:?}");
    let drawings: Vec<&str> = output.stdout.split("\u{1b}[5A\r\u{1b}[J").collect();
    assert!(drawings.len() > 10, "{output:?}");
    let (last, live) = drawings.split_last().unwrap();
    let live = live.concat();
    for state in ["▶ running", "⏳ queued", "queued, starts next", "queued, 1 before it"] {
        assert!(live.contains(state), "{state}: {output:?}");
        assert!(!last.contains(state), "{state}: {output:?}");
    }
    // Nothing else moves the cursor, and it ends below all of it.
    assert!(!last.contains('\u{1b}') && last.ends_with("2 completed.\n\n"), "{output:?}");
    let table: Vec<&str> = last.lines().take(5).collect();
    let states = ["STATE", "✔ completed", "✖ failed(3)", "✔ completed", "✖ timed_out"];
    for (line, state) in table.iter().zip(states) {
        assert!(line.starts_with(state), "{table:?}");
        assert!(line.chars().count() <= 60, "{table:?}");
    }
    assert!(table[2].ends_with('…') || table[2].ends_with("3 failed"), "{table:?}");
    assert!(table[4].ends_with('…'), "{table:?}");
}

#[test]
fn colours_are_for_those_who_want_them() {
    let env = TestEnv::new();
    let output = on_terminal(&env, "");
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("\u{1b}[31m✖ timed_out\u{1b}[0m"), "{output:?}");
}

#[test]
fn follows_the_link_that_it_was_called_by() {
    let plugin = Plugin::new();
    let link = plugin.env.path().join("sisyphus");
    std::os::unix::fs::symlink(plugin.command_line(), &link).unwrap();
    let mut command = Command::new(link);
    plugin.env.apply(&mut command);
    command.arg("demo").env("TMPDIR", plugin.env.tmp());
    assert_eq!(env::run(command, b"").code, Some(0));
}

#[test]
fn does_not_look_at_the_users_own_settings() {
    let plugin = Plugin::new();
    let config = plugin.env.home().join(".claude");
    fs::create_dir_all(&config).unwrap();
    let off = r#"{ "sisyphus": { "background_execution": false } }"#;
    fs::write(config.join("settings.json"), off).unwrap();
    let output = plugin.demo();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(!plugin.env.state().exists());
}

fn assert_fails_without(missing: &str, expected: &str) {
    let plugin = Plugin::new();
    fs::remove_file(plugin.hook(missing)).unwrap();
    assert_fails(&plugin, expected);
}

fn assert_fails_with(hook: &str, script: &str, expected: &str) {
    let plugin = Plugin::new();
    plugin.replace(hook, script);
    assert_fails(&plugin, expected);
}

fn assert_fails(plugin: &Plugin, expected: &str) {
    let before = tree(plugin.env.path());
    let output = plugin.demo();
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.starts_with("sisyphus: "), "{output:?}");
    assert!(output.stderr.contains(expected), "{output:?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    plugin.wait_for_quiet();
    assert_eq!(tree(plugin.env.path()), before, "{output:?}");
}

#[test]
fn fails_without_any_trace_of_the_hooks() {
    assert_fails_without("stop", "the hook binaries are not there: run install.sh again");
}

#[test]
fn fails_without_the_hook_that_attaches() {
    assert_fails_without("session-start", "sisyphus-session-start`");
}

#[test]
fn fails_without_the_runner() {
    assert_fails_without("run", "the session was not attached");
}

/// The demonstration fails if PostToolUse, which it calls while the command runs, is missing.
#[test]
fn fails_without_the_hook_post_tool_use() {
    assert_fails_without("post-tool-use", "sisyphus-post-tool-use`");
}

#[test]
fn fails_without_the_hook_that_delivers() {
    assert_fails_without("user-prompt-submit", "sisyphus-user-prompt-submit`");
}

#[test]
fn fails_without_the_hook_that_is_called_last() {
    assert_fails_without("session-end", "sisyphus-session-end`");
}

#[test]
fn fails_with_a_hook_that_fails_or_babbles() {
    assert_fails_with(
        "post-tool-use",
        "cat >/dev/null; exit 7",
        "sisyphus-post-tool-use` ended with exit status: 7",
    );
    assert_fails_with("stop", "cat >/dev/null; echo hello", "sisyphus-stop` printed no JSON");
}

/// A process that a hook left behind keeps its output open.
#[test]
fn a_hook_that_left_a_process_holds_up_no_signal() {
    let plugin = Plugin::new();
    let left = "cat >/dev/null; sleep 60 & touch \"$HOME/left\"";
    plugin.replace("session-start", left);
    let mut demo = plugin.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the hook", || plugin.env.home().join("left").exists());
    let begin = Instant::now();
    Process::of(demo.id().cast_signed()).unwrap().signal(Signal::SIGTERM);
    assert_eq!(demo.wait().unwrap().signal(), Some(Signal::SIGTERM as i32));
    // It would give up by itself after fifteen seconds.
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[test]
fn fails_with_a_hook_that_changes_the_call() {
    let lets_through = r#"{"hookSpecificOutput":{"permissionDecision":"allow","updatedInput":{"command":"true"}}}"#;
    let script = format!("cat >/dev/null; echo '{lets_through}'");
    assert_fails_with("pre-tool-use", &script, "the PreToolUse hook changed the call");
}

#[test]
fn fails_with_a_hook_that_delivers_nothing() {
    assert_fails_with("user-prompt-submit", "cat >/dev/null", "the results did not arrive");
}

#[test]
fn who_ends_it_early_finds_nothing_left() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let plugin = Plugin::new();
        let before = tree(plugin.env.path());
        let mut command = plugin.command();
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut demo = command.spawn().unwrap();
        let stdout = BufReader::new(demo.stdout.take().unwrap());
        let mut lines = stdout.lines().map(Result::unwrap);
        // Two run and two wait. The pipe stays open: a demonstration whose output no process reads ends with another error.
        let before_the_last = lines.by_ref().take_while(|line| !line.contains("1 before it"));
        assert_eq!(before_the_last.count(), 4);
        Process::of(demo.id().cast_signed()).unwrap().signal(signal);
        assert_eq!(demo.wait().unwrap().signal(), Some(signal as i32));
        assert_nothing_is_left(&plugin.env);
        assert_eq!(tree(plugin.env.path()), before);
    }
}

#[test]
fn a_closed_terminal_ends_it() {
    let env = TestEnv::new();
    let before = tree(env.path());
    let tmp = env.tmp().display().to_string();
    let screen = Terminal::new(&env).with("TMPDIR", &tmp).with("TERM", "xterm").start("demo");
    wait_until("the line", || screen.text().contains("queued, 1 before it"));
    drop(screen);
    wait_until("the end of all of it", || nothing_is_left(&env) && tree(env.path()) == before);
}

/// Whether no process has this home.
fn nothing_is_left(env: &TestEnv) -> bool {
    processes::all_of_home(&env.home()).is_empty()
}

fn assert_nothing_is_left(env: &TestEnv) {
    assert!(nothing_is_left(env), "{:?}", processes::all_of_home(&env.home()));
}

#[test]
fn a_background_command_may_run_it() {
    let client = Client::new(Shell::Bash);
    let program = client.env.command("sisyphus").get_program().to_str().unwrap().to_owned();
    let running =
        client.background(&format!("TMPDIR={} {program} demo", client.env.tmp().display()));
    let finished = running.wait();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.text());
    assert!(finished.text().contains("All 4 background commands"), "{}", finished.text());
}

/// The demonstration never runs a file that another process planted in the temporary folder.
#[test]
fn never_runs_a_planted_file() {
    let plugin = Plugin::new();
    let marker = plugin.env.path().join("marker");
    // `exec` keeps the process id. A process that guesses it can create the folder first.
    let script = r#"dir=$TMPDIR/sisyphus-demo-$$; mkdir -m 777 "$dir"; echo "touch $MARKER" >"$dir/env.sh"; exec "$0" demo"#;
    let mut command = Command::new("/bin/bash");
    plugin.env.apply(&mut command);
    command.args(["-c", script]).arg(plugin.command_line());
    command.env("TMPDIR", plugin.env.tmp()).env("MARKER", &marker);
    let _ = env::run(command, b"");
    assert!(!marker.exists());
}
