//! How a prompt asks for ultrawork: by the skill's command, or by one of its words where somebody typed them.

mod asked;
mod printed;
mod spans;

pub use asked::{Asked, asked};
