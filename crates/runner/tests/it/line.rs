//! The queue of a user: exact among many, one for all configuration folders, and not held up by what sleeps or is dead.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;
use sisyphus_base::environment::Environment;
use sisyphus_state::line::{Occupant, Snapshot};
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, Shell, told, wait_for, wait_until};

use crate::queue::{job, let_go, session, slots_are, started, wait_for_line, wait_for_start};
use crate::sandbox::enter;

/// Counts those that run, under a lock of its own, and writes each count down. Each runs for so many seconds.
pub(crate) fn counted(seconds: &str) -> String {
    let count = r#"count() {
    flock 9
    now=$(($(cat now 2>/dev/null || echo 0) + $1))
    echo "$now" > now
    echo "$now" >> counts
    flock -u 9
}
exec 9>>lock"#;
    format!("{count}\ncount 1\nsleep {seconds}\ncount -1\n")
}

/// S3: forty calls of four sessions at once, limit 2. The commands count themselves.
#[test]
fn forty_at_once_never_exceed_the_limit() {
    let mut client = session(2);
    fs::write(client.env.project().join("counted.sh"), counted("0.1")).unwrap();
    let mut running = Vec::new();
    for number in 1..=4 {
        client.switch(&format!("session-{number}"));
        let commands: Vec<String> =
            (0..10).map(|call| format!("sh counted.sh {number} {call}")).collect();
        let calls: Vec<_> = commands.iter().map(|command| client.announce(command)).collect();
        let started: Vec<Running> = commands.iter().map(|command| client.start(command)).collect();
        for (call, started) in calls.into_iter().zip(started) {
            client.bind(call, &started);
            running.push(started);
        }
    }
    for running in running {
        assert_eq!(running.wait().status.code(), Some(0));
    }
    let counts = fs::read_to_string(client.env.project().join("counts")).unwrap();
    let counts: Vec<i32> = counts.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(counts.len(), 80);
    assert_eq!(counts.iter().max(), Some(&2), "{counts:?}");
}

/// A job as in `queue`, with its files in the folder `dir`.
fn job_in(client: &Client, dir: &Path, number: usize) -> Running {
    let dir = dir.display();
    client.background(&format!(
        "echo {number} >> {dir}/log; until [ -e {dir}/go-{number} ]; do sleep 0.02; done"
    ))
}

/// S11, S12: two configuration folders of one user have one line, in the order of the calls. It shows what the other
/// one holds.
#[test]
fn two_configuration_folders_share_one_line() {
    let first = session(1);
    let mut second = Client::new(Shell::Bash);
    second.env.share_runtime(&first.env);
    slots_are(&second, 1);
    // Here the tickets are higher.
    for number in 0..8 {
        first.announce(&format!("never run {number}"));
    }
    let dir = first.env.project();
    let mut jobs = vec![job_in(&first, &dir, 1)];
    wait_for_start(&first, &[1]);
    for (client, number) in [(&first, 2), (&second, 3), (&second, 4)] {
        jobs.push(job_in(client, &dir, number));
        wait_for_line(&first, number - 1);
    }
    let runtime = first.env.runtime().to_owned();
    let environment = Environment {
        sisyphus_runtime_dir: Some(runtime),
        home: Some(second.env.home()),
        ..Environment::default()
    };
    let line = wait_for("a description of all", || {
        let line = Snapshot::read(&environment, |_| true).unwrap();
        let waiters = line.waiters.iter().map(|it| it.occupant.clone());
        let holder = line.holders.first()?.occupant.clone()?;
        Some((holder, waiters.collect::<Option<Vec<Occupant>>>()?))
    });
    let configuration =
        |client: &Client| Some(client.env.home().join(".claude").to_str().unwrap().to_owned());
    assert_eq!(line.0.configuration, configuration(&first));
    assert_eq!(line.0.folder.as_deref(), first.env.project().to_str());
    let configurations: Vec<_> = line.1.iter().map(|it| it.configuration.clone()).collect();
    let expected = [&first, &second, &second].map(configuration);
    assert_eq!(configurations, expected);

    for number in 1..=4 {
        wait_for_start(&first, &(1..=number).collect::<Vec<_>>());
        let_go(&first, number);
    }
    for job in jobs {
        assert_eq!(job.wait().status.code(), Some(0));
    }
}

