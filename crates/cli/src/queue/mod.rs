//! What a person does with the queue: run a command in it, run one again, move one to the front. And what Claude Code
//! shows of the agents in it.

pub(crate) mod agents;
pub(crate) mod next;
pub(crate) mod restart;
pub(crate) mod run;
