//! The Claude Code that calls our server: its program, and what narrows its rights.

use std::path::PathBuf;

use anyhow::{Result, bail};
use sisyphus_process::ancestors;

use super::narrowing::{Narrowing, narrowing};

/// Interpreters that some installs of Claude Code run in.
const INTERPRETERS: [&str; 3] = ["node", "bun", "deno"];

/// What a session takes over from its caller.
#[derive(Debug, Clone, Default)]
pub(super) struct Caller {
    /// Its program, and the script if that is an interpreter.
    pub(super) program: Vec<PathBuf>,
    /// Arguments that narrow what it may do.
    pub(super) narrowing: Vec<String>,
}

impl Caller {
    /// The process that started this server. `agent` is what the session is asked to be.
    pub(super) fn of_server(agent: Option<&str>) -> Result<Self> {
        let Some(parent) = ancestors().into_iter().next() else {
            bail!(
                "could not delegate: the calling Claude Code can't be inspected; use `Agent` instead"
            );
        };
        let name = parent.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut args = parent.args.into_iter().skip(1);
        let mut program = vec![parent.program];
        if INTERPRETERS.iter().any(|it| name.starts_with(it)) {
            program.extend(args.next().map(PathBuf::from));
        }
        let args: Vec<String> = args.map(|it| it.to_string_lossy().into_owned()).collect();
        let narrowing = match narrowing(&args) {
            Narrowing::Repeated(args) => args,
            Narrowing::AsAgent(mut args, own) => {
                if agent.is_some() {
                    bail!(
                        "could not delegate: this conversation is the agent `{own}`, and another agent may have more tools; leave out `agent`"
                    );
                }
                args.extend(["--agent".to_owned(), own]);
                args
            }
            Narrowing::Unknown(flag) => bail!(
                "could not delegate: Claude Code was started with `{flag}`, and whether that narrows its rights is not known; use `Agent` instead"
            ),
        };
        Ok(Self { program, narrowing })
    }
}
