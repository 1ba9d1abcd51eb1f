//! A claimed command finds itself in exactly the setting that it would have had without us.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use serde_json::json;
use sisyphus_testing::Client;

use crate::support::{fixture, in_both};

/// What a child of the shell blocks, ignores and catches.
const SIGNALS: &str = "grep Sig[BIC] /proc/self/status";

/// Changes how a shell is started.
type Change = dyn Fn(&mut Command, &Path);

/// The output of `command` without the plugin and as a claimed call.
fn both_ways(client: &Client, command: &str, change: impl Fn(&mut Command, &Path)) -> [Vec<u8>; 2] {
    let plain = client.spawn(&client.plain(command), &change).wait();
    let call = client.announce(command);
    let running = client.spawn(&client.attached(command), &change);
    client.bind(call, &running);
    let finished = running.wait();
    assert_eq!(finished.status, plain.status, "{command}: {finished:?}");
    let tasks = client.tasks();
    let task = tasks.iter().find(|task| task["client_id"] == *finished.id);
    assert!(task.is_some_and(|task| task["ended_at"].is_string()), "not claimed: {command}");
    [plain.output, finished.output]
}

fn assert_same(client: &Client, command: &str, change: impl Fn(&mut Command, &Path)) -> String {
    let texts = both_ways(client, command, change)
        .map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', "\n"));
    assert_eq!(texts[0], texts[1], "{command}");
    texts[0].clone()
}

fn sorted_variables(bytes: &[u8]) -> Vec<String> {
    let mut variables: Vec<String> = bytes
        .split(|&byte| byte == 0)
        // `_` names the program that was started last; a shell sets it for each one.
        .filter(|variable| !variable.starts_with(b"_="))
        .map(|variable| variable.escape_ascii().to_string())
        .collect();
    variables.sort();
    variables
}

#[test]
fn the_environment_is_the_same() {
    in_both(|client| {
        let command = fixture(client, "environment");
        let odd = |command: &mut Command, _: &Path| {
            command
                .env("EMPTY", "")
                .env("LINES_OF_TEXT", "one\ntwo = 2\n")
                .env("QUOTES", "it's \"quoted\" $HOME `x`")
                .env("A.B", "not a name in a shell")
                .env("BYTES", OsStr::from_bytes(&[0xff, 0xfe, b'=']))
                .env("BASH_FUNC_shout%%", "() {  echo loud; }")
                .env("SHLVL", "3")
                .env("OLDPWD", "/usr")
                .env("PWD", "/wrong")
                .env("_", "/usr/bin/something");
        };
        let changes: [&Change; 2] = [&|_, _| {}, &odd];
        let preludes = [
            "",
            "export PATH=\"$PATH:/x\"\nexport FOO=1\n",
            "export FOO=\"${FOO-}x\"\nunset HOME LANG\nexport EMPTY\nexport SHLVL=7\n",
        ];
        for prelude in preludes {
            for change in changes {
                prelude.clone_into(&mut client.prelude);
                let found = both_ways(client, &command, change);
                let [plain, claimed] = found.map(|bytes| sorted_variables(&bytes));
                assert_eq!(plain, claimed, "{prelude}");
                // Tests set one themselves, so that they share no line with this machine's user.
                let of_tests = |it: &str| it.starts_with("SISYPHUS_RUNTIME_DIR=");
                let is_ours = |it: &str| it.to_uppercase().contains("SISYPHUS_") && !of_tests(it);
                let ours = claimed.iter().find(|it| is_ours(it));
                assert_eq!(ours, None, "{prelude}");
            }
        }
    });
}

#[test]
fn limits_rights_and_priority_are_the_same() {
    in_both(|client| {
        let command = "umask; ulimit -a; ulimit -Ha; nice; pwd; cat /proc/self/oom_score_adj; grep -E '^(Cpus_allowed|CapEff|NoNewPrivs|Groups)' /proc/self/status";
        assert_same(client, command, |_, _| {});
        "umask 027\nulimit -n 99\nulimit -c 0\n".clone_into(&mut client.prelude);
        let found = assert_same(client, command, |_, _| {});
        assert!(found.starts_with("0027") || found.starts_with("027"), "{found}");
    });
}

