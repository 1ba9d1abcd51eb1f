//! The other tools that work off a line of commands.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::drain::{SLOTS, Track};
use super::stage::Stage;
use crate::repository;

/// What to do about a tool that is not there and takes long to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Say,
    Install,
}

/// A tool, and where its programs are.
pub(crate) enum Rival {
    TaskSpooler { program: PathBuf },
    Xargs { program: PathBuf },
    Pueue { client: PathBuf, daemon: PathBuf },
}

/// A line that one of them keeps.
pub(crate) struct Line {
    /// How long it took to make it.
    pub(crate) queueing: Duration,
    keeper: Child,
    end: Option<Command>,
}

impl Line {
    /// Ends the tool when its line is empty.
    pub(crate) fn close(mut self) -> Result<()> {
        if let Some(mut end) = self.end.take() {
            quietly(&mut end)?;
        }
        self.keeper.wait().context("could not wait for the tool")?;
        Ok(())
    }
}

/// Those that are installed; of the others it is said that they are not. The first is what the others are compared to.
pub(crate) fn all(missing: Missing) -> Result<Vec<Rival>> {
    let mut rivals = Vec::new();
    match find("tsp") {
        Some(program) => rivals.push(Rival::TaskSpooler { program }),
        None => println!("task-spooler: not installed (`tsp`, Debian's package task-spooler)"),
    }
    match find("xargs") {
        Some(program) => rivals.push(Rival::Xargs { program }),
        None => println!("xargs: not installed"),
    }
    match pueue(missing)? {
        Some(rival) => rivals.push(rival),
        None => println!("pueue: not installed; `cargo xtask bench pueue` does that"),
    }
    Ok(rivals)
}

fn pueue(missing: Missing) -> Result<Option<Rival>> {
    let tools = repository::target()?.join("tools");
    let own = |name: &str| Some(tools.join("bin").join(name)).filter(|path| path.is_file());
    let found = || {
        let client = own("pueue").or_else(|| find("pueue"))?;
        let daemon = own("pueued").or_else(|| find("pueued"))?;
        Some(Rival::Pueue { client, daemon })
    };
    if missing == Missing::Say || found().is_some() {
        return Ok(found());
    }
    let mut install = Command::new(repository::cargo());
    install.args(["install", "--quiet", "--locked", "pueue", "--root"]).arg(&tools);
    let status = install.status().context("could not start cargo")?;
    ensure!(status.success(), "could not install pueue");
    Ok(found())
}

fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

impl Rival {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::TaskSpooler { .. } => "task-spooler",
            Self::Xargs { .. } => "xargs",
            Self::Pueue { .. } => "pueue",
        }
    }

    /// Fills every slot, then queues the short commands behind.
    pub(crate) fn queue(&self, stage: &Stage, track: &Track) -> Result<Line> {
        match self {
            Self::TaskSpooler { program } => task_spooler(program, stage, track),
            Self::Xargs { program } => xargs(program, stage, track),
            Self::Pueue { client, daemon } => queue_pueue(client, daemon, stage, track),
        }
    }
}

/// It reads the list as it goes, so that queueing is writing the list.
fn xargs(program: &Path, stage: &Stage, track: &Track) -> Result<Line> {
    let start = Instant::now();
    let blockers = (0..SLOTS).map(|_| track.blocker());
    let list: Vec<String> = blockers.chain(track.shorts()).collect();
    let path = track.folder().join("list");
    fs::write(&path, list.join("\n"))?;
    let queueing = start.elapsed();
    let mut command = Command::new(program);
    stage.apply(&mut command);
    command.args(["-d", "\n", "-n", "1", "-P", &SLOTS.to_string(), "bash", "-c"]);
    let keeper = command.stdin(fs::File::open(&path)?).spawn().context("could not start xargs")?;
    track.wait_until_taken()?;
    Ok(Line { queueing, keeper, end: None })
}

fn task_spooler(program: &Path, stage: &Stage, track: &Track) -> Result<Line> {
    let command = || {
        let mut command = Command::new(program);
        stage.apply(&mut command);
        command
            .env("TS_SOCKET", track.folder().join("socket"))
            .env("TS_SLOTS", SLOTS.to_string())
            .env("TMPDIR", track.folder());
        command
    };
    let add = |line: &str| quietly(command().args(["bash", "-c", line]));
    for _ in 0..SLOTS {
        add(&track.blocker())?;
    }
    track.wait_until_taken()?;
    let start = Instant::now();
    for line in track.shorts() {
        add(&line)?;
    }
    let queueing = start.elapsed();
    // Its server is nobody's child: what is waited for is the end of the last command.
    let keeper = command().arg("-w").stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut end = command();
    end.arg("-K");
    Ok(Line { queueing, keeper, end: Some(end) })
}

fn queue_pueue(client: &Path, daemon: &Path, stage: &Stage, track: &Track) -> Result<Line> {
    let folder = track.folder().display();
    let config = track.folder().join("pueue.yml");
    let text = format!(
        "client: {{}}\n\
         daemon:\n  shell_command: [\"bash\", \"-c\", \"{{{{ pueue_command_string }}}}\"]\n\
         shared:\n  pueue_directory: {folder}/pueue\n  runtime_directory: {folder}/pueue\n  \
         use_unix_socket: true\n  unix_socket_path: {folder}/socket\n"
    );
    fs::write(&config, text)?;
    fs::create_dir_all(track.folder().join("pueue"))?;
    let command = |program: &Path| {
        let mut command = Command::new(program);
        stage.apply(&mut command);
        command.arg("-c").arg(&config);
        command
    };
    let mut daemon = command(daemon);
    let keeper = daemon.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let ask = |arguments: &[&str]| quietly(command(client).args(arguments));
    super::ours::wait_until("pueue's daemon", || ask(&["status"]).is_ok())?;
    ask(&["parallel", &SLOTS.to_string()])?;
    for _ in 0..SLOTS {
        ask(&["add", "--", &track.blocker()])?;
    }
    track.wait_until_taken()?;
    let start = Instant::now();
    for line in track.shorts() {
        ask(&["add", "--", &line])?;
    }
    let queueing = start.elapsed();
    let mut end = command(client);
    end.arg("shutdown");
    Ok(Line { queueing, keeper, end: Some(end) })
}

fn quietly(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.with_context(|| format!("could not start {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
