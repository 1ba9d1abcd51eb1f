//! The options of `cargo xtask chaos`.

use std::process::id;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};

use super::injector::Kills;

/// The options of one run.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) seed: u64,
    /// How many seconds the load, or the short storm, lasts at most.
    pub(super) seconds: Option<u64>,
    /// How many background commands the load calls.
    pub(super) endings: Option<usize>,
    /// Runs only the load, with these kills.
    pub(super) kills: Option<Kills>,
    /// Plays only the scenes whose names begin with this.
    pub(super) only: Option<String>,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seed = (clock.as_secs() ^ u64::from(id())) % 1_000_000;
        let mut options = Self { seed, seconds: None, endings: None, kills: None, only: None };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("`{word}` needs a value"));
            match word.as_str() {
                "--seed" => options.seed = number(value()?)?,
                "--seconds" => options.seconds = Some(number(value()?)?),
                "--endings" => options.endings = Some(usize::try_from(number(value()?)?)?),
                "--kills" => options.kills = Some(kills(value()?)?),
                "--only" => options.only = Some(value()?.clone()),
                _ => bail!("`{word}` is not an option of `cargo xtask chaos`"),
            }
        }
        Ok(options)
    }
}

fn number(text: &str) -> Result<u64> {
    text.parse().with_context(|| format!("`{text}` is not a number"))
}

fn kills(text: &str) -> Result<Kills> {
    Ok(match text {
        "none" => Kills::None,
        "hooks" => Kills::Hooks,
        "runners" => Kills::Runners,
        "everything" => Kills::Everything,
        _ => bail!("`--kills` takes none, hooks, runners or everything, not `{text}`"),
    })
}
