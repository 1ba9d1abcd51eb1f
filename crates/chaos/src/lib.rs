//! `cargo xtask chaos`: sessions use the plugin at once while its processes are killed, its lock is held and its files
//! are attacked. Then every command must have been reported to the model, once and correctly.
//!
//! - `--kills none|hooks|runners|everything`: the load, `--endings N` commands, for `--seconds N` at most.
//! - `--only SCENE`: the scenes whose names begin with that.
//! - without any of these: every scene, and the load without and with kills.
//!
//! The binaries come from `SISYPHUS_PREBUILT`, as for the installer, or are built here. The checks never trust the
//! product's own records: see [`ledger`].
//!
//! `--seed N` decides what is done and to which process; the exact moment depends on the machine. So a seed that failed
//! may pass again, and the folder of a failed scene is kept.

#![expect(clippy::print_stdout, reason = "a tool of the build talks to a person")]
#![expect(
    clippy::disallowed_methods,
    reason = "a tool of the build is not a hook: it may write, sleep and read the environment"
)]

mod actor;
mod check;
mod home;
mod injector;
mod ledger;
mod load;
mod options;
mod quiesce;
mod random;
mod running;
mod scenes;
mod stage;
mod sys;
mod table;
mod tree;

use std::env;
use std::path::{self, Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sisyphus_harness::{plugin, repository};

use injector::Kills;
use options::Options;
use scenes::SCENES;
use stage::{Setting, Stage};
use table::{Row, print_table};

/// How many commands may run at once under the load: the default of the setting.
const LIMIT: usize = 5;
/// How many commands the load calls, without kills and with them.
const ENDINGS: usize = 1_000;
const ENDINGS_WITH_KILLS: usize = 10_000;
/// How long the load lasts at most.
const LOAD_SECONDS: u64 = 3_600;

/// Runs what the options ask for, or as one of the clients of a scene.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    if arguments.first().is_some_and(|verb| verb == actor::VERB) {
        return actor::serve();
    }
    let options = Options::parse(arguments)?;
    let binaries = binaries()?;
    let mut rows = Vec::new();
    if options.kills.is_none() {
        play_scenes(&binaries, &options, &mut rows)?;
    }
    if options.only.is_none() {
        let all = [Kills::None, Kills::Everything];
        let kills = options.kills.map_or(all.to_vec(), |kills| vec![kills]);
        for kills in kills {
            rows.push(play_load(&binaries, &options, kills)?);
        }
    }
    let names: Vec<&str> = SCENES.iter().map(|scene| scene.name).collect();
    ensure!(!rows.is_empty(), "no scene has a name like that; there are {}", names.join(", "));
    print_table(&rows);
    let is_right = rows.iter().all(|row| row.verdict.is_right(row.limit, row.kills));
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn play_scenes(binaries: &Path, options: &Options, rows: &mut Vec<Row>) -> Result<()> {
    for scene in SCENES {
        if options.only.as_ref().is_some_and(|only| !scene.name.starts_with(only)) {
            continue;
        }
        let (limit, kills, seed) = (scene.limit, Kills::None, options.seed);
        let setting = Setting { name: scene.name, limit, kills, seed };
        let verdict = Stage::play(binaries, &setting, scene.play)?;
        rows.push(Row { scene: scene.name.to_owned(), seed, limit, kills, verdict });
    }
    Ok(())
}

fn play_load(binaries: &Path, options: &Options, kills: Kills) -> Result<Row> {
    let name = match kills {
        Kills::None => "load",
        Kills::Hooks => "load-kills-hooks",
        Kills::Runners => "load-kills-runners",
        Kills::Everything => "load-kills-everything",
    };
    let default = if kills == Kills::None { ENDINGS } else { ENDINGS_WITH_KILLS };
    let endings = options.endings.unwrap_or(default);
    let seconds = Duration::from_secs(options.seconds.unwrap_or(LOAD_SECONDS));
    let setting = Setting { name, limit: LIMIT, kills, seed: options.seed };
    let play = |stage: &Stage| load::load(stage, endings, Instant::now() + seconds);
    let verdict = Stage::play(binaries, &setting, play)?;
    Ok(Row { scene: name.to_owned(), seed: options.seed, limit: LIMIT, kills, verdict })
}

fn binaries() -> Result<PathBuf> {
    match env::var_os("SISYPHUS_PREBUILT") {
        Some(folder) => Ok(path::absolute(folder)?),
        None => plugin::build(&repository::root()?, &repository::target()?),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The scene has already failed if a thread panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
