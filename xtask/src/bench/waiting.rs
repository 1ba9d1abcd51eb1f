//! What a runner costs while it waits for its turn: processor time and memory.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::drain::SLOTS;
use super::ours::{Ours, wait_until};
use super::stage::Stage;

/// Long enough for a few hundred microseconds to show.
const WATCHED: Duration = Duration::from_secs(60);
/// Until then a runner still makes sure that the client calls it a background command.
const SETTLED: Duration = Duration::from_secs(5);

/// Watches the head of the line and the two behind it.
pub(crate) fn run(stage: &Stage) -> Result<Value> {
    stage.forget()?;
    let mut ours = Ours::start(stage, "waiting")?;
    let mut children = Vec::new();
    for _ in 0..SLOTS {
        children.push(ours.background("exec sleep 600")?);
    }
    let names = ["the head of the line", "one behind it", "another behind it"];
    let mut waiting = Vec::new();
    for name in names {
        let child = ours.background("exec sleep 601")?;
        waiting.push((name, child.id()));
        children.push(child);
    }
    wait_until("the line", || ours.waiting() == names.len())?;
    std::thread::sleep(SETTLED);
    let before: Vec<Spent> = waiting.iter().map(|(_, id)| Spent::by(*id)).collect::<Result<_>>()?;
    std::thread::sleep(WATCHED);
    println!("\nA waiting runner over {} s (goals: 5 ms a minute, 3,072 KiB)", WATCHED.as_secs());
    println!("{:<44} {:>10} {:>10} {:>8} {:>8}", "", "cpu ms", "ticks", "KiB", "switches");
    let mut rows = Vec::new();
    for ((name, id), before) in waiting.iter().zip(before) {
        let after = Spent::by(*id)?;
        let (cpu, ticks) = (after.cpu_ms - before.cpu_ms, after.ticks - before.ticks);
        let (resident, switches) = (after.resident_kib, after.switches - before.switches);
        println!("{name:<44} {cpu:>10.3} {ticks:>10} {resident:>8} {switches:>8}");
        rows.push(json!({
            "name": name, "cpu_ms": cpu, "ticks": ticks, "resident_kib": resident, "switches": switches,
        }));
    }
    for child in &mut children {
        // Each takes its command with it.
        child.kill()?;
        child.wait()?;
    }
    Ok(json!({ "seconds": WATCHED.as_secs(), "rows": rows }))
}

/// What the kernel says of a process and all its threads.
struct Spent {
    cpu_ms: f64,
    /// User and system time as `/proc/PID/stat` counts it.
    ticks: u64,
    resident_kib: u64,
    switches: u64,
}

impl Spent {
    fn by(process: u32) -> Result<Self> {
        let read = |name: &str| {
            let path = format!("/proc/{process}/{name}");
            fs::read_to_string(&path).with_context(|| format!("could not read `{path}`"))
        };
        let stat = read("stat")?;
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        let ticks = fields.split_ascii_whitespace().skip(11).take(2);
        let ticks = ticks.map(|field| field.parse::<u64>().unwrap_or_default()).sum();
        let resident_kib = number_behind(&read("status")?, "VmRSS:")?;
        let (mut nanoseconds, mut switches) = (0, 0);
        for thread in fs::read_dir(format!("/proc/{process}/task"))? {
            let folder = format!("task/{}", thread?.file_name().to_string_lossy());
            let spent = read(&format!("{folder}/schedstat"))?;
            let first = spent.split_ascii_whitespace().next().context("schedstat is empty")?;
            nanoseconds += first.parse::<u64>().context("schedstat holds no number")?;
            switches +=
                number_behind(&read(&format!("{folder}/status"))?, "voluntary_ctxt_switches:")?;
        }
        let cpu_ms = Duration::from_nanos(nanoseconds).as_secs_f64() * 1e3;
        Ok(Self { cpu_ms, ticks, resident_kib, switches })
    }
}

fn number_behind(text: &str, key: &str) -> Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let word = line.and_then(|line| line.split_ascii_whitespace().next());
    word.with_context(|| format!("no `{key}`"))?.parse().context("no number")
}
