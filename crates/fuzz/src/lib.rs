//! What must hold for any bytes that come from outside. A target takes bytes and panics if something does not hold.
//!
//! `cargo xtask fuzz` changes recorded inputs by chance, which needs nothing; `cargo xtask fuzz --guided` has libFuzzer
//! look for inputs that reach new code, which needs a nightly compiler. Inputs that once found something are in `seeds/`
//! and are tried by the tests.

#![expect(
    clippy::expect_used,
    reason = "a target that does not hold panics, which is what it is for"
)]

mod mutate;
mod seeds;
mod targets;

pub use mutate::Mutator;
pub use seeds::seeds;
pub use targets::{TARGETS, Target};
