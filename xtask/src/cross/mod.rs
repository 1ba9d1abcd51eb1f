//! `cargo xtask cross`: the plugin for other systems, as far as this machine can try it. It compiles everything with its
//! tests, links the programs, and where it can run them, runs the unit tests, replays the recorded events, runs
//! commands of a person, and shows the demonstration.

mod home;
mod machine;
mod replay;
mod supervision;
mod toolchain;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use sisyphus_harness::pack::{Target, packages, tree};
use sisyphus_harness::{plugin, remove, repository};

use toolchain::{Purpose, Toolchain};

/// What is tried without arguments: the systems of the releases, and macOS.
const TARGETS: [&str; 5] = [
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "x86_64-pc-windows-gnu",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
];
/// What tests the plugin on the developer's machine, and starts programs that only Linux has.
const OF_LINUX: [&str; 5] =
    ["sisyphus-bench", "sisyphus-chaos", "sisyphus-e2e", "sisyphus-fuzz", "sisyphus-harness"];
/// Unit tests that fail by a fault of the program that runs them, with the beginning of its name. Wine gives a file 0 as the
/// number of its volume if the file was renamed while it was open. QEMU writes `/proc/PID/stat` of its own process itself,
/// with 0 as the process group.
const FAIL_UNDER: [(&str, &str); 2] = [
    ("wine", "line::tests::slots_go_in_the_order_of_the_line_within_the_limit"),
    ("qemu-", "sys::unix::linux::proc::tests::knows_this_process_and_its_parent"),
];
/// Unit tests that take most of the time there, and test nothing that differs between systems: the model of the state, and
/// how texts are shortened.
const SLOW_UNDER: [(&str, &str); 4] = [
    ("wine", "store::model::"),
    ("qemu-", "store::model::"),
    ("qemu-", "matches::tests::what_has_no_room_is_counted"),
    ("qemu-", "reminder::tests::all_leased_reports_fit_at_their_worst"),
];
/// The package of the commands for tests.
const FIXTURES: &str = "sisyphus-testing";
const STEPS: [Step; 6] =
    [Step::Compiles, Step::Links, Step::UnitTests, Step::Replay, Step::Run, Step::Demo];

/// Tries each target, and prints what was found as a table.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (steps, named) = match words.as_slice() {
        ["--steps", list, named @ ..] => (list.split(',').map(Step::named).collect(), named),
        named => (Ok(STEPS.into_iter().collect()), named),
    };
    let steps: BTreeSet<Step> = steps?;
    if named.iter().any(|it| it.starts_with('-')) {
        bail!("usage: cargo xtask cross [--steps STEP,…] [TARGET…]");
    }
    let targets = if named.is_empty() { TARGETS.to_vec() } else { named.to_vec() };
    let mut rows = Vec::new();
    for triple in targets {
        let target = Target::named(triple)?;
        let tried = Trial::new(&target, &steps).map(|trial| trial.run(&steps));
        if let Err(error) = &tried {
            println!("{triple}: {error:#}");
        }
        rows.push((triple, tried.unwrap_or_else(|_| vec![Verdict::No])));
    }
    println!("{}", table(&rows));
    let has_failed = rows.iter().flat_map(|(_, verdicts)| verdicts).any(|it| *it == Verdict::No);
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// In the order in which they are done: a later one needs what an earlier one has built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Compiles,
    Links,
    UnitTests,
    Replay,
    Run,
    Demo,
}

impl Step {
    fn named(name: &str) -> Result<Self> {
        let found = STEPS.into_iter().find(|step| step.name() == name);
        found
            .with_context(|| format!("`{name}` is not one of {}", STEPS.map(Self::name).join(", ")))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Compiles => "compiles",
            Self::Links => "links",
            Self::UnitTests => "unit-tests",
            Self::Replay => "replay",
            Self::Run => "run",
            Self::Demo => "demo",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It took this long.
    Yes(Duration),
    No,
    /// This machine can't, or an earlier step failed.
    NotTried,
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&match self {
            Self::Yes(time) => format!("yes, {} s", time.as_secs()),
            Self::No => "no".to_owned(),
            Self::NotTried => "not tried".to_owned(),
        })
    }
}

fn table(rows: &[(&str, Vec<Verdict>)]) -> String {
    let mut text = format!("{:<28}", "target");
    text.extend(STEPS.map(|step| format!("{step:<12}")));
    for (triple, verdicts) in rows {
        text.push_str(&format!("\n{triple:<28}"));
        text.extend(verdicts.iter().map(|verdict| format!("{verdict:<12}")));
    }
    text
}

/// One target, and what is needed for it.
struct Trial<'a> {
    root: PathBuf,
    target: &'a Target,
    toolchain: Toolchain,
}

