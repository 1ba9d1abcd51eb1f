//! Desktop notifications. The commit that records an end also writes its note, so there is one note whichever process
//! commits. The notifier takes notes under the same lock, so each is shown once.

mod ended;
mod notes;
mod report;
mod sequence;
mod terminal;

pub use ended::{Ended, Urgency, is_old};
pub(crate) use notes::is_live;
pub use notes::{ForProgram, Notes, SessionSummary};
pub use report::ProgramReport;
pub use sequence::sequence;
pub use terminal::{Line, Lines};

/// Tasks that end within this time share one notification.
pub const COALESCE_WINDOW: std::time::Duration = std::time::Duration::from_secs(2);

/// How long a result is held back that the end of a session may have caused. After that the record shows whether it did.
pub const SURE: chrono::Duration = chrono::Duration::seconds(5);
