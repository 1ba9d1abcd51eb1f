//! Other tools that drain a queue of commands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::{program, repository};

use super::stage::{Pace, Stage};
use super::track::Track;

/// A tool, and where its programs are.
pub(crate) enum Competitor {
    TaskSpooler { program: PathBuf },
    Xargs { program: PathBuf },
    Pueue { client: PathBuf, daemon: PathBuf },
}

/// A queue that one of them holds.
pub(crate) struct Line {
    /// How long queueing took.
    pub(crate) queueing: Duration,
    keeper: Child,
    end: Option<Command>,
}

impl Line {
    /// Ends the tool when its queue is empty.
    pub(crate) fn close(mut self) -> Result<()> {
        if let Some(mut end) = self.end.take() {
            quietly(&mut end)?;
        }
        self.keeper.wait().context("could not wait for the tool")?;
        Ok(())
    }
}

/// The installed tools; a line is printed for each missing one. At quick pace only xargs, which every machine has.
pub(crate) fn all(pace: Pace) -> Result<Vec<Competitor>> {
    let mut competitors = Vec::new();
    let xargs = program::find("xargs").map(|program| Competitor::Xargs { program });
    if pace == Pace::Quick {
        return Ok(xargs.into_iter().collect());
    }
    match program::find("tsp") {
        Some(program) => competitors.push(Competitor::TaskSpooler { program }),
        None => println!("task-spooler: not installed (`tsp`, Debian's package task-spooler)"),
    }
    match xargs {
        Some(competitor) => competitors.push(competitor),
        None => println!("xargs: not installed"),
    }
    match pueue()? {
        Some((client, daemon)) => competitors.push(Competitor::Pueue { client, daemon }),
        None => println!("pueue: not installed; `cargo xtask bench pueue` does that"),
    }
    Ok(competitors)
}

/// Pueue's command line and its daemon, from our build folder or from the machine.
fn pueue() -> Result<Option<(PathBuf, PathBuf)>> {
    let own = repository::target()?.join("tools/bin");
    let find = |name: &str| {
        Some(own.join(name)).filter(|path| path.is_file()).or_else(|| program::find(name))
    };
    Ok(find("pueue").zip(find("pueued")))
}

pub(crate) fn pueue_client() -> Result<Option<PathBuf>> {
    Ok(pueue()?.map(|(client, _)| client))
}

/// Builds pueue below the build folder, unless it is installed.
pub(crate) fn install_pueue() -> Result<()> {
    if pueue()?.is_some() {
        return Ok(());
    }
    let mut install = Command::new(repository::cargo());
    install.args(["install", "--quiet", "--locked", "pueue", "--root"]);
    let status = install.arg(repository::target()?.join("tools")).status();
    ensure!(status.context("could not start cargo")?.success(), "could not install pueue");
    Ok(())
}

impl Competitor {
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

/// It reads the list while it runs, so queueing means writing the list.
fn xargs(program: &Path, stage: &Stage, track: &Track) -> Result<Line> {
    let start = Instant::now();
    let blockers = (0..track.size.slots).map(|_| track.blocker());
    let list: Vec<String> = blockers.chain(track.shorts()).collect();
    let path = track.folder().join("list");
    fs::write(&path, list.join("\n"))?;
    let queueing = start.elapsed();
    let mut command = Command::new(program);
    stage.apply(&mut command);
    command.args(["-d", "\n", "-n", "1", "-P", &track.size.slots.to_string(), "bash", "-c"]);
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
            .env("TS_SLOTS", track.size.slots.to_string())
            .env("TMPDIR", track.folder());
        command
    };
    let add = |line: &str| quietly(command().args(["bash", "-c", line]));
    for _ in 0..track.size.slots {
        add(&track.blocker())?;
    }
    track.wait_until_taken()?;
    let start = Instant::now();
    for line in track.shorts() {
        add(&line)?;
    }
    let queueing = start.elapsed();
    // The server is not our child, so the wait is for the last command.
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
    ask(&["parallel", &track.size.slots.to_string()])?;
    for _ in 0..track.size.slots {
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
