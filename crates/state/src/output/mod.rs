//! The output of a task: which part is kept for good, and which part is worth reading.

mod conversation;
mod excerpt;
mod keep;
mod kept_by_0_1;
mod message;
mod refresh;
mod source;
mod trailer;
mod window;

pub use conversation::{Messages, messages};
pub use excerpt::{Excerpt, Purpose, excerpt};
pub use keep::{KEPT_BYTES, adopt, keep, keep_observed};
pub(crate) use kept_by_0_1::{kept_by_0_1, left_by_0_1};
pub use message::{has_message, keep_message};
pub use refresh::refresh;
pub(crate) use source::clients_file;
pub use source::{Source, live_output_file};
pub use trailer::Extent;
pub use window::{Begin, Window};