/// S11: the hooks and the command line name what another configuration folder holds. The number in the queue counts the
/// entries of both folders.
#[test]
fn another_configuration_folder_is_named() {
    let first = session(1);
    let mut second = Client::new(Shell::Bash);
    second.env.share_runtime(&first.env);
    slots_are(&second, 1);
    let dir = first.env.project();
    let held = job_in(&first, &dir, 1);
    wait_for_start(&first, &[1]);
    let before = job_in(&first, &dir, 2);
    wait_for_line(&first, 1);

    let call = second.announce("true");
    let waiting = second.start("true");
    wait_for_line(&first, 2);
    let said = told(&second.bind(call, &waiting));
    let folder = first.env.home().join(".claude").display().to_string();
    let holder = format!("(1 command of the configuration folder `{folder}`). It starts");
    assert!(said.contains("is number 2 in the queue:"), "{said}");
    assert!(said.contains(&holder), "{said}");

    let task = wait_for("its record", || {
        let tasks = second.tasks().into_iter();
        tasks
            .filter(|task| task["status"] == "queued")
            .find_map(|task| task["id"].as_str().map(str::to_owned))
    });
    let run = |args: &[&str]| second.env.run("sisyphus", args).stdout;
    let shown = run(&["show", &task]);
    let place =
        format!("place in queue: 2; now 1 command of the configuration folder `{folder}`\n");
    assert!(shown.contains(&place), "{shown}");
    let listed = run(&["list"]);
    assert!(listed.contains("queued(2)"), "{listed}");
    assert!(
        listed.contains(&format!("1 command of the configuration folder `{folder}`")),
        "{listed}"
    );
    let elsewhere = &second.env.run("sisyphus", &["list", "--json"]).json()["elsewhere"];
    assert_eq!(*elsewhere, json!([{ "configuration": folder, "slots": 1 }]));
    let doctor = second.env.run("sisyphus", &["doctor"]).stdout;
    let line = format!(
        "1 slot is busy, 2 commands are queued; in a slot: 1 command of the configuration folder `{folder}`"
    );
    assert!(doctor.contains(&line), "{doctor}");
    // To the one that holds it, it is its own.
    let own = first.env.run("sisyphus", &["list", "--json"]).json();
    assert_eq!(own["elsewhere"], json!([]));

    for number in [1, 2] {
        wait_for_start(&first, &(1..=number).collect::<Vec<_>>());
        let_go(&first, number);
    }
    for job in [held, before, waiting] {
        assert_eq!(job.wait().status.code(), Some(0));
    }
}

/// S17: the next runner passes a suspended one after a moment. The suspended one starts later.
#[test]
fn a_suspended_head_of_the_line_is_passed() {
    let client = session(1);
    let first = job(&client, 1);
    wait_for_start(&client, &[1]);
    let [second, third] = [2, 3].map(|number| {
        let running = job(&client, number);
        wait_for_line(&client, number - 1);
        running
    });
    second.process.signal(Signal::SIGSTOP);
    let_go(&client, 1);
    wait_for_start(&client, &[1, 3]);
    second.process.signal(Signal::SIGCONT);
    let_go(&client, 3);
    wait_for_start(&client, &[1, 3, 2]);
    let_go(&client, 2);
    for (job, code) in [(first, 1), (second, 2), (third, 3)] {
        assert_eq!(job.wait().status.code(), Some(code));
    }
}

