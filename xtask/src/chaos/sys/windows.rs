//! Windows has no such signals, so there is no chaos test there yet.

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitStatus;

pub(in crate::chaos) fn suspend(_process: u32) {}

pub(in crate::chaos) fn resume(_process: u32) {}

pub(in crate::chaos) fn terminate(_process: u32) {}

pub(in crate::chaos) fn signal_of(_status: ExitStatus) -> Option<i32> {
    None
}

pub(in crate::chaos) fn create_private_dir(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)
}
