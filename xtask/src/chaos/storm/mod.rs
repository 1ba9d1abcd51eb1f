//! The short storm: many use the plugin at once while its processes are killed and suspended at random; then every call
//! must be accounted for in the state files.
//!
//! The seed decides what each writer and each blow does; when exactly it happens is the machine's. So a seed that failed
//! may pass again, and the folder of a failed run is kept.

mod cast;
mod check;
mod home;
mod ledger;
mod monkey;
mod records;
mod rest;
mod writer;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};

use super::random::Random;
use cast::Cast;
use check::{Account, check};
use home::Home;
use ledger::Ledger;
use monkey::{Blows, rage};
use records::{Records, files};

const SESSIONS: usize = 5;
const WRITERS: u64 = 50;
const MONKEYS: u64 = 3;

/// Raises a storm and draws up the account.
pub(super) fn run(binaries: &Path, seed: u64, seconds: u64) -> Result<ExitCode> {
    let storm = Storm { seed, length: Duration::from_secs(seconds) };
    let home = Home::create(binaries, storm.seed)?;
    let ledger = Ledger::default();
    println!(
        "seed {}, {} s, {WRITERS} writers, {SESSIONS} sessions",
        storm.seed,
        storm.length.as_secs()
    );
    let account = storm.over(&home, &ledger)?;
    let folder = home.folder.clone();
    drop(home);
    if account.violations.is_empty() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("could not remove `{}`", folder.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    for violation in &account.violations {
        println!("VIOLATED {violation}");
    }
    let count = account.violations.len();
    println!("{count} violations; seed {}, everything is in {}", storm.seed, folder.display());
    Ok(ExitCode::FAILURE)
}

struct Storm {
    seed: u64,
    length: Duration,
}

impl Storm {
    /// Goes over a home.
    fn over(&self, home: &Home, ledger: &Ledger) -> Result<Account> {
        let cast = Cast::assemble(home, ledger, SESSIONS)?;
        let blows = self.rage(&cast)?;
        let start = Instant::now();
        rest::settle(&cast)?;
        let records = Records::read(home);
        let account = check(ledger, &records);
        println!("{}", blows.say());
        let fates = ledger.fates();
        println!("{} hooks and command lines ended, {} were killed", fates.ended, fates.killed);
        println!("{} calls, {} results told", ledger.entries().len(), ledger.tellings().len());
        for (what, count) in account.calls.iter().chain(&account.notes) {
            println!("{count:>7} {what}");
        }
        say_leftovers(home);
        println!("at rest after {:.1} s", start.elapsed().as_secs_f64());
        Ok(account)
    }

    fn rage(&self, cast: &Cast<'_>) -> Result<Blows> {
        let until = Instant::now() + self.length;
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let monkeys: Vec<_> = (0..MONKEYS)
                .map(|number| {
                    let (mut random, is_over) = (Random::of(self.seed, 1_000 + number), &is_over);
                    scope.spawn(move || rage(cast.home, &mut random, is_over))
                })
                .collect();
            let writers: Vec<_> = (0..WRITERS)
                .map(|number| {
                    let mut random = Random::of(self.seed, number);
                    scope.spawn(move || writer::write(cast, &mut random, until))
                })
                .collect();
            thread::sleep(self.length);
            is_over.store(true, Ordering::Relaxed);
            let mut blows = Blows::default();
            for monkey in monkeys {
                blows.add(&monkey.join().map_err(|_| anyhow!("a monkey panicked"))?);
            }
            for writer in writers {
                writer.join().map_err(|_| anyhow!("a writer panicked"))??;
            }
            Ok(blows)
        })
    }
}

/// What killed processes leave for good; nobody's results, but somebody's disk.
fn say_leftovers(home: &Home) {
    let state = home.state();
    let temporary = [state.clone(), state.join("outbox"), state.join("claims"), home.runs()]
        .iter()
        .flat_map(|folder| files(folder))
        .filter(|path| path.extension().is_some_and(|extension| extension == "tmp"))
        .count();
    let claims = files(&state.join("claims")).len();
    let line =
        ["waiting", "running"].map(|part| files(&home.runs().join("queue").join(part)).len());
    let folders = fs::read_dir(home.runs()).into_iter().flatten().flatten();
    let folders = folders.filter(|entry| entry.path().join("claimed.json").is_file()).count();
    let log = fs::read_to_string(state.join("hooks.log")).unwrap_or_default().lines().count();
    println!(
        "left behind: {temporary} temporary files, {claims} claims, {line:?} files in line, \
         {folders} run folders; {log} lines in hooks.log"
    );
}
