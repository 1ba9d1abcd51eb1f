//! Which shell gets which announced call.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, wait_until};

use crate::support::{fixture, in_both};

/// Two calls of one command, whose shells print their own task.
struct Twins {
    calls: [Value; 2],
    shells: [Running; 2],
    gates: [PathBuf; 2],
}

impl Twins {
    /// Both are announced and started; each shell waits for its gate before it can claim.
    fn start(client: &mut Client) -> Self {
        let command = "echo \"$$\"; exit 4";
        let calls = [client.announce(command), client.announce(command)];
        let gates = ["gate-0", "gate-1"].map(|name| client.env.path().join(name));
        let shells = gates.each_ref().map(|gate| {
            nix::unistd::mkfifo(gate, nix::sys::stat::Mode::S_IRWXU).unwrap();
            // A second pass through the gate must not wait again.
            client.prelude = format!(
                "if [ -p '{0}' ]; then read -r line < '{0}'; rm -f '{0}'; fi\n",
                gate.display()
            );
            client.start(command)
        });
        Self { calls, shells, gates }
    }

    fn open_gate(&self, number: usize) {
        std::fs::write(&self.gates[number], "go\n").unwrap();
    }

    fn bind(&self, client: &Client, number: usize) {
        client.bind(self.calls[number].clone(), &self.shells[number]);
    }

    /// Waits for both, and asserts that each of Claude Code's tasks has one record, with its own result and output.
    fn check(self, client: &Client) {
        let finished = self.shells.map(Running::wait);
        let tasks = client.tasks();
        assert_eq!(tasks.len(), 2, "{tasks:#?}");
        for shell in finished {
            assert_eq!(shell.status.code(), Some(4));
            let task = tasks.iter().find(|task| task["client_id"] == *shell.id);
            let task = task.unwrap_or_else(|| panic!("no {}: {tasks:#?}", shell.id));
            assert_eq!((&task["status"], &task["exit_code"]), (&json!("failed"), &json!(4)));
            let kept = std::fs::read_to_string(task["output_file"].as_str().unwrap()).unwrap();
            assert_eq!(kept, shell.text(), "{} has the output of its twin", shell.id);
        }
        assert!(!client.announced_dir().exists());
    }
}

/// The runners of two equal commands at once each get a task of their own.
#[test]
fn two_equal_commands_get_a_task_each() {
    in_both(|client| {
        let twins = Twins::start(client);
        for number in [0, 1] {
            twins.open_gate(number);
            client.wait_until_attached(&twins.shells[number]);
        }
        twins.bind(client, 0);
        twins.bind(client, 1);
        twins.check(client);
    });
}

/// Of two equal commands, the second may claim first while Claude Code answers. Each keeps its own task. Claude Code
/// answers the model as soon as it has started a shell, which may not have claimed anything yet.
#[test]
fn the_second_claims_first_during_the_answers() {
    in_both(|client| {
        let twins = Twins::start(client);
        twins.open_gate(1);
        client.wait_until_attached(&twins.shells[1]);
        twins.bind(client, 0);
        twins.bind(client, 1);
        twins.open_gate(0);
        twins.check(client);
    });
}

/// Of two equal commands, the second may claim first after Claude Code answered. Each keeps its own task.
#[test]
fn the_second_claims_first_after_the_answers() {
    in_both(|client| {
        let twins = Twins::start(client);
        twins.bind(client, 0);
        twins.bind(client, 1);
        twins.open_gate(1);
        wait_until("the end of one", || {
            client.tasks().iter().any(|task| task["status"] == "failed")
        });
        twins.open_gate(0);
        twins.check(client);
    });
}

/// Runs a command that prints `$$` in a shell for which the announcement is not meant. The shell stays what Claude Code
/// started, and the announcement stays.
fn assert_claims_nothing(client: &Client, command: &str) {
    let running = client.start(command);
    let pid = running.process.pid.to_string();
    let finished = running.wait();
    assert!(finished.text().lines().any(|line| line == pid), "{command}: {finished:?}");
    assert_eq!(client.task()["status"], "pending", "{command}");
}

