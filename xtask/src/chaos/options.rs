//! What a run of `cargo xtask chaos` is asked for.

use std::process::id;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};

/// The options of one run.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) seed: u64,
    /// How long the short storm lasts.
    pub(super) seconds: u64,
}

const SECONDS: u64 = 60;

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seed = (clock.as_secs() ^ u64::from(id())) % 1_000_000;
        let mut options = Self { seed, seconds: SECONDS };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut number = || -> Result<u64> {
                let number = words.next().with_context(|| format!("`{word}` needs a number"))?;
                number.parse().with_context(|| format!("`{number}` is not a number"))
            };
            match word.as_str() {
                "--seed" => options.seed = number()?,
                "--seconds" => options.seconds = number()?,
                _ => bail!("`{word}` is not an option of `cargo xtask chaos`"),
            }
        }
        Ok(options)
    }
}
