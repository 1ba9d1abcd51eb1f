//! Shells with the same command: Claude Code says which call is whose, and nothing holds up a foreground one.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sisyphus_testing::shell::{Finished, Running};
use sisyphus_testing::{Client, failure_notice, told, wait_until};

use crate::support::in_both;

const LIMIT_MS: u64 = 300;
/// The runner looks again half a second after the limit.
const WELL_BEYOND: Duration = Duration::from_millis(1_300);

/// Runs until the file `stop` is there, and ends with the code in it.
const COMMAND: &str = "trap 'echo got TERM' TERM; echo ready; until [ -s stop ]; do sleep 0.02; done; echo end; exit \"$(cat stop)\"";

fn say_end(client: &Client, code: i32) -> PathBuf {
    let stop = client.env.project().join("stop");
    fs::write(&stop, code.to_string()).unwrap();
    stop
}

/// Makes the command exit with this code, and waits until it has.
fn end(client: &Client, running: Running, code: i32) {
    let stop = say_end(client, code);
    assert_ended(&running.wait(), code);
    fs::remove_file(stop).unwrap();
}

/// The same of a command in the foreground.
fn end_foreground(client: &Client, running: Running, code: i32) {
    let stop = say_end(client, code);
    assert_ended(&running.wait_in_foreground(), code);
    fs::remove_file(stop).unwrap();
}

fn assert_ended(finished: &Finished, code: i32) {
    assert_eq!((finished.text().as_str(), finished.status.code()), ("ready\nend\n", Some(code)));
}

/// The report names the task of the run that Claude Code calls `id`.
fn assert_names_run(client: &Client, text: &str, id: &str) {
    let tasks = client.tasks();
    let task = tasks.iter().find(|task| task["client_id"] == id);
    let name = task.and_then(|task| task["id"].as_str()).unwrap();
    assert!(text.contains(&format!("Background task {name} ")), "{name}: {text}");
}

/// I5: a foreground command with the words of an announced background call gets a runner, and no limit: it runs well
/// beyond that of the call. No record of it is ever there.
fn foreground_twin(client: &Client) -> Value {
    let call = client.announce_with(COMMAND, json!({ "timeout": LIMIT_MS }));
    let foreground = client.start(COMMAND);
    foreground.wait_for_line("ready");
    let since = Instant::now();
    assert_eq!(foreground.process.program().unwrap(), client.runner(), "it has no runner");
    assert_eq!(client.task()["status"], "pending");
    wait_until("its time", || since.elapsed() > WELL_BEYOND);
    assert_eq!(client.types(), "");
    end_foreground(client, foreground, 5);
    assert_eq!(client.types(), "");
    assert_eq!(client.task()["status"], "pending");
    call
}

/// The runner gives the foreground twin of a denied call no time limit, and the hooks do not report it.
#[test]
fn a_denied_calls_foreground_twin() {
    in_both(|client| {
        foreground_twin(client);
        assert_eq!((client.stops(), client.types()), (String::new(), String::new()));
        let resumed = json!({ "hook_event_name": "SessionStart", "source": "resume" });
        assert_eq!(client.hook("sisyphus-session-start", resumed), Value::Null);
        assert_eq!(client.tasks(), [] as [Value; 0]);
        let runs = fs::read_dir(client.env.state().join("runs"));
        assert_eq!(runs.map_or(0, Iterator::count), 0, "its run was left behind");
    });
}

/// The hooks report a call that was pending beside its foreground twin as itself.
#[test]
fn a_call_pending_beside_its_foreground_twin() {
    in_both(|client| {
        let call = foreground_twin(client);
        let background = client.start(COMMAND);
        assert_eq!(client.bind(call.clone(), &background), Value::Null);
        background.wait_for_line("ready");
        assert_eq!(client.types(), "");
        let (id, notice) = (background.id.clone(), failure_notice(&call, &background, 6));
        end(client, background, 6);
        let text = client.submits(&notice);
        assert_eq!(text.matches("[sisyphus] ").count(), 1, "{text:?}");
        assert!(text.contains("failed with exit code 6"), "{text}");
        assert_names_run(client, &text, &id);
        assert_eq!((client.stops(), client.types()), (String::new(), String::new()));
    });
}

const AGENT: &str = "a823f771c24d473c5";

/// A call of the main conversation and the same one of a subagent, each with its shell.
struct Pair {
    calls: [Value; 2],
    shells: [Running; 2],
}

impl Pair {
    /// The shells start in the reverse order, so that each takes the announcement that was meant for the other.
    fn start(client: &Client, command: &str) -> Self {
        let main = client.announce(command);
        let mut agent = main.clone();
        agent["agent_id"] = AGENT.into();
        agent["tool_use_id"] = "toolu_of_agent".into();
        assert_eq!(client.hook("sisyphus-pre-tool-use", agent.clone()), Value::Null);
        let claimed = |running: Running| {
            running.wait_for_line("ready");
            assert_eq!(running.process.program().unwrap(), client.runner());
            running
        };
        let of_agent = claimed(client.start(command));
        let of_main = claimed(client.start(command));
        // Claude Code may be slower to answer than the runners are to attach.
        client.wait_until_attached(&of_agent);
        client.wait_until_attached(&of_main);
        Self { calls: [main, agent], shells: [of_main, of_agent] }
    }

    fn bind(&self, client: &Client, number: usize) -> String {
        told(&client.bind(self.calls[number].clone(), &self.shells[number]))
    }
}

