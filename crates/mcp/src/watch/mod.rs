//! Looks for lines in the output of tasks.

mod follow;
mod keeper;
mod lines;
mod pattern;
mod search;

pub(crate) use follow::{Follower, Step};
pub(crate) use keeper::Keeper;
pub(crate) use lines::Visit;
pub(crate) use pattern::Pattern;
