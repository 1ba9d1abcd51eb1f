//! The meeting place of runner and hooks: `/tmp/claude-UID/sisyphus`, which the client's sandbox can write to too.
//!
//! ```text
//! announced/SESSION/TICKET-TASK   a call that was announced and not claimed yet; the folder is there only if one is
//! claims/KEY                      in the sandbox: what `sisyphus-run claim` hands to the `run` that follows it
//! queue/                          who waits for a slot, and who has one
//! queue/agents/KEY.json           what agents have of those slots
//! TASK/claimed.json               the announcement, moved here by the one who claimed it
//! TASK/lock                       held by the runner for its life
//! TASK/queued.json, started.json, result.json  written once each by the runner
//! TASK/output.log                 the kept output, if the state folder was out of the runner's reach
//! ```
//!
//! Invariant: whatever is read here may have been written by a sandboxed command. It is bounded and validated, and
//! nothing of it is used as a path or a command.

mod agents;
mod announcement;
mod queue;
mod root;
mod sighting;

pub use agents::AgentSlots;
pub use announcement::{Announced, Announcement};
pub use queue::{Answer, Place, Position, Queue};
pub use root::{RunFolder, RunRoot};
pub use sighting::{
    Exit, OutputSize, Queued, RunResult, Sighting, Started, Stop, is_as_recorded, look,
};
