//! Windows has no such signals, so there is no storm there yet.

use std::process::ExitStatus;

pub(in crate::chaos) fn suspend(_process: u32) {}

pub(in crate::chaos) fn resume(_process: u32) {}

pub(in crate::chaos) fn terminate(_process: u32) {}

pub(in crate::chaos) fn signal_of(_status: ExitStatus) -> Option<i32> {
    None
}
