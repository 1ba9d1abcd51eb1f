//! On Windows no pictures are drawn: there is no tmux.

use std::process::ExitCode;

use anyhow::{Result, bail};

pub(crate) fn run(_: &[String]) -> Result<ExitCode> {
    bail!("the pictures are drawn from terminals of tmux, which Windows does not have")
}
