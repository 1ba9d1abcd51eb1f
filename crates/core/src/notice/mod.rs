//! The text that a model reads: facts about ended tasks, in one reminder. All wording that goes to a model is here.

mod measure;
mod output_file;
mod quote;
mod reminder;
mod report;

pub use reminder::{Live, reminder};
pub use report::{command_line, heading, report};
