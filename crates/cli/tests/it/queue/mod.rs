//! What a person does with the queue.

mod after;
mod in_line;
mod restart;
mod run;
mod signals;
mod top;
mod unqueued;
