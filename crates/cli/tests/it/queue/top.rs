//! `sisyphus top` in a terminal of tmux: what a person sees, and how the terminal is afterwards.

use std::fs;
use std::path::PathBuf;

use nix::sys::signal::Signal;
use serde_json::json;
use sisyphus_testing::{Client, Shell, TestEnv, Tmux, wait_until};

use super::run::{detach, tasks};
use crate::planted::{assert_fails, ended, failed, plant, running};
use crate::support::{id_of, task_once};

const SIZE: (u16, u16) = (110, 24);

fn program(env: &TestEnv) -> PathBuf {
    env.command("sisyphus").get_program().into()
}

fn top<'a>(env: &'a TestEnv, size: (u16, u16), variables: &str) -> Tmux<'a> {
    let line = format!("exec env {variables} {} top", program(env).display());
    let tmux = Tmux::start(env, size, &line);
    tmux.wait_for("queued");
    tmux
}

/// Ended tasks with these descriptions, and a running one.
fn planted() -> TestEnv {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[ended("t1", "build the docs", 1)]);
    plant(&env, "failed.json", &[failed("t2", "lint the code", 2)]);
    plant(&env, "active.json", &[running("t3", "serve the docs")]);
    env
}

/// The slots, each task with its state and last line, and the output of the chosen one, as they change.
#[test]
fn it_shows_what_runs_and_what_waits() {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "max_background_tasks": 1 }));
    let first =
        client.background("echo step 1; until [ -e go ]; do sleep 0.02; done; echo step 2; exit 3");
    task_once(&client, &first, "running");
    let second = client.background("echo second; sleep 300");
    task_once(&client, &second, "queued");
    let tmux = top(&client.env, SIZE, "");
    tmux.wait_for("1 of 1 slot busy, 1 queued");
    tmux.wait_for("queued(1)");
    tmux.wait_until("the last line, and the output", |it| it.matches("step 1").count() == 2);
    fs::write(client.env.project().join("go"), "").unwrap();
    tmux.wait_for("1 of 1 slot busy, 0 queued");
    tmux.wait_for("failed(3)");
    tmux.wait_until("the end of the output", |it| it.contains("step 1\nstep 2\n"));
}

#[test]
fn output_is_followed_on_the_whole_screen() {
    let client = Client::new(Shell::Bash);
    let task = client.background(
        "seq -f 'line %g' 1 99; until [ -e go ]; do sleep 0.02; done; echo last; sleep 300",
    );
    let task = task_once(&client, &task, "running");
    let tmux = top(&client.env, (60, 10), "");
    tmux.wait_for(id_of(&task));
    tmux.press(&["Enter"]);
    tmux.wait_until("eight lines", |it| it.contains("line 93\n") && it.contains("line 99\n"));
    fs::write(client.env.project().join("go"), "").unwrap();
    tmux.wait_until("the new line", |it| it.contains("line 99\nlast\n"));
    tmux.press(&["g"]);
    tmux.wait_until("the first line", |it| it.contains("\nline 1\n"));
    tmux.press(&["Escape"]);
    tmux.wait_for("PROJECT");
}

/// `x` asks, and only `y` stops the task.
#[test]
fn a_task_is_cancelled_after_a_yes() {
    let client = Client::new(Shell::Bash);
    let running = client.background("echo on; sleep 300");
    let task = task_once(&client, &running, "running");
    let tmux = top(&client.env, SIZE, "");
    tmux.wait_for(id_of(&task));
    tmux.press(&["x"]);
    tmux.wait_for(&format!("Stop {}, with all that it has started?", id_of(&task)));
    tmux.press(&["n"]);
    tmux.wait_for("Nothing was done.");
    assert_eq!(tasks(&client.env)[0]["status"], "running");
    tmux.press(&["x"]);
    tmux.wait_for("y: yes");
    tmux.press(&["y"]);
    tmux.wait_for("was stopped by the user");
    assert_eq!(tasks(&client.env)[0]["status"], "cancelled");
}

/// `r` shows the whole command and asks. Below Claude Code it refuses, as `sisyphus restart` does.
#[test]
fn a_command_runs_again_after_a_yes() {
    let env = TestEnv::new();
    let id = detach(&env, &["sh", "-c", "echo ran >>runs"]);
    let runs = || fs::read_to_string(env.project().join("runs")).unwrap_or_default();
    wait_until("the first run", || tasks(&env)[0]["status"] == "completed");
    let refused = top(&env, SIZE, "CLAUDE_CODE_SESSION_ID=session-1");
    refused.wait_for(&id);
    refused.press(&["r"]);
    refused.wait_for("could not restart a command below Claude Code");
    drop(refused);
    let tmux = top(&env, SIZE, "");
    tmux.wait_for(&id);
    for (answer, said, expected) in [("n", "Nothing was done.", 1), ("y", "runs again as", 2)] {
        tmux.press(&["r"]);
        tmux.wait_for("echo ran >>runs");
        tmux.press(&[answer]);
        tmux.wait_for(said);
        wait_until("the run", || runs().lines().count() == expected);
    }
}