/// S17, of a whole frozen session: takes ten seconds.
#[test]
fn several_suspended_in_line_are_passed() {
    let client = session(1);
    let _first = job(&client, 1);
    wait_for_start(&client, &[1]);
    let [second, third, fourth] = [2, 3, 4].map(|number| {
        let running = job(&client, number);
        wait_for_line(&client, number - 1);
        running
    });
    for suspended in [&second, &third] {
        suspended.process.signal(Signal::SIGSTOP);
    }
    let_go(&client, 1);
    wait_for_start(&client, &[1, 4]);
    let_go(&client, 4);
    assert_eq!(fourth.wait().status.code(), Some(4));
    for suspended in [&second, &third] {
        suspended.process.signal(Signal::SIGKILL);
        suspended.process.signal(Signal::SIGCONT);
    }
}

/// I5: a command that starts unproven, because it may be a foreground command, takes a slot that counts. Takes half a
/// minute, because Claude Code never answers.
#[test]
fn what_is_let_go_unproven_counts() {
    let client = session(1);
    let first = job(&client, 1);
    wait_for_start(&client, &[1]);
    let command = "echo 9 >> log; until [ -e go-9 ]; do sleep 0.02; done";
    client.announce(command);
    let unproven = client.start(command);
    let since = Instant::now();
    wait_until("half of the wait to go by", || since.elapsed() > Duration::from_secs(15));
    assert_eq!(started(&client), [1]);
    wait_for_start(&client, &[1, 9]);
    let second = job(&client, 2);
    wait_for_line(&client, 1);
    let_go(&client, 1);
    first.wait();
    // The first runner of the queue looks once a second.
    let since = Instant::now();
    wait_until("two looks to go by", || since.elapsed() > Duration::from_millis(2_500));
    assert_eq!(started(&client), [1, 9]);
    let_go(&client, 9);
    unproven.wait();
    wait_for_start(&client, &[1, 9, 2]);
    let_go(&client, 2);
    assert_eq!(second.wait().status.code(), Some(2));
}

/// S11: the hook also says how much of the limit agents of another configuration folder use.
#[test]
fn agents_of_another_folder_are_told() {
    let first = session(1);
    let mut second = Client::new(Shell::Bash);
    second.env.share_runtime(&first.env);
    slots_are(&second, 1);
    launch_agent(&first);
    let call = second.announce("true");
    let waiting = second.start("true");
    wait_for_line(&first, 1);
    let said = told(&second.bind(call, &waiting));
    assert!(said.contains("is number 1 in the queue:"), "{said}");
    assert!(said.contains("(1 agent of other configuration folders). It starts"), "{said}");
    let listed = second.env.run("sisyphus", &["list"]).stdout;
    assert!(listed.contains("1 agent of other configuration folders"), "{listed}");
    first.hook(
        "sisyphus-subagent-stop",
        json!({ "hook_event_name": "SubagentStop", "agent_id": "a1" }),
    );
    assert_eq!(waiting.wait().status.code(), Some(0));
}

pub(crate) fn launch_agent(client: &Client) {
    let agent = json!({
        "hook_event_name": "PreToolUse", "tool_name": "Agent", "tool_use_id": "toolu_a",
        "tool_input": { "description": "explore", "prompt": "find it", "subagent_type": "Explore" },
    });
    client.hook("sisyphus-pre-tool-use", agent.clone());
    let mut launched = agent;
    launched["hook_event_name"] = json!("PostToolUse");
    launched["tool_response"] =
        json!({ "isAsync": true, "status": "async_launched", "agentId": "a1" });
    client.hook("sisyphus-post-tool-use", launched);
}

