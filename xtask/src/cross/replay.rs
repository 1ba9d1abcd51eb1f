//! Starts the hooks of another system with what Claude Code really sent, as `hooks.json` of the archive wires them.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use sisyphus_harness::remove;

use super::toolchain::Toolchain;

const PAYLOADS: &str = "crates/hooks/tests/payloads";
/// The project and Claude Code's temporary folder in every payload.
const RECORDED: [(&str, &str); 2] =
    [("/home/dev/proj", "proj"), ("/tmp/claude-1000", "tmp/claude")];
const PLUGIN: &str = "${CLAUDE_PLUGIN_ROOT}";
/// Claude Code ends a hook after this time. A hook that may wait for hours has nothing to wait for here.
const DEADLINE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(5);
/// How often a machine under load may let Wine kill a program. See [`Killed`].
const ATTEMPTS: u32 = 5;
/// What happens to one command, from the call to the notice of its end.
const STORY: [&str; 5] = [
    "session-start.startup",
    "pre-tool-use.bash-background",
    "post-tool-use.bash-background",
    "user-prompt-submit.notification-bash-completed",
    "stop.idle",
];

/// Each recorded event alone, then those of one command in one home.
pub(super) fn replay(root: &Path, tree: &Path, toolchain: &Toolchain) -> Result<()> {
    let wiring = fs::read(tree.join("hooks/hooks.json")).context("could not read `hooks.json`")?;
    let wiring = serde_json::from_slice(&wiring)?;
    let homes = toolchain.folder().join("replay");
    // Wine may hold a home of an earlier run for some seconds.
    let _ = remove(&homes);
    let homes = homes.join(std::process::id().to_string());
    let mut stage = Stage { tree, toolchain, home: PathBuf::new(), wiring };
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join(PAYLOADS)).context("could not list the payloads")? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let (mut started, mut complaints) = (BTreeSet::new(), Vec::new());
    for name in &names {
        match stage.act(&homes.join(name), |stage| stage.send(&root.join(PAYLOADS).join(name))) {
            Ok(programs) => started.extend(programs),
            Err(error) => complaints.push(format!("{name}: {error:#}")),
        }
    }
    let story = stage.act(&homes.join("story"), |stage| {
        for name in STORY {
            stage.send(&root.join(PAYLOADS).join(format!("{name}.json"))).context(name)?;
        }
        stage.list().context("list")
    });
    complaints.extend(story.err().map(|error| format!("story: {error:#}")));
    ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
    let missed: Vec<String> = stage.all_programs().difference(&started).cloned().collect();
    ensure!(missed.is_empty(), "no payload starts {missed:?}");
    Ok(())
}

/// The program that runs the program was killed, and not by this one. Wine's server does that to a program that the
/// kernel has not removed one second after its end. Its exit code is lost then.
#[derive(Debug)]
struct Killed;

impl fmt::Display for Killed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("it was killed")
    }
}

impl Error for Killed {}

struct Stage<'a> {
    tree: &'a Path,
    toolchain: &'a Toolchain,
    home: PathBuf,
    wiring: Value,
}

