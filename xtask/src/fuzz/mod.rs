//! `cargo xtask fuzz`: feeds unforeseen inputs to the readers of foreign data. The inputs are random, which needs
//! nothing else, or guided by libFuzzer, which needs a nightly compiler.

mod guided;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};
use sisyphus_harness::repository;

/// The targets that `sisyphus-fuzz` has.
const TARGETS: [&str; 6] =
    ["hook_input", "state_files", "result_files", "execution_string", "snippet", "output"];

/// How inputs are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Chance,
    Guided,
}

struct Choice {
    targets: Vec<&'static str>,
    seconds: u64,
    seed: u64,
    way: Way,
}

/// Runs the named targets, or all, two at a time.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let choice = Choice::parse(arguments)?;
    let root = repository::root()?;
    let folder = repository::target()?.join("fuzz");
    fs::create_dir_all(&folder)
        .with_context(|| format!("could not create `{}`", folder.display()))?;
    let program = match choice.way {
        Way::Chance => build(&root)?,
        Way::Guided => guided::build(&root, &folder)?,
    };
    let mut failed = 0;
    for pair in choice.targets.chunks(2) {
        let started: Vec<_> = pair
            .iter()
            .map(|target| {
                let mut command = match choice.way {
                    Way::Chance => by_chance(&program, target, &choice, &folder),
                    Way::Guided => {
                        guided::command(&program, target, choice.seconds, &root, &folder)?
                    }
                };
                Ok(thread::spawn(move || command.status()))
            })
            .collect::<Result<_>>()?;
        for (target, thread) in pair.iter().zip(started) {
            let Ok(status) = thread.join() else { bail!("`{target}` was not watched") };
            if !status
                .with_context(|| format!("could not start `{}`", program.display()))?
                .success()
            {
                println!("FAIL {target}; the failing input is in {}", folder.display());
                failed += 1;
            }
        }
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn build(root: &Path) -> Result<PathBuf> {
    let mut build = Command::new(repository::cargo());
    build.args(["build", "--quiet", "--package", "sisyphus-fuzz"]).current_dir(root);
    let status = build.status().with_context(|| format!("could not start {build:?}"))?;
    ensure!(status.success(), "could not build the targets");
    Ok(repository::target()?.join("debug/sisyphus-fuzz"))
}

fn by_chance(program: &Path, target: &str, choice: &Choice, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.args([target, &choice.seconds.to_string(), &choice.seed.to_string()]).arg(folder);
    command
}

impl Choice {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut choice = Self { targets: Vec::new(), seconds: 10, seed: 1, way: Way::Chance };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut number = || -> Result<u64> {
                let number = words.next().with_context(|| format!("`{word}` needs a number"))?;
                number.parse().with_context(|| format!("`{number}` is not a number"))
            };
            match word.as_str() {
                "--guided" => choice.way = Way::Guided,
                "--seconds" => choice.seconds = number()?,
                "--seed" => choice.seed = number()?,
                name => match TARGETS.iter().find(|target| **target == name) {
                    Some(target) => choice.targets.push(target),
                    None => {
                        bail!("`{name}` is not a target; the targets are {}", TARGETS.join(", "))
                    }
                },
            }
        }
        if choice.targets.is_empty() {
            choice.targets = TARGETS.to_vec();
        }
        Ok(choice)
    }
}
