//! Whether a command or an agent may start.

/// What becomes of one that asks to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It has a slot, finds one free, or needs none.
    Immediate,
    /// It waits at this position in the queue: 1 is the next.
    Queued { position: usize },
}
