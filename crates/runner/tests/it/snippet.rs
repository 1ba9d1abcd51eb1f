//! The attach snippet in front of commands that are none of ours.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use sisyphus_testing::{Client, Shell};

use crate::support::in_both;

#[test]
fn it_is_silent_and_succeeds_under_any_option() {
    in_both(|client| {
        for options in ["", "set -u; ", "set -e; ", "set -eu; ", "set -eu -o pipefail; "] {
            let string = format!("{options}{}echo \"status $?\"", client.snippet());
            let finished = client.spawn(&string, |_, _| {}).wait();
            assert_eq!(finished.text(), "status 0\n", "{options}");
            assert_eq!(finished.status.code(), Some(0), "{options}");
        }
    });
}

/// The snippet takes no shell for bash or zsh because of an inherited variable.
#[test]
fn it_takes_no_shell_for_another() {
    in_both(|client| {
        let string = format!("set -u\n{}: && echo \"status $? line $LINENO\"", client.snippet());
        let line = match client.shell {
            Shell::Bash => 2,
            Shell::Zsh => 3,
        };
        for inherited in ["BASH_VERSION", "ZSH_VERSION"] {
            let running = client.spawn(&string, |command, _| {
                command.env(inherited, "5.2");
            });
            assert_eq!(running.wait().text(), format!("status 0 line {line}\n"), "{inherited}");
        }
        let unset = client.spawn(&format!("unset BASH_VERSION\n{string}"), |_, _| {});
        assert_eq!(unset.wait().text(), format!("status 0 line {}\n", line + 1));
    });
}

/// Claude Code starts bash or zsh only; a newer version might start others. `/bin/sh` is dash on Debian, bash
/// elsewhere.
#[test]
fn it_is_silent_and_succeeds_in_another_shell() {
    let client = Client::new(Shell::Bash);
    for announced in ["", "something else"] {
        if !announced.is_empty() {
            client.announce(announced);
        }
        let mut shell = Command::new("/bin/sh");
        client.env.apply(&mut shell);
        let string = format!("set -eu\n{}echo \"status $?\"; exit 4", client.snippet());
        let output = shell.args(["-c", &string]).env("BASH_VERSION", "5.2").output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        assert_eq!(String::from_utf8_lossy(&text), "status 0\n");
        assert_eq!(output.status.code(), Some(4));
    }
}

/// Everything that a shell can print about itself.
fn dump(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => {
            "echo \"status $?\"; set; declare -p; declare -f; set -o; shopt; trap; alias; ulimit -a; umask; jobs; pwd; hash"
        }
        Shell::Zsh => {
            "echo \"status $?\"; set; typeset -p; functions; setopt; trap; alias; ulimit -a; umask; jobs; pwd; hash"
        }
    }
}

/// What differs between any two shells.
const MASKED: [&str; 22] = [
    // The string itself, with the snippet in it.
    "BASH_EXECUTION_STRING",
    "ZSH_EXECUTION_STRING",
    // The last argument of the last simple command: of `[` here.
    "_",
    // Process numbers, clocks and dice.
    "$",
    "!",
    "BASHPID",
    "PPID",
    "RANDOM",
    "SRANDOM",
    "SECONDS",
    "EPOCHSECONDS",
    "EPOCHREALTIME",
    "TTYIDLE",
    // The snippet is a line of its own.
    "LINENO",
    "BASH_LINENO",
    // They name the place in the string too.
    "funcfiletrace",
    "functrace",
    "funcsourcetrace",
    "ZSH_EVAL_CONTEXT",
    "ZSH_SUBSHELL",
    "BASH_SUBSHELL",
    "COLUMNS",
];

/// What only one of the two has.
fn difference(without: &[String], with: &[String]) -> Vec<String> {
    let only = |mark, these: &[String], those: &[String]| -> Vec<String> {
        let lines = these.iter().filter(|line| !those.contains(line));
        lines.map(|line| format!("{mark} {line}")).collect()
    };
    [only('-', without, with), only('+', with, without)].concat()
}

fn masked(dump: &str) -> Vec<String> {
    let is_masked = |line: &str| {
        let line = line.strip_prefix("declare ").or(line.strip_prefix("typeset ")).unwrap_or(line);
        let name = line.split('=').next().unwrap_or_default();
        // After the flags of `declare -p`.
        let name = name.rsplit(' ').next().unwrap_or_default().trim_matches('\'');
        MASKED.contains(&name)
    };
    dump.lines().filter(|line| !is_masked(line)).map(str::to_owned).collect()
}

/// The dump of a shell that ran `code` first. Its string stands in one line, so that a mask takes it whole.
fn dumped(client: &Client, code: &str) -> Vec<String> {
    let string = format!("{}; {}", code.trim_end(), dump(client.shell));
    masked(&client.spawn(&string, |_, _| {}).wait().text())
}

#[test]
fn it_changes_nothing_in_the_shell() {
    in_both(|client| {
        let (without, with) = (dumped(client, ":"), dumped(client, &client.snippet()));
        assert!(without.len() > 60, "hardly a dump: {without:#?}");
        assert_eq!(difference(&without, &with), [""; 0]);
    });
}

