//! The list of tasks.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::{bench, chaos, ci, dist, docs, e2e, fuzz, tidy};

const USAGE: &str = "usage: cargo xtask ci
       cargo xtask tidy
       cargo xtask bench [--list|--quick|--page] [NAME…]
       cargo xtask chaos [--seed N] [--seconds N] [--endings N] [--kills none|hooks|runners|everything] [--only SCENE]
       cargo xtask dist
       cargo xtask docs [--check]
       cargo xtask e2e [--list] [--jobs N] [--keep] [NAME…]
       cargo xtask fuzz [--seconds N] [--seed N] [--guided] [TARGET…]";

/// Runs the task that the first argument names.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    match arguments.split_first() {
        Some((verb, rest)) => match verb.as_str() {
            "ci" => ci::run(),
            "tidy" => tidy::run(),
            "bench" => bench::run(rest),
            "chaos" => chaos::run(rest),
            chaos::CLIENT => chaos::serve(),
            "dist" => dist::run(),
            "docs" => docs::run(rest),
            "fuzz" => fuzz::run(rest),
            "e2e" => e2e::run(rest),
            e2e::REWRITE_HOOK => e2e::answer_as_rewriting_hook(),
            _ => bail!("`{verb}` is not a task\n{USAGE}"),
        },
        None => bail!("no task given\n{USAGE}"),
    }
}