fn assert_tells_of(text: &str, id: &str, who: &str) {
    assert_eq!(text.matches("[sisyphus] ").count(), 1, "{who}: {text:?}");
    assert!(text.contains("failed with exit code 4"), "{who}: {text}");
    assert!(text.contains(&format!("\n| I am {id}.output\n")), "{who} got the other's: {text}");
}

/// If two equal commands took each other's announcement, the hooks deliver each result to its own conversation.
#[test]
fn crossed_claims_reach_their_conversations() {
    let command = "echo ready; echo \"I am $(basename \"$(readlink /proc/self/fd/2)\")\"; until [ -e stop ]; do sleep 0.02; done; exit 4";
    for order in [[0, 1], [1, 0]] {
        in_both(|client| {
            println!("Claude Code answers in the order {order:?}");
            let pair = Pair::start(client, command);
            for number in order {
                let said = pair.bind(client, number);
                // The second one is named beside the first, which was called before it.
                let names_equal = said.starts_with("[sisyphus] The same command already runs in ");
                let is_beside = order == [0, 1] && number == 1;
                assert_eq!((names_equal, said.is_empty()), (is_beside, !is_beside), "{said}");
            }
            fs::write(client.env.project().join("stop"), "").unwrap();
            let [of_main, of_agent] = pair.shells.map(|running| running.wait().id);
            assert_tells_of(&client.types(), &of_main, "the main conversation");
            assert_eq!(client.types(), "", "reported twice, or what is the subagent's");
            let next = json!({
                "hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_use_id": "toolu_next",
                "agent_id": AGENT, "tool_input": { "command": "true" }, "tool_response": { "stdout": "" },
            });
            let text = told(&client.hook("sisyphus-post-tool-use", next.clone()));
            assert_tells_of(&text, &of_agent, "the subagent");
            assert_eq!(client.hook("sisyphus-post-tool-use", next), Value::Null, "reported twice");
        });
    }
}

/// A gate at which a shell waits before it can claim.
fn gated(client: &mut Client, gate: &str, command: &str) -> (Running, PathBuf) {
    let gate = client.env.path().join(gate);
    nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // A second pass through the gate must not wait again.
    client.prelude =
        format!("if [ -p '{0}' ]; then read -r line < '{0}'; rm -f '{0}'; fi\n", gate.display());
    let running = client.start(command);
    client.prelude.clear();
    (running, gate)
}

/// If two claims come between Claude Code's answers, the hooks deliver each result to its own conversation. Claude Code
/// answers the first call before either shell has come to its claim, and the second one after both have.
#[test]
fn claims_between_the_clients_answers() {
    let command = "echo ready; echo \"I am $(basename \"$(readlink /proc/self/fd/2)\")\"; until [ -e stop ]; do sleep 0.02; done; exit 4";
    in_both(|client| {
        let main = client.announce(command);
        let mut agent = main.clone();
        agent["agent_id"] = AGENT.into();
        agent["tool_use_id"] = "toolu_of_agent".into();
        client.hook("sisyphus-pre-tool-use", agent.clone());
        let (of_main, main_gate) = gated(client, "gate-1", command);
        let (of_agent, agent_gate) = gated(client, "gate-2", command);
        client.bind(main, &of_main);
        for (running, gate) in [(&of_agent, agent_gate), (&of_main, main_gate)] {
            fs::write(gate, "go\n").unwrap();
            running.wait_for_line("ready");
        }
        client.wait_until_attached(&of_agent);
        client.wait_until_attached(&of_main);
        client.bind(agent, &of_agent);
        assert_eq!(client.tasks().len(), 2, "{:#?}", client.tasks());
        fs::write(client.env.project().join("stop"), "").unwrap();
        let [of_main, of_agent] = [of_main, of_agent].map(|running| running.wait().id);
        assert_tells_of(&client.types(), &of_main, "the main conversation");
        let next = json!({
            "hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_use_id": "toolu_next",
            "agent_id": AGENT, "tool_input": { "command": "true" }, "tool_response": { "stdout": "" },
        });
        assert_tells_of(
            &told(&client.hook("sisyphus-post-tool-use", next)),
            &of_agent,
            "the subagent",
        );
    });
}

/// Claude Code has answered, and a foreground command claims first. The runner knows that the call is another shell's,
/// so the shell stays what Claude Code started.
#[test]
fn an_answered_calls_foreground_twin() {
    in_both(|client| {
        let call = client.announce_with(COMMAND, json!({ "timeout": 60_000 }));
        let (background, gate) = gated(client, "gate", COMMAND);
        client.bind(call.clone(), &background);
        let foreground = client.start(COMMAND);
        foreground.wait_for_line("ready");
        assert_ne!(foreground.process.program().unwrap(), client.runner());
        end_foreground(client, foreground, 5);
        assert_eq!(client.types(), "");
        fs::write(&gate, "go\n").unwrap();
        background.wait_for_line("ready");
        assert_eq!(background.process.program().unwrap(), client.runner());
        let (id, notice) = (background.id.clone(), failure_notice(&call, &background, 6));
        end(client, background, 6);
        let text = client.submits(&notice);
        assert_eq!(text.matches("[sisyphus] ").count(), 1, "{text:?}");
        assert!(text.contains("failed with exit code 6"), "{text}");
        assert_names_run(client, &text, &id);
        assert_eq!((client.stops(), client.types()), (String::new(), String::new()));
    });
}
