//! What a person does with the queue: run a command in it, run one again, move one to the front, look at all of
//! it.

pub(crate) mod next;
pub(crate) mod restart;
pub(crate) mod run;
pub(crate) mod top;
