//! What a process knows of other processes when it looks at runs.

use std::path::Path;

use sisyphus_base::process_ref::ProcessRef;

/// What this process knows about Claude Code's processes and files.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    /// Whether a process is known to have exited.
    pub is_gone: fn(&ProcessRef) -> bool,
    /// Where Claude Code keeps its files, for a task that does not say.
    pub client_tmp: &'a Path,
    pub scope: Scope,
}

/// Which runs are probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    All,
    /// Runs with a result: for a runner, which knows that there is one. Probing hundreds of others costs far more.
    Ended,
}
