//! Whose exit code 0 a command line ends with: that of the last program of a pipeline, or of a `true` at the end.
//!
//! The shell then says nothing about the programs before it. This crate reads a command line as bash and zsh do. It
//! judges one only if it understands all of it: in doubt it says nothing.
//!
//! ```text
//! lexer       words and operators; skips quotes, comments, here-documents and substitutions
//! grammar     lists, pipelines, compound commands
//! last        the decision
//! ```

mod grammar;
mod last;
mod lexer;

#[cfg(test)]
mod cases;

pub use last::{CodeZero, Place, code_zero};