impl<'a> Trial<'a> {
    fn new(target: &'a Target, steps: &BTreeSet<Step>) -> Result<Self> {
        let root = repository::root()?;
        let purpose =
            if steps.iter().any(|it| *it > Step::Compiles) { Purpose::Run } else { Purpose::Check };
        let folder = repository::target()?.join("cross");
        let toolchain = Toolchain::make(&root, &folder, target, purpose)?;
        Ok(Self { root, target, toolchain })
    }

    /// A verdict for each step. What fails leaves those untried that need it.
    fn run(&self, wanted: &BTreeSet<Step>) -> Vec<Verdict> {
        let mut links = true;
        let mut verdicts = Vec::new();
        for step in STEPS {
            let can = links && (step <= Step::Links || self.can_run(step));
            let verdict =
                if can && wanted.contains(&step) { self.time(step) } else { Verdict::NotTried };
            links &= step != Step::Links || verdict != Verdict::No;
            verdicts.push(verdict);
        }
        verdicts
    }

    fn can_run(&self, step: Step) -> bool {
        let by_other = self.toolchain.runner().is_some();
        match step {
            // The installer starts the programs itself, so the kernel must know how.
            Step::Demo => self.runs_here() || machine::is_for(self.target),
            // The tests of the runner do this on Linux, in many ways.
            Step::Run => self.target.is_windows() && by_other,
            Step::Compiles | Step::Links | Step::UnitTests | Step::Replay => {
                self.runs_here() || by_other
            }
        }
    }

    fn runs_here(&self) -> bool {
        self.target.runs_here().unwrap_or(false)
    }

    fn time(&self, step: Step) -> Verdict {
        let start = Instant::now();
        match self.step(step) {
            Ok(()) => {
                println!(
                    "ok   {} {step} {:.1} s",
                    self.target.triple(),
                    start.elapsed().as_secs_f64()
                );
                Verdict::Yes(start.elapsed())
            }
            Err(error) => {
                println!("FAIL {} {step}: {error:#}", self.target.triple());
                Verdict::No
            }
        }
    }

    fn step(&self, step: Step) -> Result<()> {
        let cargo = |arguments: &[&str]| self.toolchain.cargo(&self.root, arguments);
        match step {
            Step::Compiles => {
                cargo(&["clippy", "--workspace", "--all-targets"])?.flag("warnings").succeed()
            }
            Step::Links => self.link(),
            Step::UnitTests => self.unit_tests(),
            Step::Replay => replay::replay(&self.root, &self.tree()?, &self.toolchain),
            Step::Run => supervision::supervise(self.target, &self.tree()?, &self.toolchain),
            Step::Demo => self.demo(),
        }
    }

    /// Builds the programs of an archive, and the commands that the step `run` has them supervise.
    fn link(&self) -> Result<()> {
        let packages = packages(&self.root)?;
        let all = packages.iter().map(String::as_str).chain([FIXTURES]);
        let named = all.flat_map(|name| ["--package", name]);
        let arguments: Vec<&str> = ["build", "--bins"].into_iter().chain(named).collect();
        self.toolchain.cargo(&self.root, &arguments)?.succeed()
    }

    fn unit_tests(&self) -> Result<()> {
        let tests = ["test", "--quiet", "--workspace", "--lib", "--no-fail-fast"];
        let left_out = OF_LINUX.iter().flat_map(|name| ["--exclude", name]);
        let runner = self.toolchain.runner();
        let known = FAIL_UNDER.iter().chain(&SLOW_UNDER);
        let here = known.filter(|(name, _)| runner.is_some_and(|it| it.starts_with(name)));
        let skipped = here.flat_map(|(_, test)| ["--skip", test]);
        let arguments = tests.into_iter().chain(left_out).chain(["--"]).chain(skipped);
        let arguments: Vec<&str> = arguments.collect();
        self.toolchain.cargo(&self.root, &arguments)?.succeed()
    }

    /// What is unpacked from an archive, with the programs that were just linked.
    fn tree(&self) -> Result<PathBuf> {
        let folder = self.toolchain.folder().join("tree").join(self.target.triple());
        remove(&folder)?;
        tree(&self.root, &self.toolchain.programs(), self.target, &folder)?;
        Ok(folder)
    }

    /// Installs the plugin into an empty home. The installer shows the demonstration, and fails with it.
    fn demo(&self) -> Result<()> {
        if !self.runs_here() {
            let folder = self.toolchain.folder().join("machine");
            return machine::install(&self.root, &folder, &self.tree()?);
        }
        let home = self.toolchain.folder().join("home");
        remove(&home)?;
        plugin::install(&self.tree()?, &home)?;
        remove(&home)
    }
}
