//! `sisyphus run` and `sisyphus delegate` of another system: how a command or a session ends, its time limit, a request to
//! stop it, and what is left if its runner is killed.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sisyphus_harness::pack::Target;
use sisyphus_harness::remove;

use super::home::{DEADLINE, Home, PAUSE, PROGRAMS, PROJECT};
use super::toolchain::Toolchain;

/// How long a command sleeps that is to be ended, in seconds: longer than anything waits for its end.
const SLEEP: &str = "60";
/// What `timeout` of the coreutils exits with.
const TIMED_OUT: i32 = 124;

type Scene = fn(&Home<'_>, &Fixtures) -> Result<()>;
const SCENES: [(&str, Scene); 8] = [
    ("exit code", exit_code),
    ("places of programs", places),
    ("kept output", kept_output),
    ("time limit", time_limit),
    ("cancel", cancel),
    ("killed runner", killed_runner),
    ("answer of a session", session_answers),
    ("cancel a session", cancel_session),
];

/// Each scene in a home of its own.
pub(super) fn supervise(target: &Target, tree: &Path, toolchain: &Toolchain) -> Result<()> {
    let homes = toolchain.folder().join("supervision");
    // Wine may hold a home of an earlier run for some seconds.
    let _ = remove(&homes);
    let homes = homes.join(std::process::id().to_string());
    let fixtures = |home: &Home<'_>| {
        let path = |name| home.foreign(&toolchain.programs().join(target.program(name)));
        Fixtures {
            exit_with: path("fixture-exit-with"),
            fork_child: path("fixture-fork-child"),
            sleep: path("fixture-sleep"),
            exit_with_file: toolchain.programs().join(target.program("fixture-exit-with")),
            client: toolchain.programs().join(target.program("fixture-claude")),
        }
    };
    let mut complaints = Vec::new();
    for (name, scene) in SCENES {
        let folder = homes.join(name.replace(' ', "-"));
        let played = Home::act(tree, toolchain, &folder, |home| scene(home, &fixtures(home)));
        complaints.extend(played.err().map(|error| format!("{name}: {error:#}")));
    }
    ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
    Ok(())
}

/// Programs that commands start, as the target knows them, and those that a scene copies.
struct Fixtures {
    exit_with: String,
    fork_child: String,
    sleep: String,
    exit_with_file: PathBuf,
    /// Takes the place of Claude Code.
    client: PathBuf,
}

fn exit_code(home: &Home<'_>, fixtures: &Fixtures) -> Result<()> {
    let ended = home.end(home.sisyphus(&["run", &fixtures.exit_with, "3"])?, b"")?;
    ensure!(ended.code == 3, "it ends with {ended:?}");
    let task = only_task(home)?;
    ensure!((status(&task), task["exit_code"].as_i64()) == ("failed", Some(3)), "it is {task}");
    Ok(())
}

/// A path begins in the folder of the command, also in the background. A name is looked up in PATH before the system's own
/// programs, which have a `find` too.
fn places(home: &Home<'_>, fixtures: &Fixtures) -> Result<()> {
    for place in [PROJECT, PROGRAMS] {
        fs::copy(&fixtures.exit_with_file, home.folder().join(place).join("find.exe"))?;
    }
    let run = home.sisyphus(&["run", "--detach", r".\find.exe", "4"])?;
    let id = home.run(run, b"")?;
    home.end(home.sisyphus(&["wait", id.trim()])?, b"")?;
    let task = only_task(home)?;
    ensure!(task["exit_code"] == 4, "it is {task}");
    let ended = home.end(home.sisyphus(&["run", "find", "5"])?, b"")?;
    ensure!(ended.code == 5, "it ends with {ended:?}");
    Ok(())
}

fn kept_output(home: &Home<'_>, fixtures: &Fixtures) -> Result<()> {
    let Fixtures { exit_with, fork_child, .. } = fixtures;
    let run = home.sisyphus(&["run", "--detach", fork_child, exit_with, "0"])?;
    let id = home.run(run, b"")?;
    home.run(home.sisyphus(&["wait", id.trim()])?, b"")?;
    let printed = home.run(home.sisyphus(&["output", id.trim()])?, b"")?;
    ensure!(printed.trim().parse::<u32>().is_ok(), "it printed {printed}");
    Ok(())
}

fn time_limit(home: &Home<'_>, fixtures: &Fixtures) -> Result<()> {
    let code = Command::start(home, fixtures, &["--timeout", "1"])?.end(home)?;
    ensure!(code == TIMED_OUT, "it ends with {code}");
    ends_as(home, "timed_out")
}

fn cancel(home: &Home<'_>, fixtures: &Fixtures) -> Result<()> {
    let command = Command::start(home, fixtures, &[])?;
    let id = command.wait_for_start(home)?;
    home.run(home.sisyphus(&["cancel", &id])?, b"")?;
    command.end(home)?;
    ends_as(home, "cancelled")
}

