//! What a runner uses while its command runs or waits for a slot: memory and processor time.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::ours::{Ours, wait_until};
use super::report::{Row, Table};
use super::stage::Stage;

const SLOTS: usize = 5;
/// Long enough to measure a few hundred microseconds.
const WATCHED: Duration = Duration::from_secs(60);
/// For this long a runner still checks that Claude Code calls its command a background command.
const SETTLED: Duration = Duration::from_secs(5);

/// Watches a runner with a sleeping command, the head of the queue, the runner behind it, and a comparable shell.
pub(crate) fn run(stage: &Stage) -> Result<Vec<Table>> {
    stage.forget()?;
    let mut ours = Ours::start(stage, "memory")?;
    let mut shell = Command::new("/bin/bash");
    stage.apply(&mut shell);
    // With a second command left, bash waits for its child; otherwise it would exec the command.
    shell.args(["-c", "sleep 600; true"]).stdin(Stdio::null());
    let mut watched: Vec<(&str, Child)> =
        vec![("bash that waits for its command", shell.spawn().context("could not start bash")?)];
    let mut others = Vec::new();
    for _ in 1..SLOTS {
        others.push(ours.background("exec sleep 600")?);
    }
    watched.push(("a runner whose command runs", ours.background("exec sleep 600")?));
    for name in ["a runner at the head of the line", "a runner behind it"] {
        watched.push((name, ours.background("exec sleep 601")?));
    }
    wait_until("the line", || ours.waiting() == 2)?;
    std::thread::sleep(stage.pace().pick(SETTLED, Duration::from_millis(100)));
    let look = || -> Result<Vec<Spent>> { watched.iter().map(|it| Spent::by(it.1.id())).collect() };
    let before = look()?;
    let seconds = stage.pace().pick(WATCHED, Duration::from_millis(100));
    std::thread::sleep(seconds);
    let after = look()?;
    let rows = watched.iter().zip(before.iter().zip(after)).map(|((name, _), (before, after))| {
        Row::named(*name)
            .with("resident, KiB", after.resident_kib)
            .with("processor, ms", after.cpu_ms - before.cpu_ms)
            .with("woken", after.switches - before.switches)
    });
    let title = format!("What is taken in {} seconds", seconds.as_secs());
    let note = "goals for one that waits: 3,072 KiB, and 1 ms a minute at the head of the line";
    let table = Table::new(title, rows.collect()).with_note(note);
    // The stage ends the child of bash, the first one. Each of the others ends its command.
    for mut child in others.into_iter().chain(watched.into_iter().map(|it| it.1)) {
        child.kill()?;
        child.wait()?;
    }
    Ok(vec![table])
}

/// The kernel's figures for a process and all its threads, as printed.
pub(crate) struct Spent {
    pub(crate) cpu_ms: f64,
    pub(crate) resident_kib: f64,
    pub(crate) switches: f64,
}

impl Spent {
    pub(crate) fn by(process: u32) -> Result<Self> {
        let read = |name: &str| {
            let path = format!("/proc/{process}/{name}");
            fs::read_to_string(&path).with_context(|| format!("could not read `{path}`"))
        };
        let resident_kib = number_behind(&read("status")?, "VmRSS:")?;
        let (mut nanoseconds, mut switches) = (0.0, 0.0);
        for thread in fs::read_dir(format!("/proc/{process}/task"))? {
            let folder = format!("task/{}", thread?.file_name().to_string_lossy());
            let spent = read(&format!("{folder}/schedstat"))?;
            let first = spent.split_ascii_whitespace().next().context("schedstat is empty")?;
            nanoseconds += first.parse::<f64>().context("schedstat holds no number")?;
            switches +=
                number_behind(&read(&format!("{folder}/status"))?, "voluntary_ctxt_switches:")?;
        }
        Ok(Self { cpu_ms: nanoseconds / 1e6, resident_kib, switches })
    }
}

fn number_behind(text: &str, key: &str) -> Result<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let word = line.and_then(|line| line.split_ascii_whitespace().next());
    word.with_context(|| format!("no `{key}`"))?.parse().context("no number")
}