impl Stage<'_> {
    /// Does something in a new home, again if Wine has killed a program there.
    fn act<T>(&mut self, home: &Path, act: impl Fn(&Self) -> Result<T>) -> Result<T> {
        let mut attempt = 1;
        loop {
            self.home = home.join(attempt.to_string());
            for (_, folder) in RECORDED {
                fs::create_dir_all(self.home.join(folder)).context("could not create the home")?;
            }
            match act(self) {
                Err(error) if attempt < ATTEMPTS && error.is::<Killed>() => {
                    println!("once more: {error:#}");
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Starts the hooks of an event, and returns their names.
    fn send(&self, payload: &Path) -> Result<Vec<String>> {
        let mut text = fs::read_to_string(payload).context("could not read the payload")?;
        for (recorded, folder) in RECORDED {
            let path = serde_json::to_string(&self.foreign(&self.home.join(folder)))?;
            text = text.replace(recorded, path.trim_matches('"'));
        }
        let event: Value = serde_json::from_str(&text)?;
        let programs = started_for(&self.wiring, &event);
        for program in &programs {
            self.hook(program, text.as_bytes()).with_context(|| program.clone())?;
        }
        Ok(programs)
    }

    fn hook(&self, program: &str, event: &[u8]) -> Result<()> {
        let path = program.strip_prefix(PLUGIN).context("not in the plugin")?;
        let output = self.run(self.command(path.trim_start_matches('/'))?, event)?;
        let answer: Option<Value> = Some(&output)
            .filter(|it| !it.is_empty())
            .map(|it| serde_json::from_str(it))
            .transpose()?;
        ensure!(answer.is_none_or(|it| it.is_object()), "it answers {output}");
        let log = self.home.join(".claude/plugins/data/sisyphus/state/hooks.log");
        ensure!(!log.exists(), "it logs {}", fs::read_to_string(&log)?.trim());
        Ok(())
    }

    /// The command line knows the command, and how it ended.
    fn list(&self) -> Result<()> {
        let name = if self.is_windows() { "bin/sisyphus.exe" } else { "bin/sisyphus" };
        let mut list = self.command(name)?;
        list.args(["list", "--all"]);
        let listed = self.run(list, b"")?;
        ensure!(listed.contains("completed"), "it prints {listed}");
        Ok(())
    }

    /// A program of the plugin, in this home.
    fn command(&self, path: &str) -> Result<Command> {
        let path = self.tree.join(path);
        ensure!(path.is_file(), "`{}` is missing", path.display());
        let mut command = self.toolchain.program(&path);
        let foreign = |path: &str| self.foreign(&self.home.join(path));
        command
            .env("HOME", foreign(""))
            .env("CLAUDE_CONFIG_DIR", foreign(".claude"))
            .env("CLAUDE_CODE_TMPDIR", foreign("tmp"))
            .env("SISYPHUS_RUNTIME_DIR", foreign("runtime"))
            .env("CLAUDE_PLUGIN_ROOT", self.foreign(self.tree))
            .env("LANG", "C.UTF-8")
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
            .current_dir(self.home.join("proj"));
        Ok(command)
    }

    /// What it prints, if it ends in time and well.
    fn run(&self, mut command: Command, input: &[u8]) -> Result<String> {
        let [printed, complaint] = ["stdout", "stderr"].map(|name| self.home.join(name));
        command.stdin(Stdio::piped());
        command.stdout(File::create(&printed)?).stderr(File::create(&complaint)?);
        let mut child = command.spawn().with_context(|| format!("could not start {command:?}"))?;
        let deadline = Instant::now() + DEADLINE;
        // A hook that needs no input may have ended.
        let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input));
        let status = loop {
            match child.try_wait()? {
                Some(status) => break status,
                None if Instant::now() > deadline => {
                    child.kill()?;
                    child.wait()?;
                    bail!("it does not end within {} s", DEADLINE.as_secs());
                }
                None => thread::sleep(PAUSE),
            }
        };
        let complaint = fs::read_to_string(complaint)?;
        ensure!(status.code().is_some() || self.toolchain.runner() != Some("wine"), Killed);
        ensure!(status.success() && complaint.is_empty(), "{status}: {}", complaint.trim());
        Ok(fs::read_to_string(printed)?)
    }

    /// The path as programs of the target know it. Wine shows our files as drive `Z:`.
    fn foreign(&self, path: &Path) -> String {
        let path = path.display().to_string();
        if self.is_windows() { format!("Z:{}", path.replace('/', "\\")) } else { path }
    }

    fn is_windows(&self) -> bool {
        self.tree.join("install.ps1").exists()
    }

    fn all_programs(&self) -> BTreeSet<String> {
        let events = self.wiring["hooks"].as_object().into_iter().flatten();
        events
            .flat_map(|(_, entries)| entries.as_array().into_iter().flatten())
            .flat_map(programs)
            .collect()
    }
}

/// The programs that Claude Code starts for an event. A matcher is a list of tools; without one, all are meant.
fn started_for(wiring: &Value, event: &Value) -> Vec<String> {
    let name = event["hook_event_name"].as_str().unwrap_or_default();
    let tool = event["tool_name"].as_str().unwrap_or_default();
    let entries = wiring["hooks"][name].as_array().into_iter().flatten();
    let matching = entries.filter(|entry| {
        entry["matcher"].as_str().is_none_or(|matcher| matcher.split('|').any(|it| it == tool))
    });
    matching.flat_map(programs).collect()
}

fn programs(entry: &Value) -> Vec<String> {
    let hooks = entry["hooks"].as_array().into_iter().flatten();
    hooks.filter_map(|hook| hook["command"].as_str()).map(str::to_owned).collect()
}
