//! Properties that must hold for any bytes from outside. A target takes bytes and panics if a property does not hold.
//!
//! `cargo xtask fuzz` changes recorded inputs at random, which needs no extra tools. With `cargo xtask fuzz --guided`,
//! libFuzzer searches for inputs that reach new code, which needs a nightly compiler. Inputs that once found a fault
//! are in `seeds/`, and the tests try them.

#![expect(clippy::expect_used, reason = "a target panics if its property does not hold")]

mod mutate;
mod seeds;
mod targets;

pub use mutate::Mutator;
pub use seeds::seeds;
pub use targets::{TARGETS, Target};
