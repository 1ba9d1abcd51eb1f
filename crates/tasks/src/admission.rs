//! Whether a command or an agent may start.

/// The answer to a command or an agent that asks to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It has a slot, finds a free one, or needs none.
    Immediate,
    /// It waits at this position in the queue: position 1 is next.
    Queued { position: usize },
}