#[test]
fn tasks_are_filtered() {
    let env = planted();
    let tmux = top(&env, SIZE, "");
    tmux.wait_until("all", |it| ["t1", "t2", "t3"].iter().all(|id| it.contains(id)));
    tmux.type_in("/DOCS");
    tmux.wait_until("two", |it| !it.contains("lint") && it.contains("build the docs"));
    tmux.press(&["Enter"]);
    tmux.type_in("a");
    tmux.wait_until("the live one", |it| !it.contains("build") && it.contains("serve the docs"));
    tmux.press(&["Escape"]);
    // Together with the next key it would be Alt and that key.
    tmux.wait_until("no filter", |it| !it.contains("/DOCS"));
    tmux.type_in("a");
    tmux.wait_for("lint the code");
    tmux.type_in("?");
    tmux.wait_for("run the task again");
}

/// It fills any size, and follows a change of it.
#[test]
fn it_fits_the_terminal() {
    let env = planted();
    let tmux = top(&env, (200, 50), "");
    tmux.wait_for("LAST LINE");
    tmux.resize((40, 10));
    tmux.wait_until("a small screen", |it| {
        let lines: Vec<&str> = it.lines().collect();
        lines.len() == 10 && lines[1].ends_with("WHAT") && lines[9].starts_with("q quit")
    });
    tmux.resize((120, 30));
    tmux.wait_for("LAST LINE");
}

/// Ctrl-L draws all of it again. This terminal answers no question, such as where its cursor is.
#[test]
fn it_is_drawn_again() {
    let env = planted();
    let terminal = crate::pty::Terminal::new(&env).sized(100, 26).with("TERM", "xterm");
    let mut screen = terminal.start("top");
    wait_until("the dashboard", || screen.text().contains("PROJECT"));
    screen.type_in("\u{c}");
    wait_until("a second drawing", || screen.text().matches("PROJECT").count() > 1);
    screen.type_in("q");
    assert_eq!(screen.wait(), Some(0));
}

#[test]
fn hostile_text_is_only_text() {
    let client = Client::new(Shell::Bash);
    let more = json!({ "description": "innocent\u{1b}[2J\u{202e}\u{1b}]0;pwned\u{7}" });
    let task = client.background_with(
        r"printf '\033]0;pwned\007\033[2J\033[31mred\033[0m\rshown'; sleep 300",
        more,
    );
    task_once(&client, &task, "running");
    let tmux = top(&client.env, SIZE, "NO_COLOR=1");
    tmux.wait_until("the text", |it| it.contains("innocent") && it.matches("shown").count() == 2);
    let screen = tmux.coloured_screen();
    assert!(!screen.contains("pwned") && !screen.contains("[31m"), "{screen}");
}

#[test]
fn colours_are_for_users_who_want_them() {
    let env = planted();
    let has_colours = |tmux: &Tmux<'_>| {
        tmux.wait_for("failed(3)");
        tmux.coloured_screen().contains("38;5;1m")
    };
    assert!(has_colours(&top(&env, SIZE, "")));
    assert!(!has_colours(&top(&env, SIZE, "NO_COLOR=1")));
}

/// However it ends, the shell behind it has a usual terminal, with what was on it before.
#[test]
fn it_gives_the_terminal_back() {
    let env = planted();
    let line = format!("echo before; {} top; echo code $?; stty -a; cat", program(&env).display());
    for (end, code) in [("q", "code 0"), ("C-c", "code 0"), ("SIGTERM", "code 143")] {
        let tmux = Tmux::start(&env, (80, 40), &line);
        tmux.wait_for("t3");
        assert!(!tmux.screen().contains("before"));
        match end {
            "SIGTERM" => tmux.process(&program(&env)).signal(Signal::SIGTERM),
            key => tmux.press(&[key]),
        }
        tmux.wait_for(code);
        tmux.wait_for(" icanon");
        let screen = tmux.screen();
        assert!(screen.contains("before\n") && screen.contains(" echo "), "{screen}");
        assert!(!screen.contains("STATE"), "{screen}");
    }
}

/// It ends with its terminal, even if it ignores the signal of that.
#[test]
fn it_ends_with_its_terminal() {
    let env = planted();
    for ignored in ["", "HUP", "HUP TERM INT QUIT"] {
        let ignore =
            if ignored.is_empty() { String::new() } else { format!("trap '' {ignored}; ") };
        let line = format!("{ignore}exec {} top", program(&env).display());
        let tmux = Tmux::start(&env, SIZE, &line);
        tmux.wait_for("t3");
        let process = tmux.process(&program(&env));
        tmux.close();
        wait_until("its end", || !process.is_alive());
    }
}

#[test]
fn without_a_terminal_it_names_what_to_use() {
    let env = planted();
    assert_fails(&env.run("sisyphus", &["top"]), 1, "use `sisyphus list --watch`");
    let dumb = crate::pty::Terminal::new(&env).with("TERM", "dumb").run("top");
    assert_eq!(dumb.code, Some(1), "{dumb:?}");
    assert!(dumb.stdout.contains("use `sisyphus list`"), "{dumb:?}");
}
