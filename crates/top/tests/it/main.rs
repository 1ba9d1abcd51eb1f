//! The dashboard from outside.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

mod terminal;