#[test]
fn open_descriptors_are_the_same() {
    in_both(|client| {
        assert_same(client, "ls /proc/self/fd", |_, _| {});
        // By kind: sockets have numbers of their own.
        let command = "for fd in 0 1 2; do readlink /proc/$$/fd/$fd | sed 's/[0-9]*//g'; done";
        let found = assert_same(client, command, |_, _| {});
        assert!(found.starts_with("socket:[]\n") || found.starts_with("/dev/null\n"), "{found}");
        "exec 7</dev/null 9</dev/null\n".clone_into(&mut client.prelude);
        assert_same(client, "ls /proc/self/fd", |_, _| {});
    });
}

#[test]
fn signals_are_handled_the_same() {
    in_both(|client| {
        assert_same(client, SIGNALS, |_, _| {});
        "trap '' USR2 HUP\n".clone_into(&mut client.prelude);
        assert_same(client, SIGNALS, |_, _| {});
    });
}

/// As under a Claude Code that was started with `nohup`. Not PIPE: the standard library resets that in every program
/// and for every child. The real Claude Code does too, as the end-to-end comparison of commands shows.
#[test]
fn signals_that_the_client_ignores_stay_ignored() {
    in_both(|client| {
        let signals = [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGUSR1];
        let differ: Vec<Signal> = signals
            .into_iter()
            .filter(|&number| {
                let [plain, claimed] = both_ways(client, SIGNALS, |command, _| {
                    let ignore = move || {
                        // SAFETY: to ignore a signal runs no code of ours.
                        let ignored = unsafe { signal(number, SigHandler::SigIgn) };
                        ignored.map(drop).map_err(io::Error::from)
                    };
                    // SAFETY: between fork and exec only this one system call is made.
                    unsafe { command.pre_exec(ignore) };
                });
                plain != claimed
            })
            .collect();
        assert_eq!(differ, []);
    });
}

#[test]
fn signals_that_the_client_blocks_stay_blocked() {
    in_both(|client| {
        assert_same(client, SIGNALS, |command, _| {
            let block = || {
                let mut set = SigSet::empty();
                set.add(Signal::SIGUSR1);
                set.thread_block().map_err(io::Error::from)
            };
            // SAFETY: between fork and exec only this one system call is made.
            unsafe { command.pre_exec(block) };
        });
    });
}

/// With a runner, a command starts in the same folder that another environment file changed to. What stands in front of
/// a command runs twice (see ARCHITECTURE.md), so `$OLDPWD` is not the same here.
#[test]
fn a_folder_of_another_env_file_is_kept() {
    in_both(|client| {
        std::fs::create_dir_all(client.env.project().join("sub")).unwrap();
        let sub = client.env.project().join("sub");
        client.prelude = format!("cd '{}'\n", sub.display());
        let found = assert_same(client, "pwd", |_, _| {});
        assert!(found.lines().next().unwrap().ends_with("/proj/sub"), "{found}");
    });
}

/// Claude Code's shell leads its session, so the kernel discards stop signals for it. The kernel does so for the
/// command, too.
#[test]
fn terminal_stop_signals_stop_nothing() {
    in_both(|client| {
        let command = "kill -TSTP $$; kill -TTIN $$; kill -TTOU $$; ps -o sid= -p $$ | grep -qw $$ && echo leads; exit 3";
        assert_eq!(assert_same(client, command, |_, _| {}), "leads\n");
    });
}

/// A limit for files is the command's: it ends no runner that writes down a longer one.
#[test]
fn a_file_size_limit_ends_no_runner() {
    in_both(|client| {
        for number in 1..=8 {
            client
                .background_with(
                    &format!("exit {number}"),
                    json!({ "description": "x".repeat(2_000) }),
                )
                .wait();
        }
        let in_blocks = "if [ -n \"$ZSH_VERSION\" ]; then ulimit -f 24; else ulimit -f 12; fi\n";
        in_blocks.clone_into(&mut client.prelude);
        let command = "grep Sig[IC] /proc/self/status; (head -c 20000 /dev/zero >big; exit $?) 2>/dev/null; echo $?; exit 4";
        assert!(assert_same(client, command, |_, _| {}).ends_with("\n153\n"));
    });
}