/// The snippet changes nothing in a shell whose claim fails.
#[test]
fn an_unannounced_shell_stays_unchanged() {
    in_both(|client| {
        let without = dumped(client, ":");
        client.announce("something else");
        let with = dumped(client, &client.snippet());
        assert!(client.announced_dir().exists(), "nothing was announced");
        assert_eq!(difference(&without, &with), [""; 0]);
    });
}

#[test]
fn with_nothing_announced_no_process_is_started() {
    in_both(|client| {
        // The page faults of children that were waited for: none without a child. Field 11 of the line.
        let command = "read -r line < /proc/$$/stat; echo \"$line\"";
        let minor_faults = |client: &Client| {
            let text = client.start(command).wait().text();
            text.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(8).unwrap().to_owned()
        };
        assert_eq!(minor_faults(client), "0");
        client.announce("something else");
        assert_ne!(minor_faults(client), "0", "the measure does not see children");
    });
}

/// Announces a command in a session whose runner `spoil` makes unfit then, and asserts that it runs as without us.
fn assert_runs_with_runner(spoil: impl Fn(&Path)) {
    in_both(|client| {
        let command = "from_snapshot; echo \"own $$\"; cd /; (exit 5)";
        client.announce(command);
        // The hook that announces puts back a runner that is gone.
        spoil(&client.runner());
        let running = client.start(command);
        let pid = running.process.pid;
        let finished = running.wait();
        assert_eq!(finished.text(), format!("here\nown {pid}\n"));
        assert_eq!(finished.status.code(), Some(5));
    });
}

fn replace(runner: &Path, content: &[u8], mode: u32) {
    fs::remove_file(runner).unwrap();
    fs::write(runner, content).unwrap();
    fs::set_permissions(runner, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_missing_or_useless_runner_is_as_good_as_none() {
    assert_runs_with_runner(|runner| fs::remove_file(runner).unwrap());
    assert_runs_with_runner(|runner| {
        fs::remove_file(runner).unwrap();
        fs::create_dir(runner).unwrap();
    });
    assert_runs_with_runner(|runner| {
        fs::set_permissions(runner, fs::Permissions::from_mode(0o644)).unwrap();
    });
    assert_runs_with_runner(|runner| replace(runner, b"this is no program\n", 0o755));
    assert_runs_with_runner(|runner| replace(runner, b"\x7fELF and no more", 0o755));
}

/// Both shells run an empty file as a script, and it succeeds.
#[test]
fn an_empty_runner_is_as_good_as_none() {
    assert_runs_with_runner(|runner| replace(runner, b"", 0o755));
}

/// The shell has something to say of a child that dies by a signal.
#[test]
fn a_runner_that_crashes_is_as_good_as_none() {
    assert_runs_with_runner(|runner| {
        let program = fs::read(runner).unwrap();
        replace(runner, &program[..10_000], 0o755);
    });
    assert_runs_with_runner(|runner| replace(runner, b"#!/bin/sh\nkill -ABRT $$\n", 0o755));
}

/// I13: in posix mode, where a shell ends over more mistakes, nothing that is missing ends it.
#[test]
fn it_ends_no_shell_in_posix_mode() {
    in_both(|client| {
        let posix = match client.shell {
            Shell::Bash => "set -o posix\n",
            Shell::Zsh => "emulate sh\n",
        };
        let command = "echo goes on; exit 3";
        let string = format!("{posix}set -eu\n{}", client.attached(command));
        let call = client.announce(command);
        let running = client.spawn(&string, |_, _| {});
        client.wait_until_attached(&running);
        client.bind(call, &running);
        let finished = running.wait();
        assert_eq!((finished.text().as_str(), finished.status.code()), ("goes on\n", Some(3)));
        assert_eq!(client.task()["exit_code"], 3, "not supervised");
        client.announce(command);
        fs::remove_file(client.runner()).unwrap();
        let finished = client.spawn(&string, |_, _| {}).wait();
        assert_eq!((finished.text().as_str(), finished.status.code()), ("goes on\n", Some(3)));
    });
}

/// What the shell says of the command, and what the command says, goes where it goes without us.
#[test]
fn error_output_is_that_of_the_shell() {
    in_both(|client| {
        let command = "echo out; echo err >&2; missing-program";
        client.announce(command);
        let running = client.spawn(&client.attached(command), |shell, output| {
            shell.stderr(fs::File::create(output.with_extension("err")).unwrap());
        });
        let errors = running.output.with_extension("err");
        assert_eq!(running.wait().text(), "out\n");
        let errors = fs::read_to_string(errors).unwrap();
        assert!(errors.starts_with("err\n") && errors.contains("missing-program"), "{errors}");
        assert_eq!(client.tasks().len(), 1, "not claimed");
    });
}

/// S23: a command that just fits without us fits with us, and is supervised.
#[test]
fn a_command_of_130_400_bytes_runs() {
    in_both(|client| {
        let tail = "; exit 7";
        let command = format!("echo {}{tail}", "x".repeat(130_400 - "echo ".len() - tail.len()));
        let plain = client.start_plain(&command).wait();
        let call = client.announce(&command);
        let running = client.start(&command);
        client.wait_until_attached(&running);
        client.bind(call, &running);
        let finished = running.wait();
        assert_eq!(finished.status.code(), Some(7));
        assert_eq!((finished.status, finished.output.len()), (plain.status, plain.output.len()));
        assert_eq!(client.task()["exit_code"], 7, "not supervised");
    });
}
