//! Looks for lines in the output of tasks.

mod follow;
mod lines;
mod pattern;

pub(crate) use follow::{Follower, Step};
pub(crate) use lines::Visit;
pub(crate) use pattern::Pattern;
