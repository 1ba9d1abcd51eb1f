//! The word for the status of a task, for people and the model.

use super::Task;
use crate::status::Status;

impl Task {
    /// Whether it waits for its turn, whatever it waits for. A call that may still be denied does not.
    pub fn is_queued(&self) -> bool {
        match self.status() {
            Status::Queued { .. } => true,
            Status::Pending { .. } => self.is_confirmed(),
            Status::Running { .. } | Status::Finished(_) => false,
        }
    }

    /// The word for the status in a text. A text needs one word for all that waits for its turn.
    pub fn word(&self) -> &'static str {
        if self.is_queued() { "queued" } else { self.status().word() }
    }
}
