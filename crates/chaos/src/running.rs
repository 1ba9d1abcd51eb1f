//! A call whose shell was started.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ledger::Call;

/// Shared by what makes the call and what kills it.
#[derive(Debug, Clone)]
pub(super) struct Running {
    pub(super) call: Call,
    /// The process that Claude Code started as the shell.
    pub(super) process: u32,
    has_exited: Arc<AtomicBool>,
}

impl Running {
    pub(super) fn new(call: &Call, process: u32) -> Self {
        Self { call: call.clone(), process, has_exited: Arc::default() }
    }

    pub(super) fn note_exit(&self) {
        self.has_exited.store(true, Ordering::SeqCst);
    }

    pub(super) fn has_exited(&self) -> bool {
        self.has_exited.load(Ordering::SeqCst)
    }
}