/// S9, S10: a killed container with another host name holds nothing. Claude Code's hooks run in there, too. A shell in
/// namespaces that its hook did not see is not ours.
#[test]
fn a_killed_container_holds_no_slot() {
    let client = session(1);
    let command = "echo 1 >> log; sleep 600";
    let mut call = json!({
        "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "toolu_contained",
        "tool_input": { "command": command, "description": "a test", "run_in_background": true },
    });
    client.complete(&mut call);
    let event = client.env.path().join("event.json");
    fs::write(&event, call.to_string()).unwrap();
    let hook = client.env.command("sisyphus-pre-tool-use");
    let contained = client.spawn(&client.attached(command), |shell, path| {
        let mut container = Command::new("unshare");
        if !nix::unistd::geteuid().is_root() {
            container.args(["--user", "--map-root-user"]);
        }
        container.args(["--mount", "--pid", "--uts", "--fork", "--mount-proc", "--kill-child"]);
        let script =
            "hostname elsewhere || exit 90\n\"$0\" < \"$1\" || exit 91\nshift\n\"$@\"; exit $?";
        container.args(["sh", "-c", script]).arg(hook.get_program()).arg(&event);
        container.arg(shell.get_program()).args(shell.get_args());
        client.env.apply(&mut container);
        let file = fs::File::options().append(true).open(path).unwrap();
        container.env("SHELL", client.shell.program()).stdin(Stdio::null());
        container.stdout(file.try_clone().unwrap()).stderr(file);
        *shell = container;
    });
    client.wait_until_attached(&contained);
    client.bind(call, &contained);
    wait_for_start(&client, &[1]);
    let second = job(&client, 2);
    wait_for_line(&client, 1);
    assert_eq!(started(&client), [1]);
    contained.process.signal(Signal::SIGKILL);
    wait_for_start(&client, &[1, 2]);
    let_go(&client, 2);
    assert_eq!(second.wait().status.code(), Some(2));
}

/// Starts a job in Claude Code's sandbox.
fn sandboxed_job(client: &Client, number: usize) -> Running {
    let command = format!(
        "echo {number} >> log; until [ -e go-{number} ]; do sleep 0.02; done; exit {number}"
    );
    let call = client.announce(&command);
    let running = client.spawn(&client.attached(&command), |shell, path| {
        enter(client, shell);
        let file = fs::File::options().append(true).open(path).unwrap();
        shell.stdout(file.try_clone().unwrap()).stderr(file).stdin(Stdio::null());
    });
    client.bind(call, &running);
    running
}

/// In the sandbox a command takes what is left outside; outside nothing counts that is held there.
#[test]
fn a_sandboxed_command_waits_for_slots_outside() {
    let client = session(1);
    client.env.switch_sandbox_on();
    let first = job(&client, 1);
    wait_for_start(&client, &[1]);
    let second = sandboxed_job(&client, 2);
    let waiting = client.env.runs().join("line/waiting");
    wait_until("it to wait", || fs::read_dir(&waiting).is_ok_and(|dir| dir.count() >= 1));
    let since = Instant::now();
    wait_until("two looks to go by", || since.elapsed() > Duration::from_millis(2_500));
    assert_eq!(started(&client), [1]);
    let_go(&client, 1);
    wait_for_start(&client, &[1, 2]);
    // Both together have twice the limit.
    let third = job(&client, 3);
    wait_for_start(&client, &[1, 2, 3]);
    for number in [2, 3] {
        let_go(&client, number);
    }
    for (job, code) in [(first, 1), (second, 2), (third, 3)] {
        assert_eq!(job.wait().status.code(), Some(code));
    }
}

/// A folder that others can look into may be theirs: then there is no limit, and it is logged.
#[test]
fn a_folder_of_others_is_refused_and_the_command_runs() {
    use std::os::unix::fs::PermissionsExt as _;
    let client = session(1);
    fs::create_dir_all(client.env.runtime()).unwrap();
    fs::set_permissions(client.env.runtime(), fs::Permissions::from_mode(0o755)).unwrap();
    let jobs = [job(&client, 1), job(&client, 2)];
    wait_until("both to start", || started(&client).len() == 2);
    for (job, number) in jobs.into_iter().zip(1..) {
        let_go(&client, number);
        assert_eq!(job.wait().status.code(), i32::try_from(number).ok());
    }
    let log = fs::read_to_string(client.env.state().join("hooks.log")).unwrap();
    assert!(log.contains("refused `") && log.contains("/runtime`"), "{log}");
    client.env.set(&json!({}));
}
