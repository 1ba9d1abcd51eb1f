//! `cargo xtask bench --counts`: the system calls and the instructions of hooks with nothing to do, against the numbers
//! here. So no change makes every step of every session more expensive unseen.
//!
//! Both are what a hook takes more than a program of the same compiler and the same C library that does nothing, not even
//! the start of Rust's standard library. So another version of the C library makes little difference.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::SKIPPED;

use super::hooks::idle_hooks;
use super::stage::{Pace, Stage};

/// What one of them takes.
struct Counted {
    hook: &'static str,
    system_calls: i64,
    instructions: i64,
}

/// What they take, with the programs that `install.sh` builds. Change a number together with what changed it.
const COUNTED: [Counted; 4] = [
    Counted { hook: "sisyphus-user-prompt-submit", system_calls: 15, instructions: 44_037 },
    Counted { hook: "sisyphus-stop", system_calls: 16, instructions: 43_479 },
    Counted { hook: "sisyphus-pre-tool-use", system_calls: 12, instructions: 42_833 },
    Counted { hook: "sisyphus-post-tool-use", system_calls: 15, instructions: 55_897 },
];

/// By how many thousandths the instructions may differ, in either direction. The C library chooses the code that copies
/// and compares memory by the processor, and the length of the home folder's path counts. Each made a difference of 7 at
/// most where it was tried. A gain beyond it fails too, so that nothing can use it up unseen.
const TOLERANCE: i64 = 20;

/// System calls that say nothing of a hook: whether a clock needs one depends on the machine, and how memory is asked for
/// on the version of the C library.
const LEFT_OUT: &str = "trace=!clock_gettime,brk,mmap,munmap,mprotect";

/// The compiler that the numbers are for. Another one makes other programs of the same sources.
const COMPILER: &str = "rustc 1.95";

/// Counts, prints, and fails if a number is another one. With another compiler, or elsewhere than on 64-bit x86 Linux, the
/// numbers say nothing: then it counts nothing, and its exit code is [`SKIPPED`].
pub(crate) fn check() -> Result<ExitCode> {
    let here = compiler()?;
    if cfg!(not(all(target_os = "linux", target_arch = "x86_64"))) || !here.starts_with(COMPILER) {
        println!(
            "the numbers are those of {COMPILER} on 64-bit x86 Linux; here is {}",
            here.trim()
        );
        return Ok(ExitCode::from(SKIPPED));
    }
    let stage = Stage::build(Pace::Full)?;
    let nothing = stage.program_without_start()?;
    let mut is_as_before = true;
    for (idle, counted) in idle_hooks(&stage)?.iter().zip(&COUNTED) {
        ensure!(idle.binary == counted.hook, "the hooks are in another order");
        let own = |count: fn(Command, &Path, &Path) -> Result<i64>| -> Result<i64> {
            let beside = count(Command::new(&nothing), &idle.event, stage.home())?;
            Ok(count(stage.binary(idle.binary), &idle.event, stage.home())? - beside)
        };
        let (system_calls, instructions) = (own(system_calls)?, own(instructions)?);
        let off = (instructions - counted.instructions).abs() * 1000;
        let is_same =
            system_calls == counted.system_calls && off <= counted.instructions * TOLERANCE;
        is_as_before &= is_same;
        println!(
            "{} {}: {system_calls} system calls ({}), {instructions} instructions ({})",
            if is_same { "ok  " } else { "FAIL" },
            idle.binary,
            counted.system_calls,
            counted.instructions,
        );
    }
    if !is_as_before {
        println!("in parentheses is what crates/bench/src/counts.rs says");
    }
    Ok(if is_as_before { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn compiler() -> Result<String> {
    let output = Command::new("rustc").arg("--version").output().context("could not run rustc")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn system_calls(program: Command, event: &Path, home: &Path) -> Result<i64> {
    let trace = home.join("trace");
    let mut strace = below("strace", &program);
    strace.args(["-f", "-qq", "-e", "signal=none", "-e", LEFT_OUT, "-o"]).arg(&trace);
    run(strace, &program, event)?;
    let calls = fs::read_to_string(&trace).context("`strace` wrote nothing")?;
    // A call that another thread interrupts has a second line.
    Ok(i64::try_from(calls.lines().filter(|line| !line.contains(" resumed>")).count())?)
}

fn instructions(program: Command, event: &Path, home: &Path) -> Result<i64> {
    let mut valgrind = below("valgrind", &program);
    let profile = home.join("profile");
    valgrind.arg("--tool=callgrind");
    valgrind.arg(format!("--callgrind-out-file={}", profile.display()));
    let said = run(valgrind, &program, event)?;
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let number = collected.with_context(|| format!("`valgrind` counted nothing: {said}"))?.1;
    number.trim().parse().context("`valgrind` gave no number")
}

/// A tool, in the environment of the program that it looks at.
fn below(tool: &str, program: &Command) -> Command {
    let mut command = Command::new(tool);
    command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command
}

/// Runs the program below the tool, and returns what the tool said.
fn run(mut tool: Command, program: &Command, event: &Path) -> Result<String> {
    tool.arg(program.get_program()).stdin(File::open(event)?).stdout(Stdio::null());
    let output = tool.output().with_context(|| format!("could not start {tool:?}"))?;
    ensure!(output.status.success(), "{tool:?} ended with {}", output.status);
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}