fn killed_runner(home: &Home<'_>, fixtures: &Fixtures) -> Result<()> {
    let command = Command::start(home, fixtures, &[])?;
    let id = command.wait_for_start(home)?;
    let runner = runner_of(home, &id)?;
    let mut kill = home.program(Path::new("taskkill"));
    kill.args(["/f", "/pid", &runner]);
    home.run(kill, b"")?;
    command.end(home)?;
    ends_as(home, "lost")
}

fn session_answers(home: &Home<'_>, fixtures: &Fixtures) -> Result<()> {
    install_client(home, fixtures)?;
    let printed = home.run(home.sisyphus(&["delegate", "--wait", "look around"])?, b"")?;
    ensure!(printed.contains("look around"), "it prints {printed}");
    ends_as(home, "completed")
}

fn cancel_session(home: &Home<'_>, fixtures: &Fixtures) -> Result<()> {
    install_client(home, fixtures)?;
    home.run(home.sisyphus(&["delegate", "sleep"])?, b"")?;
    let deadline = Instant::now() + DEADLINE;
    let mut task = only_task(home)?;
    while status(&task) != "running" {
        ensure!(Instant::now() < deadline, "it is {task}");
        thread::sleep(PAUSE);
        task = only_task(home)?;
    }
    home.run(home.sisyphus(&["cancel", task["id"].as_str().unwrap_or_default()])?, b"")?;
    ends_as(home, "cancelled")
}

/// Puts a Claude Code on the path, and trusts the project.
fn install_client(home: &Home<'_>, fixtures: &Fixtures) -> Result<()> {
    fs::copy(&fixtures.client, home.folder().join(PROGRAMS).join("claude.exe"))?;
    let project = home.foreign(&home.folder().join(PROJECT)).replace('\\', "/");
    let known = json!({ "projects": { project: { "hasTrustDialogAccepted": true } } });
    let config = home.folder().join(".claude");
    fs::create_dir_all(&config)?;
    fs::write(config.join(".claude.json"), known.to_string())?;
    Ok(())
}

fn ends_as(home: &Home<'_>, expected: &str) -> Result<()> {
    let task = only_task(home)?;
    ensure!(status(&task) == expected, "it is {task}");
    Ok(())
}

/// `sisyphus run` of a command that has a child. Both have its standard output open.
struct Command {
    child: Child,
    /// Gets a message when the command has started its child, which it prints.
    is_started: Receiver<()>,
    /// Gets a message when no process has that output open any more.
    is_over: Receiver<()>,
}

impl Command {
    fn start(home: &Home<'_>, fixtures: &Fixtures, options: &[&str]) -> Result<Self> {
        let mut run = home.sisyphus(&["run"])?;
        run.args(options).args([&fixtures.fork_child, &fixtures.sleep, SLEEP]);
        run.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = run.spawn().with_context(|| format!("could not start {run:?}"))?;
        let mut output = child.stdout.take().context("there is no pipe")?;
        let ((starts, is_started), (ends, is_over)) = (channel(), channel());
        thread::spawn(move || {
            if output.read_exact(&mut [0]).is_ok() {
                let _ = starts.send(());
            }
            let _ = output.read_to_end(&mut Vec::new());
            let _ = ends.send(());
        });
        Ok(Self { child, is_started, is_over })
    }

    /// Its id, as soon as it has started its child.
    fn wait_for_start(&self, home: &Home<'_>) -> Result<String> {
        self.is_started.recv_timeout(DEADLINE).context("it does not start its child")?;
        let task = only_task(home)?;
        ensure!(status(&task) == "running", "it is {task}");
        Ok(task["id"].as_str().context("it has no id")?.to_owned())
    }

    /// Its exit code. Until all of its processes are gone it has not ended.
    fn end(mut self, home: &Home<'_>) -> Result<i32> {
        let is_over = self.is_over.recv_timeout(DEADLINE).is_ok();
        if !is_over {
            let _ = self.child.kill();
        }
        let status = self.child.wait()?;
        ensure!(is_over, "a process of it still runs after {} s", DEADLINE.as_secs());
        home.code(status)
    }
}

/// The number of its runner.
fn runner_of(home: &Home<'_>, id: &str) -> Result<String> {
    for session in fs::read_dir(home.state().join("runs"))? {
        let holder = session?.path().join(id).join("lock.holder");
        if let Ok(text) = fs::read_to_string(holder) {
            let pid = text.split(' ').next().unwrap_or_default();
            return Ok(pid.to_owned());
        }
    }
    anyhow::bail!("no file names the runner of {id}")
}

fn only_task(home: &Home<'_>) -> Result<Value> {
    let mut tasks = tasks(home)?;
    ensure!(tasks.len() == 1, "there are {tasks:?}");
    Ok(tasks.remove(0))
}

fn tasks(home: &Home<'_>) -> Result<Vec<Value>> {
    let listed = home.run(home.sisyphus(&["list", "--all", "--json"])?, b"")?;
    let listed: Value = serde_json::from_str(&listed)?;
    Ok(listed["tasks"].as_array().context("it lists no tasks")?.clone())
}

fn status(task: &Value) -> &str {
    task["status"].as_str().unwrap_or_default()
}
