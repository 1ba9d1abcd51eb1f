//! `cargo xtask bench [NAME…]`: what we cost, as ratios to named references measured in the same run.
//!
//! Candidates alternate, so that any other load on the machine affects all of them alike. Nothing is asserted: a ratio
//! on a loaded machine says little, and a flaky test is worse than none. `--quick` checks only that every benchmark
//! runs. `--counts` does assert, because a count does not depend on the load.

#![expect(clippy::print_stdout, reason = "a tool of the build talks to a person")]
#![expect(
    clippy::disallowed_methods,
    reason = "a tool of the build is not a hook: it may write, sleep and read the environment"
)]

mod comparison;
mod competitors;
mod counts;
mod deliver;
mod drain;
mod finish;
mod history;
mod hooks;
mod install;
mod latency;
mod machine;
mod measure;
mod memory;
mod ours;
mod page;
mod parts;
mod print;
mod report;
mod runner;
mod scripts;
mod sessions;
mod settings;
mod snapshot;
mod stage;
mod statusline;
mod track;
mod versions;
mod watch;
mod writers;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use sisyphus_harness::repository;

use machine::{Machine, Run};
use parts::{InHaste, PARTS, Part};
use report::{Report, Section};
use stage::{Pace, Stage};
use versions::Tool;

/// The page that is generated from the measurements.
pub const PAGE: &str = "docs/benchmarks.md";
/// The measurements of that page.
const MEASURED: &str = "docs/benchmarks.json";

/// The name that also installs this competitor, whose build takes minutes.
const PUEUE: &str = "pueue";

/// Runs the named benchmarks, or all; prints the tables and writes `target/bench.json`.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let (options, names): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|word| word.starts_with("--"));
    match options.as_slice() {
        [] => measure(&named(&names)?, &names)?,
        [option] => match option.as_str() {
            "--list" => named(&names)?.iter().for_each(|part| println!("{}", part.name)),
            "--quick" => try_out(&named(&names)?)?,
            "--counts" => return counts::check(),
            "--page" => publish(&newest()?)?,
            _ => bail!("`{option}` is not an option of `cargo xtask bench`"),
        },
        _ => bail!("`cargo xtask bench` takes one option at most"),
    }
    Ok(ExitCode::SUCCESS)
}

fn named(names: &[&String]) -> Result<Vec<&'static Part>> {
    let is_meant = |part: &Part, name: &str| {
        part.name.contains(name) || name == PUEUE && part.beside.contains(&Tool::Pueue)
    };
    let is_named = |part: &&Part| names.is_empty() || names.iter().any(|name| is_meant(part, name));
    let parts: Vec<&Part> = PARTS.iter().filter(is_named).collect();
    ensure!(!parts.is_empty(), "no benchmark is named like {names:?}; `--list` shows all");
    Ok(parts)
}

/// The file with the newest measurement of each part.
fn newest() -> Result<PathBuf> {
    Ok(repository::target()?.join("bench.json"))
}

fn measure(parts: &[&Part], names: &[&String]) -> Result<()> {
    if names.iter().any(|name| *name == PUEUE) {
        competitors::install_pueue()?;
    }
    let path = newest()?;
    let stage = Stage::build(Pace::Full)?;
    // After the build, which is a load of its own.
    let run = Run::begin()?;
    let mut report = Report::empty(Machine::look());
    for part in parts {
        println!("\n{}\n{}", part.title.to_uppercase(), part.about);
        let section = measure_part(part, &stage, &run)?;
        section.tables.iter().for_each(print::print);
        report.sections.push(section);
        // Written after each part, so that a later failure loses no measurement.
        with_earlier(report.clone(), &path).write(&path)?;
    }
    println!("\n{}", path.display());
    Ok(())
}

fn measure_part(part: &Part, stage: &Stage, run: &Run) -> Result<Section> {
    let tables = (part.run)(stage).with_context(|| format!("benchmark `{}`", part.name))?;
    let beside = versions::of(part.beside);
    Ok(Section { name: part.name.to_owned(), run: run.clone(), beside, tables })
}

/// The current page about costs.
pub fn page(root: &Path) -> Result<String> {
    Ok(page::page(&Report::read(&root.join(MEASURED))?))
}

/// Makes the page from another measurement.
fn publish(measured: &Path) -> Result<()> {
    let root = repository::root()?;
    Report::read(measured)?.write(&root.join(MEASURED))?;
    let path = root.join(PAGE);
    println!("{}", path.display());
    fs::write(&path, page(&root)?).with_context(|| format!("could not write `{}`", path.display()))
}

/// Adds earlier measurements of other parts, in the order of the list.
fn with_earlier(report: Report, path: &Path) -> Report {
    // A file in another format is ignored.
    let mut report = match Report::read(path) {
        Ok(earlier) => report.completed_by(earlier),
        Err(_) => report,
    };
    let place = |section: &Section| PARTS.iter().position(|part| part.name == section.name);
    report.sections.retain(|section| place(section).is_some());
    report.sections.sort_by_key(place);
    report
}

/// Runs a few rounds of every part that needs only this repository, with the test binaries, and makes the file and the
/// page. Prints only whether that worked: such figures mean nothing.
fn try_out(parts: &[&Part]) -> Result<()> {
    let stage = Stage::build(Pace::Quick)?;
    let run = Run::begin()?;
    let mut report = Report::empty(Machine::look());
    for part in parts {
        if part.in_haste == InHaste::LeftOut {
            println!("left out {}", part.name);
            continue;
        }
        let start = Instant::now();
        report.sections.push(measure_part(part, &stage, &run)?);
        println!("ran {} in {:.1} s", part.name, start.elapsed().as_secs_f64());
    }
    let path = stage.home().join("bench.json");
    report.write(&path)?;
    let read = Report::read(&path)?;
    ensure!(read == report, "what was read from the report is not what was written");
    let page = page::page(&read);
    for part in parts.iter().filter(|part| part.in_haste == InHaste::Runs) {
        ensure!(page.contains(part.title), "the page says nothing of `{}`", part.name);
    }
    Ok(())
}
