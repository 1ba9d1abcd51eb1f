//! Everything that must hold before a change is accepted. Steps that find mistakes cheaply come first.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, Result};
use sisyphus_harness::{SKIPPED, repository};

use crate::{kernel, tidy, tools};

/// The oldest Claude Code that we ask for, and those on both sides of what changed most since.
const OLDER_CLIENTS: [&str; 3] = ["2.1.157", "2.1.258", "2.1.299"];

/// Runs each step and stops at the first that fails.
pub(crate) fn run() -> Result<ExitCode> {
    let steps: [(&str, Step); 22] = [
        ("tools", Step::Tools),
        ("fmt", Step::Cargo(&["fmt", "--all", "--check"])),
        (
            "clippy",
            Step::Cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        ),
        ("guided", Step::Guided),
        ("tidy", Step::Tidy),
        ("build", Step::Cargo(&["build", "--workspace"])),
        ("test", Step::Cargo(&["test", "--workspace", "--no-fail-fast"])),
        // What finds the mistakes of each system, within the hour: a check of all code that is compiled nowhere else, and
        // each program under what runs it here.
        ("windows", Step::Cross("compiles,links,unit-tests,replay,run", "x86_64-pc-windows-gnu")),
        ("musl", Step::Cross("links,replay,demo", "x86_64-unknown-linux-musl")),
        ("arm64", Step::Cross("links,unit-tests,replay", "aarch64-unknown-linux-musl")),
        ("macos", Step::Cross("compiles", "aarch64-apple-darwin")),
        ("memory", Step::Memory),
        ("memory-limit", Step::MemoryLimit),
        // Through cargo, because the build above may have replaced this very program.
        ("docs", Step::Task(&["docs", "--check"])),
        ("fuzz", Step::Task(&["fuzz", "--seconds", "2"])),
        ("chaos", Step::Task(&["chaos", "--seed", "1", "--endings", "200"])),
        ("bench", Step::Task(&["bench", "--quick"])),
        ("dist", Step::Task(&["dist", "--quick"])),
        ("npm", Step::Task(&["npm"])),
        // A process of its own, also because it moves itself into a network namespace. A scenario sleeps most of its time:
        // one takes a quarter of a core.
        ("e2e", Step::Task(&["e2e", "--jobs", "2"])),
        ("counts", Step::Counts),
        ("clients", Step::OlderClients),
    ];
    for (name, step) in steps {
        let start = Instant::now();
        let verdict = step.run().with_context(|| format!("could not run step `{name}`"))?;
        let seconds = start.elapsed().as_secs_f64();
        match verdict {
            Verdict::Passed => println!("ok   {name} {seconds:.1} s"),
            Verdict::NotHere(why) => println!("SKIP {name}: {why}"),
            Verdict::Failed => {
                println!("FAIL {name} {seconds:.1} s");
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

enum Step {
    Tools,
    Cargo(&'static [&'static str]),
    /// Another task of this build tool, in a process of its own.
    Task(&'static [&'static str]),
    /// Steps for another system.
    Cross(&'static str, &'static str),
    Tidy,
    /// What idle hooks take.
    Counts,
    /// A few scenarios on older versions.
    OlderClients,
    /// The targets for libFuzzer, which are no member of the workspace.
    Guided,
    /// Real ends for want of memory.
    Memory,
    /// The memory limit of the settings, in a virtual machine.
    MemoryLimit,
}

enum Verdict {
    Passed,
    Failed,
    /// What the step needs is not to be had on this machine. The summary says so.
    NotHere(&'static str),
}

impl Verdict {
    fn of(has_passed: bool) -> Self {
        if has_passed { Self::Passed } else { Self::Failed }
    }
}

impl Step {
    fn run(&self) -> Result<Verdict> {
        let has_passed = match self {
            Self::Cargo(arguments) => succeeds(Command::new(repository::cargo()).args(*arguments))?,
            Self::Task(arguments) => succeeds(task().args(*arguments))?,
            Self::Cross(steps, target) => {
                succeeds(task().args(["cross", "--steps", steps, target]))?
            }
            Self::Tools => tools::ensure_installed()? == ExitCode::SUCCESS,
            Self::Tidy => tidy::run()? == ExitCode::SUCCESS,
            Self::Counts => return counts(),
            Self::OlderClients => run_on_older_clients()?,
            Self::Guided => succeeds(&mut check_guided()?)?,
            Self::Memory => return memory(),
            Self::MemoryLimit => return memory_limit(),
        };
        Ok(Verdict::of(has_passed))
    }
}

fn task() -> Command {
    let mut task = Command::new(repository::cargo());
    task.args(["run", "--quiet", "--package", "xtask", "--"]);
    task
}

/// The scenarios that show the promise, on each of them. The first that fails is the last.
fn run_on_older_clients() -> Result<bool> {
    for version in OLDER_CLIENTS {
        println!("Claude Code {version}");
        if !succeeds(task().args(["e2e", "--jobs", "2", "--short", "--client", version]))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Has the kernel end processes of a control group that the tests make.
fn memory() -> Result<Verdict> {
    let is_here = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"].iter().any(|root| {
        let probe = Path::new(root).join(format!("sisyphus-probe-{}", std::process::id()));
        let files = ["memory.limit_in_bytes", "memory.max"].map(|name| probe.join(name));
        let is_here = fs::create_dir(&probe).is_ok() && files.iter().any(|file| file.exists());
        let _ = fs::remove_dir(&probe);
        is_here
    });
    if !is_here {
        let why = "needs root and a control group for memory";
        println!("{why}");
        return Ok(Verdict::NotHere(why));
    }
    succeeds(ignored_test("out_of_memory").args(["--test-threads", "1"])).map(Verdict::of)
}

fn counts() -> Result<Verdict> {
    Ok(match code_of(task().args(["bench", "--counts"]))? {
        Some(code) if code == i32::from(SKIPPED) => {
            Verdict::NotHere("the numbers are those of another compiler or system")
        }
        code => Verdict::of(code == Some(0)),
    })
}

/// Boots a machine whose control groups the tests may change.
fn memory_limit() -> Result<Verdict> {
    if cfg!(not(all(target_os = "linux", target_arch = "x86_64"))) {
        return Ok(Verdict::NotHere("needs Linux on x86_64"));
    }
    if let Err(error) = kernel::fetch() {
        println!("{error:#}");
        return Ok(Verdict::Failed);
    }
    succeeds(&mut ignored_test("memory_limit::machine")).map(Verdict::of)
}

/// The ignored integration tests of that name. Of the whole workspace, as the step `test` has built them: with the features
/// of one package alone cargo would build all of it once more.
fn ignored_test(name: &str) -> Command {
    let mut test = Command::new(repository::cargo());
    test.args(["test", "--quiet", "--workspace", "--test", "it", "--", "--ignored", name]);
    test
}

/// Reuses clippy's results for the workspace. Nothing is linked, so libFuzzer itself is not built: any path can be
/// given for its library.
fn check_guided() -> Result<Command> {
    let mut check = Command::new(repository::cargo());
    check.args(["check", "--locked", "--manifest-path", "crates/fuzz/guided/Cargo.toml"]);
    check.arg("--target-dir").arg(repository::target()?);
    check.env("CUSTOM_LIBFUZZER_PATH", "none/libfuzzer.a");
    Ok(check)
}

fn succeeds(command: &mut Command) -> Result<bool> {
    Ok(code_of(command)? == Some(0))
}

/// The exit code; `None` after a signal.
fn code_of(command: &mut Command) -> Result<Option<i32>> {
    let status = command
        .current_dir(repository::root()?)
        .status()
        .with_context(|| format!("could not start {command:?}"))?;
    Ok(status.code())
}