#[test]
fn a_shell_with_another_command_is_left_alone() {
    in_both(|client| {
        let call = client.announce("echo announced");
        let others = [
            "echo $$",
            // The announced command as a part, as a quotation, and in a string that looks like Claude Code's.
            "echo $$; echo announced",
            "echo announced; echo $$",
            "echo $$; : 'echo announced'",
            "echo $$; : \"&& eval 'echo announced' < /dev/null && pwd\"",
            "echo $$\n: '&& eval '\"'\"'echo announced'\"'\"' < /dev/null && pwd'",
            "echo $$; eval 'echo announced' < /dev/null && pwd",
        ];
        for command in others {
            assert_claims_nothing(client, command);
        }
        let running = client.start("echo announced");
        client.bind(call, &running);
        assert_eq!(running.wait().text(), "announced\n");
        assert_eq!(client.task()["status"], "completed");
    });
}

/// A shell whose command only contains the announced word claims nothing. A command that is one word stands in the
/// string without quotes, so it may stand within another one's.
#[test]
fn a_word_within_another_command_is_no_claim() {
    in_both(|client| {
        let call = client.announce("true");
        let others = [
            "echo $$ && eval true && pwd",
            "echo $$ && eval true < /dev/null && pwd -P",
            "echo $$ && eval true",
            "echo $$; true",
        ];
        for command in others {
            assert_claims_nothing(client, command);
        }
        let running = client.start("true");
        client.bind(call, &running);
        running.wait();
        assert_eq!(client.task()["status"], "completed");
    });
}

#[test]
fn the_command_leads_its_own_session_below_the_runner() {
    in_both(|client| {
        let command = format!("{} 3600; true", fixture(client, "sleep"));
        let running = client.background(&command);
        let running_task = client.running_task();
        assert_eq!(running_task["watch"], "supervised");
        assert_eq!(running_task["client_id"], *running.id);
        let (runner, shell) = (running.process, running.command());
        assert_eq!(runner.program().unwrap(), client.runner());
        assert_eq!(shell.program(), client.shell.program().canonicalize().ok());
        let stat = shell.stat().unwrap();
        assert_eq!((stat.parent, stat.group), (runner.pid, shell.pid));
        assert_eq!(stat.session, shell.pid);
        shell.signal(Signal::SIGKILL);
        assert_eq!(running.wait().status.signal(), Some(9));
    });
}

#[test]
fn quotes_of_every_kind_survive() {
    let commands = [
        "echo 'it'\\''s' \"$((1 + 1))\" `echo three` $(echo four)",
        "cat <<'EOF'\nline $one\n'two' \"three\"\nEOF",
        "printf '%s|' a 'b  c' \"d\"$'\\n'; echo",
        "echo ü € 𝄞 # a comment",
        "eval 'echo \"in eval\"'",
        "if false; then :; else echo else; fi; f() { echo \"f $1\"; }; f 1",
        "",
        "'",
        "echo \"unfinished",
        "exec echo replaced",
        "exit 0\necho never",
    ];
    in_both(|client| {
        for command in commands {
            let plain = client.start_plain(command).wait();
            let finished = client.background(command).wait();
            assert_eq!(finished.status, plain.status, "{command}");
            assert_eq!(without_lines(&finished.text()), without_lines(&plain.text()), "{command}");
            let tasks = client.tasks();
            let task = tasks.iter().find(|task| task["client_id"] == *finished.id).unwrap();
            assert_eq!(task["exit_code"].as_i64(), plain.status.code().map(i64::from), "{command}");
        }
    });
}

/// The env file makes the string one line longer, and the shells' own messages name lines.
fn without_lines(text: &str) -> String {
    text.chars().filter(|character| !character.is_ascii_digit()).collect()
}
