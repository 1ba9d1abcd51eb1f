//! Slots and the line of commands that wait for one.

mod agents;
mod queue;

pub use agents::AgentSlots;
pub use queue::{Answer, Place, Position, Queue};
