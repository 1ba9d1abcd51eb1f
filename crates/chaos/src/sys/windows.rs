//! Windows has no such signals, so there is no chaos test there yet.

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitStatus;

pub(crate) fn suspend(_process: u32) {}

pub(crate) fn resume(_process: u32) {}

pub(crate) fn terminate(_process: u32) {}

pub(crate) fn signal_of(_status: ExitStatus) -> Option<i32> {
    None
}

pub(crate) fn create_private_dir(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)
}
