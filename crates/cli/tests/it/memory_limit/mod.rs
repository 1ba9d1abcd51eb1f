//! The memory limit of the settings, with real control groups.
//!
//! Few machines let a test change the groups of the system, and a limit that does not hold would cost the machine its
//! memory. So `guest` runs in a virtual machine, which `machine` boots: the tests run in this very executable, at the
//! same path. `cargo xtask ci` asks for it.

mod guest;
mod machine;
