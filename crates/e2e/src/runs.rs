//! Runs scenarios one after the other, or several at a time, and prints the results.

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::Result;

use super::Leftovers;
use super::scenarios::{Beside, Scenario};
use super::stage::Stage;

/// Runs `scenarios` with one executable of Claude Code, `jobs` at a time, and then those that run beside nothing; prints
/// one line for each as it ends, and the count last.
pub(super) fn run_all(
    scenarios: &[&Scenario],
    client: &Path,
    jobs: usize,
    leftovers: Leftovers,
) -> ExitCode {
    let start = Instant::now();
    let (beside, alone): (Vec<&Scenario>, Vec<&Scenario>) =
        scenarios.iter().copied().partition(|it| it.runs_beside == Beside::Others);
    let failures = |scenarios: &[&Scenario], jobs: usize| {
        let next = AtomicUsize::new(0);
        let failed = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..jobs.min(scenarios.len()) {
                scope.spawn(|| {
                    while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::SeqCst)) {
                        if !passes(scenario, client, leftovers) {
                            failed.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                });
            }
        });
        failed.into_inner()
    };
    let failed = failures(&beside, jobs) + failures(&alone, 1);
    let passed = scenarios.len() - failed;
    println!("{passed} passed, {failed} failed, {:.0} s", start.elapsed().as_secs_f64());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn passes(scenario: &Scenario, client: &Path, leftovers: Leftovers) -> bool {
    let name = scenario.name;
    let start = Instant::now();
    let outcome = play(scenario, client, leftovers);
    let seconds = start.elapsed().as_secs_f64();
    match outcome {
        Ok(()) => println!("PASS {name} {seconds:.1} s"),
        Err(ref error) => {
            println!("FAIL {name} {seconds:.1} s\n{}", indented(&format!("{error:#}")));
        }
    }
    outcome.is_ok()
}

fn play(scenario: &Scenario, client: &Path, leftovers: Leftovers) -> Result<()> {
    let stage = Stage::set_up(scenario.name, client)?;
    (scenario.run)(&stage)
        .map_err(|error| error.context(format!("the run is in {}", stage.folder.display())))?;
    if leftovers == Leftovers::Remove {
        stage.clean()?;
    }
    Ok(())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("     {line}")).collect::<Vec<_>>().join("\n")
}
